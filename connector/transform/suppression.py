"""People who are to be forgotten are found again in what has left the transform, by their digests."""

import json
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed import EXCLUDED_ROW, PERSON_DIGITS

Flags = npt.NDArray[np.bool_]

IDENTIFYING = ("email", "phone", "external_id")
"""Members of what is kept of a left-out row that hold digests of persons."""

_DIGEST = "[0-9a-f]{64}"


class SuppressionFilter:
    """Digests (64 hex digits, lower case) of people who are to be forgotten; false where there are none."""

    def __init__(self, digests: Iterable[str] = ()) -> None:
        self._digests = pa.table({"digest": pa.array(sorted(set(digests)), pa.string())})
        starts = [int(digest[:PERSON_DIGITS], 16) for digest in self._digests["digest"].to_pylist()]
        self._starts = np.unique(np.array(starts, np.uint64))

    def __bool__(self) -> bool:
        return bool(len(self._starts))

    def match_events(self, events: pa.RecordBatch | pa.Table) -> Flags:
        """Of each event (columns of EVENTS, `persons` among them), whether it is about one of them."""
        persons = events["persons"]
        if "head" in events.schema.names and pc.all(pc.equal(persons, "")).as_py():
            # An earlier version staged it, which did not keep whom an event is about.
            persons = pa.array(["".join(found) for found in map(_starts_in, events["head"].to_pylist())])
        chunk = persons.combine_chunks() if isinstance(persons, pa.ChunkedArray) else persons
        counts = pc.divide(pc.binary_length(chunk), PERSON_DIGITS).to_numpy(zero_copy_only=False)
        digits = pc.binary_join(pa.ListArray.from_arrays([0, len(chunk)], chunk), "")[0].as_py() or ""
        return self.match_persons(bytes.fromhex(digits), counts)

    def match_persons(self, persons: bytes, counts: npt.NDArray[np.integer]) -> Flags:
        """The same of events that are about so many persons each, of whose digests the first 8 bytes are given."""
        flags = np.zeros(len(counts), np.bool_)
        starts = np.frombuffer(persons, ">u8").astype(np.uint64)
        if len(self._starts) and len(starts):
            place = np.minimum(np.searchsorted(self._starts, starts), len(self._starts) - 1)
            flags[np.repeat(np.arange(len(counts)), counts)[self._starts[place] == starts]] = True
        return flags

    def match_rows(self, excluded: pa.Table | pa.RecordBatch) -> Flags:
        """Of each left-out row (schema EXCLUDED_ROW), whether it holds one of the digests."""
        flags = np.zeros(excluded.num_rows, np.bool_)
        if not self or not pc.any(pc.match_substring_regex(excluded["columns"], _DIGEST)).as_py():
            return flags
        texts = pa.table({"place": pa.array(range(excluded.num_rows), pa.int64()), "columns": excluded["columns"]})
        found = f"SELECT place, unnest(regexp_extract_all(columns, '{_DIGEST}')) AS digest FROM texts"
        with connect_isolated() as connection:
            connection.register("texts", texts)
            connection.register("forgotten", self._digests)
            sql = f"SELECT DISTINCT place FROM ({found}) SEMI JOIN forgotten USING (digest)"
            places = connection.sql(sql).to_arrow_table()["place"]
        flags[places.to_numpy()] = True
        return flags

    def redact(self, excluded: pa.Table) -> pa.Table:
        """The left-out rows, those about one of them with no digest of whom they are about."""
        flags = self.match_rows(excluded)
        if not flags.any():
            return excluded
        columns = excluded["columns"].to_pylist()
        for place in np.flatnonzero(flags):
            columns[place] = _anonymous(columns[place])
        place = excluded.schema.names.index("columns")
        return excluded.set_column(place, EXCLUDED_ROW.field("columns"), pa.array(columns, pa.string()))


def _starts_in(head: str) -> list[str]:
    return [digest[:PERSON_DIGITS] for digest in re.findall(_DIGEST, head)]


def _anonymous(columns: str) -> str:
    kept = {name: value for name, value in json.loads(columns).items() if name not in IDENTIFYING}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
