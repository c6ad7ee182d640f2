"""Run a compiled transform over slices of a query's result, on DuckDB in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed_rows import KEY
from connector.errors import SourceError
from connector.transform.compiler import CompiledTransform
from connector.transform.compiler.rejected_columns import FOUND_BY
from connector.transform.derived import derived_in, with_derived
from connector.transform.plain_ids import is_plain
from connector.transform.readable import readable, with_valid_texts
from connector.transform.row_runs import find_row_runs
from connector.transform.sql.functions import register
from connector.transform.stripped import Cleaning, stripped

SMALL_MEMORY, LARGE_MEMORY = "128MB", "80%"
"""The memory limit of an engine: enough for a slice of usual rows, raised only for one that needs more. It never writes
to a temporary folder, since it holds plain identifiers."""

RESULT_ROWS = 4_096
"""Of a result, in one buffer. Larger buffers are doubled, and so copied, until they are large enough, and given back
to the system after each slice: fresh memory took a tenth of staging.
"""

UNREADABLE = "The row holds a value that cannot be read, such as a map with the same key twice."
MOST_RESTARTS = 1_000
"""How often an engine is restarted for a row that it cannot read: a row takes some twenty restarts to find."""

FAILURES = (duckdb.Error, pa.ArrowInvalid)

_Result = TypeVar("_Result")


class SliceEngine:
    """One in-memory DuckDB with one thread, which keeps the order of rows.

    Planning a compiled query takes longer than transforming ten thousand rows, so each is planned once, over
    a relation that hands out whichever slice it holds at the time. Not for use from several threads at once.
    """

    def __init__(self, default_region: str) -> None:
        self._region = default_region
        self._connection = self._connect()
        self._prepared: dict[str, _Slice] = {}
        self._is_enlarged = False
        self.restarts = 0

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = connect_isolated()
        for setting in ("TimeZone = 'UTC'", f"memory_limit = '{SMALL_MEMORY}'"):
            connection.execute(f"SET {setting}")
        register(connection, self._region)
        return connection

    def restart(self) -> None:
        """Open another connection after an error, which may have left the first of no use."""
        self._connection.close()
        self._connection, self._prepared = self._connect(), {}
        self.restarts += 1

    def bisect(
        self, chunk: pa.Table, work: Callable[[pa.Table], _Result], reject: Callable[[pa.Table], _Result]
    ) -> list[_Result]:
        """Do `work` on a slice in one piece, or in several if it fails for a row, which is given to `reject`.

        Raises SourceError if there are too many such rows.
        """
        try:
            return [work(chunk)]
        except duckdb.NotImplementedException:
            raise
        except FAILURES:
            pass
        # Outside of the handler: the error keeps the connection busy.
        if self.restarts >= MOST_RESTARTS:
            raise SourceError(f"Many rows hold values that cannot be read. {UNREADABLE} Change the query.")
        self.restart()
        half = chunk.num_rows // 2
        if not half:
            return [reject(chunk)]
        return [result for part in (chunk[:half], chunk[half:]) for result in self.bisect(part, work, reject)]

    def execute(self, relation: str, sql: str, table: pa.Table) -> pa.Table:
        """Execute `sql` over `table`, which it calls `relation`.

        The table's columns are named c0, c1, …; the query may also read what is derived of them (see `derived`).
        """
        if relation not in self._prepared:
            self._prepared[relation] = _Slice(sql, table)
            self._connection.register(relation, self._prepared[relation])
            self._connection.execute(f"PREPARE of_{relation} AS {sql}")
        self._prepared[relation].hold(table)
        try:
            return self._result(relation)
        except duckdb.OutOfMemoryException:
            # Outside of the handler: the error keeps the unfinished result, and that the connection, busy.
            pass
        self._is_enlarged = True
        self._connection.execute(f"SET memory_limit = '{LARGE_MEMORY}'")
        return self._result(relation)

    def _result(self, relation: str) -> pa.Table:
        return self._connection.sql(f"EXECUTE of_{relation}").to_arrow_table(RESULT_ROWS)

    @property
    def is_as_new(self) -> bool:
        """True if no row has restarted the engine or raised its memory limit."""
        return not self.restarts and not self._is_enlarged

    def release(self) -> None:
        """Release the slices that were executed last, and keep what is planned."""
        for prepared in self._prepared.values():
            prepared.release()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


_Pooled = TypeVar("_Pooled", bound=SliceEngine)


class EnginePool(Generic[_Pooled]):
    """Idle engines of one compiled transform over results with the same columns, and threads that use them."""

    def __init__(self) -> None:
        self._idle: SimpleQueue[_Pooled] = SimpleQueue()
        self._workers: ThreadPoolExecutor | None = None

    def workers(self, threads: int) -> ThreadPoolExecutor:
        """Return the threads, so many as are wanted first."""
        self._workers = self._workers or ThreadPoolExecutor(threads, thread_name_prefix="transform")
        return self._workers

    @contextmanager
    def engine(self, make: Callable[[], _Pooled]) -> Iterator[_Pooled]:
        """Yield an idle engine, or a new one if there is none; it is idle once the block has ended."""
        try:
            engine = self._idle.get_nowait()
        except Empty:
            # A short result needs fewer than there are threads.
            engine = make()
        try:
            yield engine
        finally:
            self._idle.put(engine)

    def release(self) -> None:
        """Release the rows that idle engines hold, at the end of a result, and close those that rows have changed."""
        usual = []
        for engine in self._taken():
            if engine.is_as_new:
                engine.release()
                usual.append(engine)
            else:
                engine.close()
        for engine in usual:
            self._idle.put(engine)

    def close(self) -> None:
        """Wait for the threads, and close the engines."""
        if self._workers:
            self._workers.shutdown()
        for engine in self._taken():
            engine.close()

    def _taken(self) -> Iterator[_Pooled]:
        while True:
            try:
                yield self._idle.get_nowait()
            except Empty:
                return


class Engine(SliceEngine):
    """The engine of events."""

    def __init__(self, compiled: CompiledTransform) -> None:
        super().__init__(compiled.rules.default_region)
        self._compiled = compiled

    def rows(self, chunk: pa.Table) -> pa.Table:
        """Hash the rows of `chunk`, whose columns are named as the compiler expects them."""
        row_runs = find_row_runs(chunk, self._compiled.event_columns)
        first = row_runs.first_rows(chunk.select(self._compiled.event_columns))
        return row_runs.spread(self._events(first), self._items(self._with_json(chunk)))

    def _events(self, rows: pa.Table) -> pa.Table:
        if _are_plain(rows, self._compiled.event_ids):
            return self.execute("usual_events", self._compiled.usual_events_sql, rows)
        return self.execute("events", self._compiled.events_sql, rows)

    def _items(self, rows: pa.Table) -> pa.Table:
        if _are_plain(rows, self._compiled.item_ids):
            return self.execute("usual_items", self._compiled.usual_items_sql, rows)
        return self.execute("items", self._compiled.items_sql, rows)

    def _with_json(self, chunk: pa.Table) -> pa.Table:
        """Add the JSON strings of the chunk's columns of texts, each computed once."""
        columns = {name: _distinct(chunk[column]) for name, column in self._compiled.text_columns.items()}
        if not columns:
            return chunk
        texts = pa.concat_arrays([one.dictionary for one in columns.values()])
        json = self.execute("texts", self._compiled.texts_sql, pa.table({"text": texts}))["json"].combine_chunks()
        before = 0
        for name, one in columns.items():
            strings = pa.DictionaryArray.from_arrays(pc.add(one.indices, pa.scalar(before, pa.int32())), json)
            chunk, before = chunk.append_column(name, strings), before + len(one.dictionary)
        return chunk

    def rejected_columns(self, rejected: pa.Table) -> pa.Table:
        """Return the stored columns of rejected rows of a chunk: row_number, and columns as a JSON object."""
        return self.execute("rejected", self._compiled.rejected_sql, rejected)

    def ids(self, chunk: pa.Table) -> pa.Table:
        """Return the numbers of the event id and the order id of each row (uint64, NULL: it has none)."""
        columns, sql = self._compiled.id_columns, self._compiled.ids_sql
        parts = self.bisect(chunk.select(columns), lambda part: self.execute("identified", sql, part), _no_ids)
        return pa.concat_tables(parts)

    def keys(self, chunk: pa.Table) -> pa.Array:
        """Return the key (type KEY) of each row's event; NULL if the event is unknown."""
        return pa.concat_arrays(self.bisect(chunk.select(self._compiled.key_columns), self._keys, _no_keys))

    def _keys(self, chunk: pa.Table) -> pa.Array:
        return key_of(self.execute("keyed", self._compiled.keys_sql, chunk)["key"].combine_chunks())

    def orphans(self, chunk: pa.Table) -> pa.Array:
        """Return the distinct numbers (uint64) of the orders of rows whose day is not known."""
        if not self._compiled.orphans_sql or not chunk.num_rows:
            return pa.array([], pa.uint64())
        rows = chunk.select(self._compiled.orphan_columns)
        numbers = self.execute("orphans", self._compiled.orphans_sql, rows)["orphan"].combine_chunks()
        return pc.unique(numbers.drop_null())

    def key_of_unreadable(self, row: pa.Table) -> pa.Array:
        """Return the key (type KEY) of a row that cannot be read as a whole; NULL if its key cannot be read either.

        If one of the columns that the key comes from cannot be read, the others are.
        """
        keys = self._of_unreadable(row, self._compiled.key_columns, self._keys)
        return pa.nulls(1, KEY) if keys is None else keys

    def orphan_of_unreadable(self, row: pa.Table) -> pa.Array:
        """Return the same as `orphans` of a row that cannot be read as a whole, likewise."""
        numbers = self._of_unreadable(row, self._compiled.orphan_columns, self.orphans)
        return pa.array([], pa.uint64()) if numbers is None else numbers

    def _of_unreadable(
        self, row: pa.Table, columns: Sequence[str], work: Callable[[pa.Table], _Result]
    ) -> _Result | None:
        for unread in (None, *columns):
            try:
                return work(_only(row, {*columns} - {unread}).select(columns))
            except FAILURES:
                pass
            self.restart()
        return None

    def columns_of_unreadable(self, row: pa.Table) -> str:
        """Return the stored columns of a row that cannot be read as a whole: its ids and other sources of its key."""
        try:
            kept: str = self.rejected_columns(_only(row, self._compiled.key_columns))["columns"][0].as_py()
        except FAILURES:
            pass
        else:
            return kept
        self.restart()
        return "{}"


class _Slice:
    """An Arrow stream of the table that it holds when it is read, with the derived columns that a query reads."""

    def __init__(self, sql: str, table: pa.Table) -> None:
        self._derived = derived_in(sql)
        self.hold(table)

    def hold(self, table: pa.Table) -> None:
        """Hold another table."""
        self.table = with_derived(table, self._derived)

    def release(self) -> None:
        """Hold no rows."""
        self.table = self.table.schema.empty_table()

    def __arrow_c_schema__(self) -> object:
        return self.table.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def _no_ids(rows: pa.Table) -> pa.Table:
    return pa.table({name: pa.nulls(rows.num_rows, pa.uint64()) for name in FOUND_BY})


def _no_keys(rows: pa.Table) -> pa.Array:
    return pa.nulls(rows.num_rows, KEY)


def _only(table: pa.Table, columns: Collection[str]) -> pa.Table:
    """Replace all columns but these and row_number by NULL."""
    kept = {*columns, "row_number"}
    arrays = [
        table[name] if name in kept else pa.nulls(table.num_rows, kind)
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
    ]
    return pa.table(arrays, schema=table.schema)


def _are_plain(rows: pa.Table, columns: Sequence[str]) -> bool:
    """Return whether no id in these columns can identify a person."""
    return all(is_plain(rows[column].combine_chunks()) for column in columns)


def _distinct(texts: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    return (texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts).dictionary_encode()


def key_of(numbers: pa.Array) -> pa.Array:
    """Return the 16 bytes of each number. DuckDB exports a 128-bit number as a decimal with only valid bytes."""
    validity, values = numbers.buffers()
    return pa.FixedSizeBinaryArray.from_buffers(KEY, len(numbers), [validity, values], offset=numbers.offset)


def to_chunk(batches: Sequence[pa.RecordBatch], cleaning: Mapping[int, Cleaning], first_row: int) -> pa.Table:
    """Return the columns of `batches` that are read, named c0, c1, …, with row_number counting from `first_row`.

    Text is stripped and cleaned, and NULL if it is blank; times are in the engine's range.
    """
    table = pa.Table.from_batches(batches)
    try:
        return _chunk(table, cleaning, first_row)
    except pa.ArrowInvalid:
        return _chunk(with_valid_texts(table), cleaning, first_row)


def _chunk(table: pa.Table, cleaning: Mapping[int, Cleaning], first_row: int) -> pa.Table:
    columns = {f"c{index}": stripped(readable(table.column(index)), of) for index, of in cleaning.items()}
    return pa.table({**columns, "row_number": np.arange(first_row, first_row + table.num_rows, dtype=np.int64)})
