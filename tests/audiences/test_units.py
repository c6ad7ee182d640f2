"""The rows of `batch_data`: whatever a person lacks, no identifier stands in another's place."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import ID_TYPES
from connector.destinations.audience_payloads import Identifiers
from connector.destinations.tiktok.batch_data import units
from connector.destinations.tiktok.mapping import SCHEMAS
from tests.audiences.shop import units_of

DIGESTS = st.binary(min_size=32, max_size=32)
PERSON = st.fixed_dictionaries({name: st.lists(DIGESTS, max_size=3) for name in ID_TYPES})


@settings(max_examples=150, deadline=None)
@given(st.lists(PERSON, max_size=8))
def test_every_identifier_stands_in_its_own_position(people: list[dict[str, list[bytes]]]) -> None:
    given_ = {
        name: Identifiers(
            np.array([len(person[name]) for person in people], np.int64),
            np.frombuffer(b"".join(one for person in people for one in person[name]), np.uint8).reshape(-1, 32),
        )
        for name in ID_TYPES
    }
    rows = pa.array([[number] for number in range(len(people))], pa.list_(pa.int64()))
    made = units(given_, rows, "77")
    somebody = [number for number, person in enumerate(people) if any(person.values())]
    assert made.table["rows"].to_pylist() == [[number] for number in somebody]
    for number, unit, weight in zip(somebody, made.table.to_pylist(), made.row_counts.tolist(), strict=True):
        lines = units_of(unit["payload"])
        assert len(lines) == weight == max(len(people[number][name]) for name in ID_TYPES)
        assert all(len(line) == len(SCHEMAS) for line in lines)
        for place, name in enumerate(ID_TYPES):
            cells = [line[place] for line in lines]
            there = [{"id": digest.hex(), "audience_ids": ["77"]} for digest in people[number][name]]
            assert cells == there + [{}] * (weight - len(there))
        said = list(zip(unit["id_types"], unit["digests"], strict=True))
        assert said == [(ID_TYPES.index(name), one) for name in ID_TYPES for one in people[number][name]]
