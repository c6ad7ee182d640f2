"""Find suppressed people in hashed events and excluded rows by their digests."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed_rows import EXCLUDED_ROW, PERSON_DIGITS
from connector.transform.emails import PLAIN, WITHOUT_PLUS, WITHOUT_PLUS_AND_DOTS, email_digests
from connector.transform.packed import unpacked
from connector.transform.phones import phone_digests

Flags = npt.NDArray[np.bool_]
Starts = npt.NDArray[np.uint64]
"""The first 8 bytes of digests as numbers, sorted."""

IDENTIFYING = ("email", "phone", "external_id")
"""Members of an excluded row's columns that hold digests of persons."""

_DIGEST = "[0-9a-f]{64}"


class SuppressionFilter:
    """The digests (64 hex digits, lower case) of suppressed people; false if there are none.

    `opted_out` are the first 8 bytes of further digests, as `read_opted_out` returns them: these people are not sent,
    and what is stored of excluded rows may name them.
    """

    def __init__(self, digests: Iterable[str] = (), opted_out: Starts | None = None) -> None:
        self._opted_out = np.empty(0, np.uint64) if opted_out is None else opted_out
        self._digests = pa.table({"digest": pa.array(sorted(set(digests)), pa.string())})
        starts = [int(digest[:PERSON_DIGITS], 16) for digest in self._digests["digest"].to_pylist()]
        self._starts = np.unique(np.array(starts, np.uint64))

    def __bool__(self) -> bool:
        return bool(len(self._starts) or len(self._opted_out))

    def match_events(self, events: pa.RecordBatch | pa.Table) -> Flags:
        """Return a flag for each event (columns of EVENTS, `persons` among them): true if it is about one of them."""
        persons = events["persons"]
        if "head" in events.schema.names and pc.all(pc.equal(persons, "")).as_py():
            # An earlier version staged it without the column `persons`.
            persons = pa.array(["".join(starts) for starts in map(_starts_in, events["head"].to_pylist())])
        chunk = persons.combine_chunks() if isinstance(persons, pa.ChunkedArray) else persons
        counts = pc.divide(pc.binary_length(chunk), PERSON_DIGITS).to_numpy(zero_copy_only=False)
        digits = pc.binary_join(pa.ListArray.from_arrays([0, len(chunk)], chunk), "")[0].as_py() or ""
        return self.match_persons(bytes.fromhex(digits), counts)

    def match_persons(self, persons: bytes, counts: npt.NDArray[np.integer]) -> Flags:
        """Return a flag for each event, given the first 8 bytes of its persons' digests and their number."""
        flags = np.zeros(len(counts), np.bool_)
        starts = np.frombuffer(persons, ">u8").astype(np.uint64)
        found = is_among(starts, self._starts) | is_among(starts, self._opted_out)
        flags[np.repeat(np.arange(len(counts)), counts)[found]] = True
        return flags

    def match_rows(self, excluded: pa.Table | pa.RecordBatch) -> Flags:
        """Return a flag for each excluded row (schema EXCLUDED_ROW): true if it contains one of the digests."""
        flags = np.zeros(excluded.num_rows, np.bool_)
        if not len(self._starts) or not pc.any(pc.match_substring_regex(excluded["columns"], _DIGEST)).as_py():
            return flags
        texts = pa.table({"place": pa.array(range(excluded.num_rows), pa.int64()), "columns": excluded["columns"]})
        digests = f"SELECT place, unnest(regexp_extract_all(columns, '{_DIGEST}')) AS digest FROM texts"
        with connect_isolated() as connection:
            connection.register("texts", texts)
            connection.register("suppressed", self._digests)
            sql = f"SELECT DISTINCT place FROM ({digests}) SEMI JOIN suppressed USING (digest)"
            places = connection.sql(sql).to_arrow_table()["place"]
        flags[places.to_numpy()] = True
        return flags

    def redact(self, excluded: pa.Table) -> pa.Table:
        """Remove the identifiers of suppressed people from excluded rows."""
        flags = self.match_rows(excluded)
        if not flags.any():
            return excluded
        columns = excluded["columns"].to_pylist()
        for place in np.flatnonzero(flags):
            columns[place] = _anonymous(columns[place])
        place = excluded.schema.names.index("columns")
        return excluded.set_column(place, EXCLUDED_ROW.field("columns"), pa.array(columns, pa.string()))


def is_among(starts: Starts, ordered: Starts) -> Flags:
    """Return a flag for each number: true if it is one of the sorted ones."""
    if not len(ordered):
        return np.zeros(len(starts), np.bool_)
    place = np.minimum(np.searchsorted(ordered, starts), len(ordered) - 1)
    return np.asarray(ordered[place] == starts)


def read_opted_out(path: Path | None) -> Starts:
    """Return the numbers in a file, which stay on disk; none without a file."""
    if path is None or not path.stat().st_size:
        return np.empty(0, np.uint64)
    return np.memmap(path, np.uint64, "r")


def _starts_in(head: str) -> list[str]:
    return [digest[:PERSON_DIGITS] for digest in re.findall(_DIGEST, head)]


def _anonymous(columns: str) -> str:
    anonymous = {name: value for name, value in json.loads(columns).items() if name not in IDENTIFYING}
    return json.dumps(anonymous, ensure_ascii=False, separators=(",", ":"))


EMAIL, AUDIENCE_EMAIL, PHONE = "email", "audience_email", "phone"


@dataclass(frozen=True, slots=True)
class PersonDigest:
    """64 hex digits, and what they were made of: `email` and `phone` as in events, `audience_email` as in audiences
    that have another `email_rule` than `plain`.
    """

    digest: str
    kind: str


def digests_of_email(address: str) -> list[PersonDigest]:
    """Return the digests of an address by every `email_rule`, or of the digest of one; none if it is invalid."""
    plain = unpacked(email_digests(address, PLAIN))
    others = unpacked(email_digests(address, f"{WITHOUT_PLUS},{WITHOUT_PLUS_AND_DOTS}")) if plain else []
    new = [digest for digest in others if digest not in plain]
    return [*(PersonDigest(one, EMAIL) for one in plain), *(PersonDigest(one, AUDIENCE_EMAIL) for one in new)]


def digests_of_phone(number: str, region: str) -> list[PersonDigest]:
    """Return the digest of a number, which is of `region` if it has no country code; none if it is invalid."""
    return [PersonDigest(digest, PHONE) for digest in unpacked(phone_digests(number, region))]
