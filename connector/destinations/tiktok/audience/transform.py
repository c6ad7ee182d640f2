"""Compile a data template for the columns of a query of people, and turn rows into hashed identifiers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from connector.core.hashed_rows import HashedMembers
from connector.errors import ConfigurationError, UsageError
from connector.transform.binding import Binding
from connector.transform.limit import first_rows
from connector.transform.members import CompiledMembers, compile_members, hash_members, missing_columns
from connector.transform.row_selection import RowSelection
from connector.transform.rules import MemberRules


@dataclass(frozen=True, slots=True)
class MemberCompiler:
    """Implements `RowCompiler` for people."""

    compiled: CompiledMembers

    @property
    def sql(self) -> str:
        """The SQL of the transform, for people."""
        return self.compiled.sql

    def first(self, batches: Iterable[pa.RecordBatch], limit: int, *, test: bool) -> Iterator[pa.RecordBatch]:
        """Yield the first `limit` rows."""
        return first_rows(batches, limit)

    def select(self, batches: Iterable[pa.RecordBatch], selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """Raise UsageError: the next run compares the audience with all rows again."""
        raise UsageError("Rows of an audience are not selected: run it again.")

    def hash(self, batches: Iterable[pa.RecordBatch], *, threads: int, gather: bool) -> Iterator[HashedMembers]:
        """Yield the hashed members of each slice."""
        return hash_members(batches, self.compiled, threads=threads)


def compile_rows(binding: Binding, rules: MemberRules) -> MemberCompiler:
    """Compile a bound template. Raises ConfigurationError if no column names a person."""
    if lacking := missing_columns(binding):
        raise ConfigurationError(lacking)
    return MemberCompiler(compile_members(binding, rules))
