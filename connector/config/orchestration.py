"""Settings of an orchestration: a query or file, bound to a destination."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from connector.config.destination import DestinationSettings
from connector.config.engine import EngineSettings
from connector.config.fields import FILE_NAME, Mapped, Switch, Text, Words, accepts, number, one_of, text, whole
from connector.config.file_format import Format
from connector.config.notification import DegradedSettings, Notify
from connector.config.project_files import name_advice
from connector.config.schedule import Schedule, interval_text, schedule_mapping
from connector.config.settings import Settings, Violation
from connector.config.warehouse import Warehouse
from connector.core.outcomes import IdenticalRows, NegativeLines


def _file_name(key: str) -> BeforeValidator:
    """Validate the name of a saved file; advise how to write a path, or SQL."""
    check: Any = FILE_NAME.func

    @accepts(check.json_schema)
    def validate(value: object) -> Any:
        try:
            return check(value)
        except ValueError:
            if isinstance(value, str) and (advice := name_advice(key, value)):
                raise ValueError(advice) from None
            raise

    return BeforeValidator(validate)


@accepts(lambda _: {"type": "string", "pattern": r"^\s*[A-Za-z_0-9]\S*\s*$"})
def model_name(value: object) -> str:
    """Validate the name of a dbt model; advise how to write `ref()` and a path."""
    name = text(value).strip()
    if match := re.fullmatch(r"(?:\{\{)?\s*ref\(\s*['\"]([\w.]+)['\"]\s*\)\s*(?:\}\})?", name):
        raise ValueError(f"must be the name of a model alone: write `model: {match[1]}`")
    if match := re.fullmatch(r"(?:.*/)?([\w.-]+)\.(?:sql|py)", name):
        raise ValueError(f"must be the name of a model, not a path: write `model: {match[1]}`")
    if not re.fullmatch(r"[\w-]+(?:\.[\w-]+)*", name):
        raise ValueError("must be the name of a dbt model, such as fct_orders, shop.fct_orders or fct_orders.v2")
    return name


class Orchestration(Settings):
    """An orchestration under one target, with its warehouse and destination.

    `query_path`, `template_path` and a local `file` are absolute. `template_path` is None for a built-in one.
    """

    internal_fields: ClassVar[frozenset[str]] = frozenset({"name", "target", "query_path", "template_path"})
    references: ClassVar[Mapping[str, str]] = {
        "warehouse": "warehouses",
        "destination": "destinations",
        "engine": "engines",
    }
    aliases: ClassVar[Mapping[str, str]] = {"data_template": "template"}

    name: str
    target: str
    description: Text | None = None
    """A text for people."""
    query: Annotated[str | None, _file_name("query")] = None
    """The query, as a file of `queries/` without its ending. Required unless `model` or `file` is given."""
    model: Annotated[str | None, BeforeValidator(model_name)] = None
    """A dbt model to read whole, instead of a query: its name, `PACKAGE.NAME`, or `NAME.v2` for a version."""
    query_path: Path | None = None
    file: Text | None = Field(default=None, repr=False)
    """A delimited or Parquet file, or a Delta or Iceberg table, to read instead of a query: path, `s3://`, `gs://`,
    `sftp://`, with wildcards too."""
    format: Format = None
    """The format of the file; Parquet files and the folders of tables need none."""
    warehouse: Warehouse | None = None
    """The warehouse that the query runs on. Required with `query` and `model`."""
    dialect: Text | None = None
    """The SQL dialect that the query is written in, if not that of the warehouse."""
    destination: DestinationSettings
    """The destination of the result."""
    engine: EngineSettings | None = None
    """The cluster of machines that shares the work. Without it, one process does all of it."""
    split_by: Text | None = None
    """The column of the result by whose values an engine divides the reading, if the source needs one."""
    template: Annotated[str | None, _file_name("template")] = None
    """The data template: a file of `templates/` without its ending, or a built-in one. Without it, columns are mapped
    by their names."""
    template_path: Path | None = None
    parameters: Mapped = Field(default_factory=dict)
    """Values for `{{ parameters.NAME }}` in the query and the template."""
    workflow: Annotated[Literal["manual", "automatic"], one_of("manual", "automatic")] = "manual"
    """`automatic` lets `connector start` run it on its schedule."""
    schedule: Annotated[Schedule | None, BeforeValidator(schedule_mapping)] = None
    """When it runs. Required with `workflow: automatic`."""
    line_items: Switch = True
    """If `false`, each row is an event. If `true`, rows with the same event id are line items of one event."""
    identical_rows: Annotated[IdenticalRows, one_of("keep", "drop", "reject")] = "keep"
    """Rows of an event that are equal in every mapped column: send all, send one, or reject
    the event."""
    negative_lines: Annotated[NegativeLines, one_of("subtract", "reject")] = "subtract"
    """Lines with a negative price, quantity or value: subtract them from the event's value, or reject the
    event."""
    max_reject_percent: Annotated[float, number(0, 100)] | None = None
    """Send nothing if a larger share of the rows is rejected."""
    min_rows: Annotated[int, whole(1)] | None = None
    """Send nothing if the result has fewer rows."""
    max_plan_change_percent: Annotated[float, number(0, 100)] = 10
    """How much a count may differ from a plan for `connector run --plan` to send."""
    tags: Words = ()
    """Labels, by which `connector run --tag` selects orchestrations."""
    cursor: Text | None = None
    """A column of the result that grows with every change, such as `updated_at`: a run reads the rows since the last
    success only."""
    cursor_overlap: Annotated[str, BeforeValidator(interval_text)] = "1h"
    """The overlap with earlier runs that is read again, for rows that were written late."""
    limit: Annotated[int, whole(1)] | None = None
    """Read only so many rows of the result."""
    test_event_code: Text | None = None
    """Send test events, with the code that the destination gives for tests."""
    notify: Notify = Field(default_factory=dict)
    """The notifications to send when a run ends."""
    degraded: DegradedSettings = DegradedSettings()
    """When a completed run counts as `degraded`, compared with its earlier runs."""

    @property
    def sql_dialect(self) -> str | None:
        """The SQL dialect of the query: `dialect`, else that of the warehouse."""
        return self.dialect or (self.warehouse.dialect if self.warehouse else None)

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse none or several of `query`, `model` and `file`, and what they and `workflow` require."""
        given = [key for key in ("query", "model", "file") if values.get(key) is not None]
        file = "file" in given
        if len(given) != 1:
            both = "both " * (len(given) == 2)
            yield "", f"has {both}{' and '.join(given)}; keep one of them" if given else "needs query, model or file"
        if given and not file and values.get("warehouse") is None:
            yield "", f"needs warehouse, to {'run its query on' if 'query' in given else 'read its model from'}"
        if given and not file and values.get("format") is not None:
            yield "format", f"is only for file, and there is a {given[0]}"
        if "model" in given and values.get("dialect") is not None:
            yield "dialect", "is only for query, and there is a model"
        if values.get("cursor") is not None and values.get("limit") is not None:
            yield "limit", "does not go with cursor: a run with a limit reads the same rows again"
        if values.get("cursor") is None and values.get("cursor_overlap") is not None:
            yield "cursor_overlap", "is only for cursor, and there is none"
        if file and values.get("cursor") is not None:
            yield "cursor", "is only for query or model, and there is a file, which is read once and then skipped"
        if file and values.get("split_by") is not None:
            yield "split_by", "is only for query, and there is a file, which is divided without it"
        if values.get("workflow") == "automatic" and values.get("schedule") is None:
            yield "", "needs schedule (cron, every or after), because its workflow is automatic"
