"""Build the rows of `batch_data` for thousands of people of an audience at once.

A person is one row, with an entry for each type of identifier, `{}` if there is none. Several identifiers of one type
need further rows. That the identifiers of one person belong on one row is inferred.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import DIGEST, ID_TYPES, UNITS

_COMMA, _NOTHING, _NONE = pa.scalar(","), pa.scalar(""), pa.scalar("{}")
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Identifiers of one type."""

    counts: Counts
    """The number of identifiers of each person."""
    digests: npt.NDArray[np.uint8]
    """The digests of all persons in order; shape (n, 32)."""


@dataclass(frozen=True, slots=True)
class BatchData:
    """Units of an audience with their rows of `batch_data`."""

    table: pa.Table
    """Schema UNITS."""
    row_counts: Counts
    """The number of rows of `batch_data` of each unit."""


def units(
    people: Mapping[str, Identifiers], rows: pa.ListArray, audience_id: str, id_types: Sequence[str] = ID_TYPES
) -> BatchData:
    """Build a unit for each person with an identifier, with an entry for each of `id_types`; `rows` has one per person.

    The positions of entries in `batch_data` are those of `id_types`, even if a person lacks identifiers.
    """
    counts = np.stack([people[name].counts for name in id_types])
    row_counts, present = counts.max(axis=0), np.flatnonzero(counts.sum(axis=0))
    starts = np.r_[0, np.cumsum(row_counts)]
    cells = [_cells(people[name], starts, audience_id) for name in id_types]
    lines = pc.binary_join_element_wise("[", pc.binary_join_element_wise(*cells, _COMMA), "]", _NOTHING)
    present_counts = row_counts[present]
    offsets = pa.array(np.r_[0, np.cumsum(present_counts)].astype(np.int32))
    payload = pc.binary_join(pa.ListArray.from_arrays(offsets, lines), _COMMA)
    kinds, digests = _identifiers(people, id_types, present)
    columns = [rows.take(pa.array(present)), payload, kinds, digests]
    return BatchData(pa.table(columns, schema=UNITS), present_counts)


def hex_text(digests: npt.NDArray[np.uint8]) -> pa.Array:
    """Return each digest in lower-case hex."""
    count, digits = len(digests), np.ascontiguousarray(_HEX[digests])
    offsets = np.arange(0, 64 * (count + 1), 64, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))


def _cells(identifiers: Identifiers, starts: Counts, audience_id: str) -> pa.Array:
    """Build the entry of one type for each row of `batch_data`."""
    place = np.full(starts[-1], -1, np.int64)
    first = np.cumsum(identifiers.counts) - identifiers.counts
    within = np.arange(len(identifiers.digests)) - np.repeat(first, identifiers.counts)
    place[np.repeat(starts[:-1], identifiers.counts) + within] = np.arange(len(identifiers.digests))
    entries = pc.binary_join_element_wise(
        '{"id":"', hex_text(identifiers.digests), f'","audience_ids":["{audience_id}"]}}', _NOTHING
    )
    return pc.fill_null(entries.take(pa.array(place, mask=place < 0)), _NONE)


def _identifiers(
    people: Mapping[str, Identifiers], id_types: Sequence[str], present: Counts
) -> tuple[pa.ListArray, pa.ListArray]:
    """Return the types and the digests of the identifiers of each unit, in the order of `id_types`."""
    person = np.concatenate([np.repeat(np.arange(len(people[name].counts)), people[name].counts) for name in id_types])
    kind = np.concatenate([np.full(len(people[name].digests), ID_TYPES.index(name), np.uint8) for name in id_types])
    order = np.argsort(person, kind="stable")
    total = np.stack([people[name].counts for name in id_types]).sum(axis=0)[present]
    offsets = pa.array(np.r_[0, np.cumsum(total)].astype(np.int32))
    digests = np.concatenate([people[name].digests for name in id_types])[order]
    values = pa.FixedSizeBinaryArray.from_buffers(DIGEST, len(digests), [None, pa.py_buffer(digests.tobytes())])
    return pa.ListArray.from_arrays(offsets, pa.array(kind[order])), pa.ListArray.from_arrays(offsets, values)
