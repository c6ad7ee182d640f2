"""Write notes on settings and columns that are probably mistakes, for every type of destination."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from connector.catalogue import Catalogue, Parameter, column_name
from connector.config.project import Project
from connector.transform.binding import bind
from connector.transform.template import DataTemplate


def unmapped_columns(
    project: Project,
    template: DataTemplate,
    schema: pa.Schema,
    catalogue: Catalogue,
    is_unused: Callable[[Parameter], bool] = lambda _: False,
) -> list[str]:
    """Return a sentence on columns that would fill a parameter if the template extended the identity template.

    Parameters that the destination does not use are ignored.
    """
    if template.identity:
        return []
    used = bind(template, schema, catalogue).indices()
    would_fill = {
        name: parameter.name
        for index, name in enumerate(schema.names)
        if index not in used
        and (parameter := catalogue.named(column_name(name)))
        and parameter.name not in template.sources
        and not is_unused(parameter)
    }
    if not would_fill:
        return []
    them, file = (
        "them" if len(would_fill) > 1 else "it",
        project.config_directory / "templates" / f"{template.name}.yaml",
    )
    dollars = " Without a currency, US dollars (USD) are assumed." if "currency" in would_fill.values() else ""
    return [
        f"{shown_place(project, file)}: no parameter takes {', '.join(would_fill)} from the result: map {them}, or "
        f"write `extends: {catalogue.identity}`, by which every parameter takes the column of its own name."
        f"{dollars}"
    ]


def shown_place(project: Project, file: Path, line: int | None = None) -> str:
    """Return a file, relative to the folder of the project if it is below, and a line of it."""
    within = project.config_directory
    shown = file.relative_to(within) if file.is_relative_to(within) else file
    return f"{shown}:{line}" if line else str(shown)
