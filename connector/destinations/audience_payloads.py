"""Build units of an audience for thousands of people at once: the identifiers of a person, or a single one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import DIGEST, ID_TYPES, UNITS
from connector.core.route import Action, Operation, Route
from connector.staging.storage.digest_partitions import DIGEST_BYTES, Digests

AUDIENCE = "audience"
"""The resource type of routes to audiences."""

_COMMA = pa.scalar(",")
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Identifiers of one type."""

    counts: Counts
    """The number of identifiers of each person."""
    digests: Digests
    """The digests of all persons in order; shape (n, 32)."""


People = Mapping[str, Identifiers]
"""The identifiers of people by type."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """Units of an audience with their payloads, and what a request has of each."""

    table: pa.Table
    """Schema UNITS."""
    row_counts: Counts
    """The number of rows of a request that each unit takes."""


MakePayloads = Callable[[People, pa.ListArray, str, Sequence[str]], Payloads]
"""Builds a unit for each person with an identifier, given the rows of each person, the id of the audience and the types
of identifiers in the order of the request."""


def build_payloads(
    people: People, rows: pa.ListArray, id_types: Sequence[str], lines: pa.Array, line_counts: Counts
) -> Payloads:
    """Build a unit for each person with an identifier; each person has some of the `lines` in order."""
    present = np.flatnonzero(np.stack([people[name].counts for name in id_types]).sum(axis=0))
    present_counts = line_counts[present]
    offsets = pa.array(np.r_[0, np.cumsum(present_counts)].astype(np.int32))
    payload = pc.binary_join(pa.ListArray.from_arrays(offsets, lines), _COMMA)
    kinds, digests = _identifiers_of_units(people, id_types, present)
    columns = [rows.take(pa.array(present)), payload, kinds, digests]
    return Payloads(pa.table(columns, schema=UNITS), present_counts)


def _identifiers_of_units(
    people: People, id_types: Sequence[str], present: Counts
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


def hex_text(digests: npt.NDArray[np.uint8]) -> pa.Array:
    """Return each digest in lower-case hex."""
    count, digits = len(digests), np.ascontiguousarray(_HEX[digests])
    offsets = np.arange(0, 64 * (count + 1), 64, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))


def identifiers_by_type(members: pa.Table | pa.RecordBatch) -> dict[str, Identifiers]:
    """Return the identifiers of people (schema MEMBERS) by type."""
    return {name: _identifiers(members[name]) for name in ID_TYPES}


def _identifiers(lists: pa.ChunkedArray | pa.ListArray) -> Identifiers:
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = whole.offsets.to_numpy()
    flat = whole.flatten()
    data = np.frombuffer(flat.buffers()[1] or b"", np.uint8).reshape(-1, DIGEST_BYTES)
    return Identifiers(np.diff(offsets).astype(np.int64), data[flat.offset : flat.offset + len(flat)])


def route_to(action: Action, id_types: Sequence[str], audience_id: str) -> Route:
    """Return the route of units with these identifier types to an audience."""
    return Route(AUDIENCE, audience_id, Operation(action, tuple(id_types)))
