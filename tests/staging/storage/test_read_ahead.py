"""Reading of a file elsewhere gives its bytes, however it is read."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.staging.storage import read_ahead
from connector.staging.storage.read_ahead import ReadAhead


class _Counted:
    """A file that counts how often it is read."""

    def __init__(self, content: bytes) -> None:
        self._file, self.reads = pa.BufferReader(content), 0

    def size(self) -> int:
        return int(self._file.size())

    def seek(self, position: int) -> None:
        self._file.seek(position)

    def read_buffer(self, size: int) -> pa.Buffer:
        self.reads += 1
        return self._file.read_buffer(size)


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 40)), max_size=8))
def test_the_bytes_at_every_place_are_those_of_the_file(content: bytes, reads: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_ahead, "_AHEAD_BYTES", 8)
        patch.setattr(read_ahead, "_END_BYTES", 5)
        file = ReadAhead(pa.BufferReader(content))
        for position, size in reads:
            file.seek(min(position, len(content)))
            assert file.read(size) == content[min(position, len(content)) :][:size]
            assert file.read_buffer(3).to_pybytes() == content[min(position, len(content)) :][size:][:3]


def test_what_follows_takes_no_further_request() -> None:
    content = bytes(range(256)) * 200_000
    source = _Counted(content)
    file = ReadAhead(source)
    for size in (16, 1_000):
        file.seek(len(content) - size)
        assert file.read(size) == content[-size:]
    assert source.reads == 1
    file.seek(0)
    parts = [file.read(100_000) for _ in range(len(content) // 100_000)]
    assert b"".join(parts) == content[: 100_000 * len(parts)]
    assert source.reads <= 1 + len(content) // (4 << 20) + 2
