"""Writes the table of parameters into the README: `python -m tests.docs.parameters`."""

from collections.abc import Iterator

from connector.catalogue import PARAMETERS, Parameter
from tests.docs.markdown import README

BEGIN, END = "<!-- parameters: begin -->\n", "<!-- parameters: end -->\n"


def rows() -> Iterator[tuple[str, ...]]:
    """The heading, then a row for each parameter of the catalogue, in its order."""
    yield ("column, and other accepted names", "goes to", "event sources", "hashed", "default", "rule")
    yield ("---",) * 6
    for parameter in PARAMETERS:
        yield _row(parameter)


def _row(parameter: Parameter) -> tuple[str, ...]:
    own, *others = (f"`{name}`" for name in parameter.columns)
    names = own + (f" ({', '.join(others)})" if others else "")
    several = "; several columns or a list" if parameter.many else ""
    return (
        names,
        f"`{place(parameter)}`",
        " and ".join(sorted(parameter.sources)),
        "yes" if parameter.hashed else "",
        f"`{parameter.default}`" if parameter.default else "",
        parameter.rule + several,
    )


def place(parameter: Parameter) -> str:
    """Where in the request a parameter's value goes."""
    if not parameter.path:
        return parameter.name
    path = ".".join(parameter.path)
    return path.replace("properties.contents.", "properties.contents[].")


def generated() -> str:
    """The lines of the table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows())


def written(text: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + generated() + END + after


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
