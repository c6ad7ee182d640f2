"""Build the rows of `batch_data` for thousands of people of an audience at once.

A person is one row, with an entry for each type of identifier, `{}` if there is none. Several identifiers of one type
need further rows. That the identifiers of one person belong on one row is inferred.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import ID_TYPES
from connector.destinations.audience_payloads import Counts, Identifiers, Payloads, People, build_payloads, hex_text

_COMMA, _NOTHING, _NONE = pa.scalar(","), pa.scalar(""), pa.scalar("{}")


def units(people: People, rows: pa.ListArray, audience_id: str, id_types: Sequence[str] = ID_TYPES) -> Payloads:
    """Build a unit for each person with an identifier, with an entry for each of `id_types`; `rows` has one per person.

    The positions of entries in `batch_data` are those of `id_types`, even if a person lacks identifiers.
    """
    row_counts = np.stack([people[name].counts for name in id_types]).max(axis=0)
    starts = np.r_[0, np.cumsum(row_counts)]
    cells = [_cells(people[name], starts, audience_id) for name in id_types]
    lines = pc.binary_join_element_wise("[", pc.binary_join_element_wise(*cells, _COMMA), "]", _NOTHING)
    return build_payloads(people, rows, id_types, lines, row_counts)


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
