"""The models of dbt that a query reads: names and descriptions of columns, and what they are mapped to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.core.dialects import dialect_named
from connector.queries.dbt_manifest import DbtNode, relation
from connector.runs.job import Job


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A column that is documented in dbt."""

    name: str
    description: str
    data_type: str | None
    parameters: tuple[str, ...]
    """The parameters that accept it."""

    def as_json(self) -> dict[str, object]:
        """Return an entry of `columns`."""
        documented = {"name": self.name, "description": self.description, "type": self.data_type}
        return {**documented, "parameters": list(self.parameters)}


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model, seed, snapshot or source that a query reads."""

    name: str
    """The name as dbt's commands select it."""
    kind: str
    """`model`, `seed`, `snapshot` or `source`."""
    table: str
    """The name of its table or view in the SQL of the warehouse."""
    description: str
    columns: tuple[ModelColumn, ...]

    def as_json(self) -> dict[str, object]:
        """Return an entry of `models`."""
        columns = [column.as_json() for column in self.columns]
        described = {"name": self.name, "kind": self.kind, "table": self.table, "description": self.description}
        return {**described, "columns": columns}


def describe_models(job: Job, accepted: Mapping[str, Sequence[str]]) -> tuple[ModelDescription, ...]:
    """Describe the models of a job; `accepted` are the columns that each parameter accepts."""
    dialect = dialect_named(job.orchestration.sql_dialect or "duckdb")
    return tuple(
        ModelDescription(
            node.label, node.resource_type, relation(node, dialect), _line(node.description), _columns(node, accepted)
        )
        for node in job.models
    )


def _columns(node: DbtNode, accepted: Mapping[str, Sequence[str]]) -> tuple[ModelColumn, ...]:
    folded = {name: {column.lower() for column in columns} for name, columns in accepted.items()}
    return tuple(
        ModelColumn(
            column.name,
            _line(column.description),
            column.data_type,
            tuple(name for name, columns in folded.items() if column.name.lower() in columns),
        )
        for column in node.columns.values()
    )


def _line(text: str | None) -> str:
    """Return a description on one line."""
    return " ".join((text or "").split())
