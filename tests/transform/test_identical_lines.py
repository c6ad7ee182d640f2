import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connector.core.hashed_rows import EVENTS, LINE
from connector.transform.line_items import _FEW_LINES, identical_lines

DIGESTS = st.integers(0, 4)
EVENTS_OF_LINES = st.lists(st.lists(DIGESTS, min_size=1, max_size=_FEW_LINES + 2), min_size=1, max_size=8)


@given(EVENTS_OF_LINES)
def test_a_line_is_identical_where_an_earlier_one_of_its_event_is(digests: list[list[int]]) -> None:
    every = [one for lines in digests for one in lines]
    columns = {"digest": pa.array(every, pa.uint64())}
    found = [columns.get(field.name, pa.nulls(len(every), field.type)) for field in LINE]
    offsets = pa.array(np.cumsum([0, *map(len, digests)]).astype(np.int32))
    lines = pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(found, fields=list(LINE)), type=EVENTS.field("lines").type
    )
    expected = [one in lines[:place] for lines in digests for place, one in enumerate(lines)]
    assert identical_lines(pa.table({"lines": lines})).tolist() == expected
