"""Rows of MySQL's protocol are found in its bytes, however they are cut into portions."""

from collections.abc import Sequence
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import SourceError
from connector.sources.mysql_rows import PORTION_BYTES, RowPackets

END = b"\xfe\x00\x00\x02\x00"
ERROR = b"\xff\x69\x04#42000out of paper"
LENGTHS = (0, 1, 250, 251, 252, 253, 254, 255, 256, 65_535, 65_536, 70_000)
"""On both sides of where a length takes more bytes."""


def value(written: bytes | None) -> bytes:
    if written is None:
        return b"\xfb"
    size = len(written)
    if size < 0xFB:
        return bytes([size]) + written
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + written
    return b"\xfd" + size.to_bytes(3, "little") + written


def sent(rows: Sequence[Sequence[bytes | None]], last: bytes = END) -> bytes:
    packets = [*(b"".join(map(value, row)) for row in rows), last]
    return b"".join(
        len(packet).to_bytes(3, "little") + bytes([number % 256]) + packet for number, packet in enumerate(packets)
    )


def read(data: bytes, columns: int, piece: int = PORTION_BYTES) -> tuple[list[tuple[bytes | None, ...]], RowPackets]:
    stream = BytesIO(data)
    packets = RowPackets(lambda size: stream.read(min(size, piece)))
    rows = [
        row
        for portion in packets.portions(columns)
        for row in zip(*(column.to_pylist() for column in portion), strict=True)
    ]
    return rows, packets


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.none() | st.binary(max_size=300), st.none() | st.binary(max_size=9)), max_size=9),
    st.integers(1, 40),
)
def test_rows_come_as_they_were_sent_in_pieces_of_any_size(rows: list[tuple[bytes | None, ...]], piece: int) -> None:
    found, packets = read(sent(rows), 2, piece)
    assert found == rows
    assert packets.is_finished
    assert packets.error is None


def test_values_of_any_length_stand_side_by_side() -> None:
    rows = [(b"x" * first, None if first % 2 else b"y", b"z" * last) for first in LENGTHS for last in LENGTHS]
    found, _ = read(sent(rows), 3, 10_000)
    assert found == rows


def test_a_large_result_comes_in_portions() -> None:
    rows = [(str(number).encode(), b"jo") for number in range(100_000)]
    stream = BytesIO(sent(rows))
    sizes = [len(columns[0]) for columns in RowPackets(stream.read).portions(2)]
    assert sum(sizes) == len(rows)
    assert max(sizes) < 40_000


def test_an_error_ends_the_rows_that_came_before_it() -> None:
    found, packets = read(sent([(b"1",)], ERROR), 1)
    assert found == [(b"1",)]
    assert packets.error == ERROR


@pytest.mark.parametrize("cut", [1, 4, 7, 12])
def test_a_connection_that_ends_early_is_told(cut: int) -> None:
    with pytest.raises(SourceError, match="the server closed the connection"):
        read(sent([(b"one",), (b"two",)])[:-cut], 1)


def test_a_row_of_sixteen_megabytes_is_told() -> None:
    with pytest.raises(SourceError, match="more than 16 MB"):
        read(b"\xff\xff\xff\x00" + b"\xfd\xfc\xff\xff" + b"x" * 100, 1)
