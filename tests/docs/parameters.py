"""Writes the tables of parameters into the README: `python -m tests.docs.parameters`."""

from collections.abc import Iterable, Iterator

from connector.catalogue import AUDIENCE_PARAMETERS, PARAMETERS, Kind, Parameter
from tests.docs.markdown import README

BEGIN, END = "<!-- parameters: begin -->\n", "<!-- parameters: end -->\n"
AUDIENCE_BEGIN, AUDIENCE_END = (mark.replace("parameters", "audience parameters") for mark in (BEGIN, END))


NOT_SENT = "not sent"
_LINKS = {"event_id": "docs/explanation/delivery.md#which-rows-are-one-event"}


def rows() -> Iterator[tuple[str, ...]]:
    """The heading, then a row for each parameter of events, in the catalogue's order."""
    yield ("column, and other accepted names", "goes to", "event sources", "hashed", "default", "rule")
    yield ("---",) * 6
    for parameter in PARAMETERS:
        yield _row(parameter)


def audience_rows() -> Iterator[tuple[str, ...]]:
    """The heading, then a row for each parameter of audiences."""
    yield ("column, and other accepted names", "goes to", "rule")
    yield ("---",) * 3
    for parameter in AUDIENCE_PARAMETERS:
        names, goes_to, *_, rule = _row(parameter)
        yield names, goes_to, rule


def _row(parameter: Parameter) -> tuple[str, ...]:
    own, *others = (f"`{name}`" for name in parameter.columns)
    names = own + (f" ({', '.join(others)})" if others else "")
    several = "; several columns or a list" if parameter.many else ""
    link = f" ([how]({_LINKS[parameter.name]}))" if parameter.name in _LINKS else ""
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


def generated(cells: Iterable[tuple[str, ...]]) -> str:
    """The lines of a table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def written(text: str) -> str:
    """The page with the tables as they should be."""
    text = _between(text, BEGIN, END, generated(rows()))
    return _between(text, AUDIENCE_BEGIN, AUDIENCE_END, generated(audience_rows()))


def _between(text: str, begin: str, end: str, lines: str) -> str:
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + lines + end + after


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
