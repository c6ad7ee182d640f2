import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.transform.stripped import stripped
from tests.strategies import WHITE

KINDS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_string()),
]
ENDS = st.text(WHITE, max_size=2)
TEXTS = st.none() | st.just("") | st.text() | st.tuples(ENDS, st.text(max_size=5), ENDS).map("".join)


def expected(values: list[str | None]) -> list[str | None]:
    return [value.strip() or None if value is not None else None for value in values]


@given(values=st.lists(TEXTS, max_size=20), kind=st.sampled_from(KINDS), cut=st.integers(0, 3))
def test_text_is_left_as_python_strips_it(values: list[str | None], kind: pa.DataType, cut: int) -> None:
    column = pa.chunked_array([pa.array(values[:cut], kind), pa.array(values[cut:], kind)])
    assert stripped(column.slice(cut)).to_pylist() == expected(values[cut:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_without_rows_stays_without(kind: pa.DataType) -> None:
    assert stripped(pa.chunked_array([], kind)).to_pylist() == []


@pytest.mark.parametrize("hidden_text", ["a", " a "])
def test_a_null_whose_place_holds_bytes_stays_null(hidden_text: str) -> None:
    texts = pa.array([hidden_text, "b", ""])
    hidden = pa.StringArray.from_buffers(3, texts.buffers()[1], texts.buffers()[2], pa.py_buffer(b"\x06"))
    assert stripped(pa.chunked_array([hidden])).to_pylist() == [None, "b", None]


def test_other_columns_stay_as_they_are() -> None:
    column = pa.chunked_array([[1, None]], pa.int32())
    assert stripped(column) is column


@pytest.mark.parametrize("white", WHITE, ids=ascii)
@pytest.mark.parametrize("form", ["{}a", "a{}"])
def test_white_space_is_stripped_where_it_is_at_one_end_alone(white: str, form: str) -> None:
    """No other text of the column begins or ends with any."""
    assert stripped(pa.chunked_array([["b", form.format(white)]])).to_pylist() == ["b", "a"]
