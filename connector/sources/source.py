"""The interface of every warehouse: a query's result in batches, with its schema known first."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa


class Result(Protocol):
    """The result of one query. `schema` is known before the first batch is made. Stable."""

    @property
    def schema(self) -> pa.Schema:
        """The columns, in the order of the query."""

    @property
    def query_id(self) -> str | None:
        """The query's id in the warehouse's own history; None if it has none."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the order of the result, once. Raises SourceError if the warehouse fails."""


class Source(Protocol):
    """An open connection to a warehouse, for reading only. Stable."""

    def execute(self, sql: str) -> AbstractContextManager[Result]:
        """Run the query; leaving the context ends it. Raises SourceError."""

    def describe(self, sql: str) -> pa.Schema:
        """Return the columns of the result, without running the query if possible. Raises SourceError."""

    def cancel(self) -> None:
        """Cancel the running query, if any; safe to call from another thread."""

    def close(self) -> None:
        """Close the connection."""
