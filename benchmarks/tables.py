"""Tables of a Markdown page."""

from collections.abc import Iterator, Sequence

from benchmarks.timing import Timing


def section(title: str, *sentences: str) -> Iterator[str]:
    """A heading and what is said below it."""
    yield from ("", f"## {title}", "", *sentences, *([""] if sentences else []))


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for line in lines:
        yield f"| {' | '.join(line)} |"


def speed(rows: int, timing: Timing) -> tuple[str, str, str]:
    """Seconds, rows a second, and CPU seconds a million rows."""
    return f"{timing.seconds:.2f}", f"{rows / timing.seconds:,.0f}", f"{timing.cpu / rows * 1e6:.2f}"


def short(rows: int) -> str:
    """1 M for a million."""
    return f"{rows // 10**6} M" if rows % 10**6 == 0 else f"{rows:,}"


def replaced(text: str, title: str, lines: Sequence[str]) -> str:
    """A report with a section in place of what it had of the same title."""
    before, heading, after = text.partition(f"\n## {title}\n")
    _, next_heading, rest = after.partition("\n## ")
    return before.rstrip("\n") + "\n" + "\n".join(lines) + "\n" + (f"{next_heading}{rest}" if heading and rest else "")
