"""Compile a data template for the columns of a result, and turn rows into hashed events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from connector.core.hashed_rows import HashedRows
from connector.errors import ConfigurationError
from connector.transform.binding import Binding, missing_requirements
from connector.transform.compiler import CompiledTransform, compile_events
from connector.transform.limit import first_events, first_rows
from connector.transform.row_selection import RowSelection
from connector.transform.rules import EventRules
from connector.transform.stream import hash_rows


@dataclass(frozen=True, slots=True)
class EventCompiler:
    """Implements `RowCompiler` for events."""

    compiled: CompiledTransform

    @property
    def sql(self) -> str:
        """The SQL of events and of line items, for people."""
        return f"{self.compiled.events_sql};\n\n{self.compiled.items_sql}"

    def first(self, batches: Iterable[pa.RecordBatch], limit: int, *, test: bool) -> Iterator[pa.RecordBatch]:
        """Yield the first `limit` rows; with line items, also the other rows of the events that start among them.

        An event of which some rows are missing would keep a wrong value. Test events count nowhere, and are cut.
        """
        if self.compiled.rules.line_items and not test:
            return first_events(batches, limit, self.compiled)
        return first_rows(batches, limit)

    def select(self, batches: Iterable[pa.RecordBatch], selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """Yield the rows that a retry selects."""
        return selection.filter(batches, self.compiled)

    def hash(self, batches: Iterable[pa.RecordBatch], *, threads: int, gather: bool) -> Iterator[HashedRows]:
        """Yield the hashed rows of each slice."""
        return hash_rows(batches, self.compiled, threads=threads, gather=gather)


def compile_rows(binding: Binding, rules: EventRules) -> EventCompiler:
    """Compile a bound template. Raises ConfigurationError with every parameter that the columns lack."""
    lacking = missing_requirements(binding, event_source=rules.event_source, fixed_event_name=rules.fixed_event_name)
    if lacking:
        raise ConfigurationError(lacking)
    return EventCompiler(compile_events(binding, rules))
