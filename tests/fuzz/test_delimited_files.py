"""Bytes of delimited files.

Whatever the bytes are, they become rows, with notes on lines that are none, or are refused in a sentence that begins
with the file's name; there is no other exception. Each row has the line on which it begins, later rows later lines.
Where there are no quotation marks, no line behind the header is lost: it is a row, or told to be none, or blank.
"""

import re
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from connector.catalogue.conversions import NAME
from connector.errors import ConnectorError
from tests.files.written import opened
from tests.fuzz.conftest import Record
from tests.fuzz.fuzzing import Input, corpus, for_each, fuzz
from tests.fuzz.mutation import mutated

BORDER = "delimited_files"
FORMATS: dict[str, dict[str, Any]] = {
    "plain": {}, "comma": {"delimiter": "comma"}, "tab": {"delimiter": "tab"}, "pipe": {"delimiter": "pipe"}, "conversions": {"name": NAME},
}  # fmt: skip
"""How a file is declared, by how its name begins."""
SUFFIXES = (".csv", ".tsv", ".psv", ".txt", ".csv.gz")
WORDS = (
    b",", b";", b"|", b"\t", b'""', b'"\n', b'\\"', b"sep=,\n", b"sep=;\r\n", b"sep=\\t\n", b"email", b"event_id", b"a@example.com", b"\n\n",
    b"\x1aend", b"\xff\xfea\0", b"\xfe\xff\0a", b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1\x15", b'"a"b', b",,,,,,,,", b"\xef\xbb", b"\x0b\x0c",
)  # fmt: skip


def inputs() -> st.SearchStrategy[Input]:
    """Draw contents, also packed ones, with a name each."""
    names = st.builds("{}{}".format, st.sampled_from(sorted(FORMATS)), st.sampled_from(SUFFIXES))
    seeds = corpus(BORDER)
    content = mutated(seeds, WORDS).map(lambda case: case.content)
    packed = st.builds(Input, st.sampled_from([f"{name}.csv.gz" for name in FORMATS]), content.map(packed_of))
    return st.one_of(mutated(seeds, WORDS), st.builds(Input, names, content), packed)


def packed_of(content: bytes) -> bytes:
    """Compress bytes as gzip without a time."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def check(folder: Path, case: Input) -> None:
    """Read a file, whose name begins with how it is declared."""
    (folder / case.name).write_bytes(case.content)
    try:
        rows, lines, none, repeated = read(folder, case.name)
    except ConnectorError as error:
        sentences = error.message.splitlines()
        assert all(one.startswith(case.name) and one.endswith(".") and one.isprintable() for one in sentences), (
            sentences
        )
        assert len(error.message) < 20_000
        return
    assert len(lines) == rows
    assert (np.diff(lines) > 0).all()
    if is_simple(case):
        written = re.split("\r\n|\r|\n", case.content.decode().removeprefix("\ufeff"))[1:]
        filled = sum(bool(line.strip(",;|\t \ufeff")) for line in written)
        assert rows <= len(written)
        assert repeated or filled <= rows + none <= len(written)


def read(folder: Path, name: str) -> tuple[int, np.ndarray, int, bool]:
    """How many rows there are, their lines, how many lines are told to be none, and whether headers are repeated."""
    form = FORMATS[re.split(r"[_.]", name)[0]]
    with opened(folder, name, **form) as source, source.execute("") as result:
        rows = sum(batch.num_rows for batch in result.batches())
        reading = source.reading
    for problem in reading.problems.entries():
        assert problem.message.startswith(name) and problem.message.isprintable(), problem.message
    lines = np.array([line for _, line in reading.lines.locate(np.arange(1, rows + 1))], np.int64)
    repeated = any("header" in note for note in reading.notes)
    return rows, lines, sum(reading.problems.counts.values()), repeated


def is_simple(case: Input) -> bool:
    """Tell whether a line of the file is a row, or none, without a doubt."""
    odd = (b'"', b"\xff\xfe", b"\xfe\xff", b"sep=")
    return (
        case.name.startswith("plain") and not case.name.endswith(".gz") and not any(one in case.content for one in odd)
    )


@for_each(BORDER)
def test_the_corpus_is_read_or_refused(case: Input, tmp_path: Path) -> None:
    check(tmp_path, case)


def test_any_bytes_are_rows_or_a_reason(tmp_path: Path, record: Record) -> None:
    record(fuzz(BORDER, inputs(), partial(check, tmp_path)))
