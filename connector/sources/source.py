"""What every warehouse gives: the result of a query, in batches, with its schema known at once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa


class Result(Protocol):
    """The result of one query. `schema` is known before the first batch is made."""

    @property
    def schema(self) -> pa.Schema:
        """The columns, in the order of the query."""

    @property
    def query_id(self) -> str | None:
        """By what the warehouse's own history names the query; None where it has no such name."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the result, once. Raises SourceError where the warehouse fails."""


class Source(Protocol):
    """An open connection to a warehouse, which is only read."""

    def execute(self, sql: str) -> AbstractContextManager[Result]:
        """Runs the query; leaving the context ends it. Raises SourceError."""

    def describe(self, sql: str) -> pa.Schema:
        """The columns that the query would return, without running it where the warehouse can. Raises SourceError."""

    def cancel(self) -> None:
        """Stops what runs; safe to call from another thread, and when nothing runs."""

    def close(self) -> None:
        """Ends the connection."""
