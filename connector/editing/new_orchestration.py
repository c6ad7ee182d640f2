"""A new orchestration that is put together step by step, as edits of the project file and new files."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from connector.catalogue import Catalogue
from connector.config.project import Project, load_project
from connector.editing.proposal import FileVersion, Proposal, copy_with, propose
from connector.editing.splice import Edit
from connector.editing.value_text import block_lines
from connector.errors import ConfigurationError, ConnectorError
from connector.inspection.mapping_suggestion import ParameterSuggestion, suggest_columns
from connector.inspection.preview import Preview, preview_orchestration
from connector.runs.job import current_job
from connector.runs.result import describe

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""The names that an orchestration and its files can have here."""
LARGEST_QUERY = 64 << 10
"""The most bytes of a query that is written here."""


@dataclass(frozen=True)
class NewOrchestration:
    """A new orchestration, as far as the user has described it."""

    name: str
    query: str
    """The name of its query."""
    sql: str | None
    """The text of the query; None if the file is there already."""
    warehouse: str
    destination: str
    columns: tuple[str, ...] = ()
    """The columns of the result."""
    mapping: Mapping[str, tuple[str, ...]] | None = None
    """The columns of each parameter; None until they are chosen."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings, such as `limit`."""

    def as_json(self) -> dict[str, Any]:
        """Return it for a draft file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "NewOrchestration":
        """Read it from a draft file."""
        mapping = data["mapping"]
        chosen = {name: tuple(columns) for name, columns in mapping.items()} if mapping is not None else None
        return cls(**{**data, "columns": tuple(data["columns"]), "mapping": chosen})

    def propose(self, version: FileVersion, catalogue: Catalogue | None = None) -> Proposal:
        """Return the files with it; the catalogue is that of its destination. Raises CannotSplice."""
        template = self._template(catalogue) if catalogue else None
        entry = {
            "query": self.query,
            "warehouse": self.warehouse,
            "destination": self.destination,
            **({"template": self.name} if template else {}),
            "workflow": "manual",
            **self.settings,
        }
        files = {
            **({f"queries/{self.query}.sql": self.sql.encode()} if self.sql is not None else {}),
            **({f"templates/{self.name}.yaml": template.encode()} if template else {}),
        }
        return propose(version, [Edit(("orchestrations", self.name), entry)], files)

    def _template(self, catalogue: Catalogue) -> str | None:
        """Return the template with the parameters that are not mapped by their names; None if all of them are."""
        by_name = mapping_by_name(self.columns, catalogue)
        chosen = by_name if self.mapping is None else self.mapping
        if chosen == by_name:
            return None
        has_all = by_name.keys() <= chosen.keys()
        own = {name: columns for name, columns in chosen.items() if not has_all or by_name.get(name) != columns}
        entries = {name: columns[0] if len(columns) == 1 else list(columns) for name, columns in own.items()}
        lines = [line for name, value in entries.items() for line in block_lines(name, value, 2)]
        extends = [f"extends: {catalogue.identity}"] if has_all else []
        return "\n".join([*extends, "parameters:", *lines, ""])


def mapping_by_name(columns: tuple[str, ...], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Return the columns that the template of the destination finds by their names alone."""
    there = {column.lower(): column for column in reversed(columns)}
    found = {}
    for parameter in catalogue.parameters:
        names = [there[name] for name in parameter.columns if name in there]
        if names:
            found[parameter.name] = tuple(names if parameter.many else names[:1])
    return found


@contextmanager
def project_with(project: Project, environ: Mapping[str, str], proposal: Proposal) -> Iterator[Project]:
    """Yield the project as it would be.

    Raises ConfigurationError if it is not valid, and for what is wrong with it, without the path of the copy.
    """
    with copy_with(project.directory, proposal) as copy:
        try:
            yield load_project(project.directory, environ, project.target, config_directory=copy)
        except ConnectorError as error:
            raise ConfigurationError(error.message.replace(f"{copy}/", "")) from error


def find_columns(
    project: Project, environ: Mapping[str, str], draft: NewOrchestration, version: FileVersion
) -> tuple[str, ...]:
    """Return the columns of the query's result, as the warehouse describes it without running it.

    Raises ConfigurationError, SourceError.
    """
    proposal = replace(draft, mapping=None, settings={}).propose(version)
    with project_with(project, environ, proposal) as proposed:
        job = current_job(proposed, draft.name, full=True)
        return tuple(describe(job, project.directory).names)


def suggest(project: Project, draft: NewOrchestration) -> list[ParameterSuggestion]:
    """Suggest columns for each parameter that the destination takes."""
    from connector.destinations.registry import destination_of

    parameters = destination_of(project.destination(draft.destination)).parameters()
    return suggest_columns(draft.columns, parameters)


def preview(
    project: Project, environ: Mapping[str, str], draft: NewOrchestration, version: FileVersion, catalogue: Catalogue
) -> Preview:
    """Return the first payloads, hashed, and the first excluded rows. Raises as `preview_orchestration` does."""
    with project_with(project, environ, draft.propose(version, catalogue)) as proposed:
        return preview_orchestration(proposed, draft.name, 5)
