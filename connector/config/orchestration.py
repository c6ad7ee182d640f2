"""A query, or a file, bound to a destination."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from connector.config.destination import AudienceDestination, EventsDestination
from connector.config.fields import Mapped, Switch, Text, Words, number, one_of, pattern, whole
from connector.config.file_format import Format
from connector.config.notification import Notify
from connector.config.schedule import Schedule
from connector.config.settings import Complaint, Settings
from connector.config.warehouse import Warehouse
from connector.outcomes import IdenticalRows, NegativeLines

FileName = Annotated[str, pattern(r"[^/\\.\x00-\x1f][^/\\\x00-\x1f]*", "the name of a saved file, without a folder")]


class Orchestration(Settings):
    """One orchestration under one target, with everything it refers to.

    `query_path`, `template_path` and a local `file` are absolute. `template_path` is None for a built-in one.
    """

    filled_in: ClassVar[frozenset[str]] = frozenset({"name", "target", "query_path", "template_path"})
    references: ClassVar[Mapping[str, str]] = {"warehouse": "warehouses", "destination": "destinations"}
    aliases: ClassVar[Mapping[str, str]] = {"data_template": "template"}

    name: str
    target: str
    description: Text | None = None
    query: FileName | None = None
    query_path: Path | None = None
    file: Text | None = Field(default=None, repr=False)
    format: Format = None
    warehouse: Warehouse | None = None
    dialect: Text | None = None
    destination: EventsDestination | AudienceDestination
    template: FileName | None = None
    template_path: Path | None = None
    parameters: Mapped = Field(default_factory=dict)
    workflow: Annotated[Literal["manual", "automatic"], one_of("manual", "automatic")] = "manual"
    schedule: Schedule | None = None
    line_items: Switch = True
    identical_rows: Annotated[IdenticalRows, one_of("keep", "drop", "reject")] = "keep"
    negative_lines: Annotated[NegativeLines, one_of("subtract", "reject")] = "subtract"
    max_reject_percent: Annotated[float, number(0, 100)] | None = None
    min_rows: Annotated[int, whole(1)] | None = None
    """Rows that the result must have at least; with fewer, nothing is sent."""
    tags: Words = ()
    limit: Annotated[int, whole(1)] | None = None
    test_event_code: Text | None = None
    notify: Notify = Field(default_factory=dict)

    @property
    def sql_dialect(self) -> str | None:
        """The dialect the query is written in: `dialect`, else the warehouse's own."""
        return self.dialect or (self.warehouse.dialect if self.warehouse else None)

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Complaint]:
        """Refuse none or both of query and file, and what they and the workflow cannot do without."""
        query, file = given.get("query") is not None, given.get("file") is not None
        if query == file:
            yield "", "needs query or file" if not query else "has both query and file; keep one of them"
        if query and given.get("warehouse") is None:
            yield "", "needs warehouse, to run its query on"
        if query and given.get("format") is not None:
            yield "format", "goes with file, and there is a query"
        if given.get("workflow") == "automatic" and given.get("schedule") is None:
            yield "", "needs schedule (cron, every or after), since its workflow is automatic"
