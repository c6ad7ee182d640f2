"""The page of parameters, from the catalogue."""

from collections.abc import Iterator

from connector.catalogue import AUDIENCE_PARAMETERS, PARAMETERS, Kind, Parameter
from tests.docs.generated.tables import table

NOT_SENT = "not sent"
_LINKS = {"event_id": "../explanation/delivery.md#events-and-line-items"}


def rows() -> Iterator[tuple[str, ...]]:
    """The heading, then a row for each parameter of events, in the catalogue's order."""
    yield ("column, and other accepted names", "goes to", "event sources", "hashed", "default", "rule")
    for parameter in PARAMETERS:
        yield _row(parameter)


def audience_rows() -> Iterator[tuple[str, ...]]:
    """The heading, then a row for each parameter of audiences."""
    yield ("column, and other accepted names", "goes to", "rule")
    for parameter in AUDIENCE_PARAMETERS:
        names, goes_to, *_, rule = _row(parameter)
        yield names, goes_to, rule


def _row(parameter: Parameter) -> tuple[str, ...]:
    own, *others = (f"`{name}`" for name in parameter.columns)
    names = own + (f" ({', '.join(others)})" if others else "")
    several = "; several columns or a list" if parameter.many else ""
    link = f" ([more]({_LINKS[parameter.name]}))" if parameter.name in _LINKS else ""
    return (
        names,
        f"`{place(parameter)}`" if is_sent(parameter) else NOT_SENT,
        " and ".join(sorted(parameter.sources)),
        "yes" if parameter.hashed else "",
        f"`{parameter.default}`" if parameter.default else "",
        parameter.rule + several + link,
    )


def is_sent(parameter: Parameter) -> bool:
    """Whether a value goes to TikTok; others say how a phone number or an advertising id is read."""
    return bool(parameter.path) or parameter.kind is Kind.ROUTE


def place(parameter: Parameter) -> str:
    """Where in the request a parameter's value goes."""
    if not parameter.path:
        return parameter.name
    path = ".".join(parameter.path)
    return path.replace("properties.contents.", "properties.contents[].")


def page() -> str:
    """Return the page."""
    events, audience = map(list, (rows(), audience_rows()))
    return (
        f"# Parameters\n\n"
        "A column with one of the accepted names fills a parameter, or a data template names the column. In a template, "
        "`properties.NAME` is a property of your own. Text is sent as it is, unless a rule says otherwise.\n\n"
        f"## Parameters of events\n\n{table(events[0], events[1:])}\n"
        f"## Parameters of audiences\n\n{table(audience[0], audience[1:])}"
    )
