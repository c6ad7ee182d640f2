"""Markdown tables, and the attribute docstrings that fill them."""

from collections.abc import Iterable

from connector.config.field_docs import field_docs

__all__ = ["field_docs", "table"]


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return the lines of a table."""
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines)
