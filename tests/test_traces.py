"""Marked texts are found in whatever form a program wrote them."""

import base64
import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import traces
from tests.traces import Marks, marker

MARK, NUMBER = f"{marker()}@shop.example", "491515500123"
CLEAN = b"jo@example.com 491515500124 " + bytes(range(256)) * 10


def _parquet(text: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [text] * 3}), sink, compression="zstd")
    return sink.getvalue()


def _arrow(text: str) -> bytes:
    sink = io.BytesIO()
    table = pa.table({"a": [text]})
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _zip(text: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", text * 50)
    return sink.getvalue()


def _compressed(codec: str) -> Callable[[str], bytes]:
    def compress(text: str) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(f"{'x' * 500}{text}".encode())
        return bytes(sink.getvalue())

    return compress


def _in_base64(before: int) -> Callable[[str], bytes]:
    return lambda text: base64.b64encode(b"x" * before + text.encode() + b"yz")


WRITTEN: dict[str, Callable[[str], bytes]] = {
    "text": lambda text: CLEAN + text.encode() + CLEAN,
    "upper case": lambda text: text.upper().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "pickle": lambda text: pickle.dumps({"rows": [text]}),
    "hex": lambda text: CLEAN.hex().encode() + text.encode().hex().encode(),
    "address": lambda text: f"?q={quote(text)}".encode(),
    **{f"base64 after {before}": _in_base64(before) for before in range(4)},
    "Parquet": _parquet,
    "Arrow": _arrow,
    "zip": _zip,
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstd": _compressed("zstd"),
    "lz4": _compressed("lz4"),
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("text", [MARK, NUMBER], ids=["mark", "number"])
def test_a_text_is_found_in_every_form(tmp_path: Path, form: str, text: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(WRITTEN[form](text))
    (tmp_path / "clean").write_bytes(CLEAN)
    found = Marks(MARK, NUMBER).traces(tmp_path)
    assert {(trace.path.name, trace.text) for trace in found} == {("file", text)}
    assert Marks(marker()).traces(tmp_path) == []


def test_a_number_is_found_as_an_integer_and_a_name_as_a_name(tmp_path: Path) -> None:
    (tmp_path / "column").write_bytes(bytes(pa.array([1, int(NUMBER)]).buffers()[1]))
    (tmp_path / MARK).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    found = Marks(MARK, NUMBER).traces(tmp_path)
    assert {(trace.path.name, trace.form) for trace in found} == {("column", "integer"), (MARK, "text")}


def test_a_text_is_found_where_two_readings_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_AT_ONCE", 7)
    (tmp_path / "log").write_text(f"{'x' * 20}{MARK}")
    assert [trace.text for trace in Marks(MARK).traces(tmp_path / "log")] == [MARK]


def test_a_file_that_only_begins_like_an_archive_is_searched_as_it_is(tmp_path: Path) -> None:
    for number, start in enumerate((b"PAR1", b"ARROW1", b"PK", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh")):
        (tmp_path / str(number)).write_bytes(start + MARK.encode())
    assert len(Marks(MARK).traces(tmp_path)) == 6
