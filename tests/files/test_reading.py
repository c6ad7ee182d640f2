"""Delimited files become rows of text, and what is wrong with them is told with its line."""

import csv
import gzip
import io
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigurationError, FileRefused, SourceError
from connector.files.file_address import check_address
from connector.files.row_parser import BLOCK_BYTES, MAX_RAGGED
from tests.files.written import opened, read, refusal, rows_of, write

ROWS = [{"a": "1", "b": "x"}, {"a": "2", "b": None}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.csv", "a,b\n1,x\n2,\n"),
        ("f.tsv", "a\tb\n1\tx\n2\t\n"),
        ("f.psv", "a|b\n1|x\n2|\n"),
        ("f.txt", "a|b\n1|x\n2|\n"),
        ("F.TXT", "a\tb\n1\tx\n2\t\n"),
        ("f.txt", "a,b\n1,x\n2,\n"),
        ("f.csv", "a|b\n1|x\n2|\n"),
        ("f.csv.gz", "a,b\n1,x\n2,\n"),
        ("f.psv.gz", "a|b\n1|x\n2|"),
        ("f.csv", "\ufeffa,b\n1,x\n2,\n"),
        ("f.csv", "a,b\r\n1,x\r\n2,\r\n"),
        ("f.csv", "a,b\n1,x\n2,"),
        ("f.csv", '"a","b"\n"1","x"\n2,""\n'),
        ("f.csv", "a,b\n\n1,x\n\n\n2,\n\n\n"),
        ("f.csv", "a,b\n1,x\n,\n2,\n"),
    ],
)
def test_every_way_of_writing_gives_the_same_rows(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    assert rows_of(tmp_path, name) == ROWS


def test_a_declared_delimiter_goes_before_the_name_and_the_header_line(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b|c\n1,x|y\n")
    assert rows_of(tmp_path, "f.csv", delimiter="pipe") == [{"a,b": "1,x", "c": "y"}]


def test_quoted_values_may_hold_anything(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", 'a,b\n"1,2","say ""hi""\nthere"\nZoë 🎈,ß\n')
    assert rows_of(tmp_path, "f.csv") == [{"a": "1,2", "b": 'say "hi"\nthere'}, {"a": "Zoë 🎈", "b": "ß"}]


def test_a_file_without_rows_has_columns_and_no_rows(tmp_path: Path) -> None:
    for text in ("a,b\n", "a,b", "a,b\n\n\n"):
        write(tmp_path, "f.csv", text)
        with opened(tmp_path, "f.csv") as source:
            assert source.describe("").names == ["a", "b"]
        assert rows_of(tmp_path, "f.csv") == []


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@given(
    st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=12),
    st.sampled_from([",", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_by_the_standard_is_read_alike(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], delimiter: str, end: str
) -> None:
    """RFC 4180, as Python's csv module writes it; a blank value is none, and a row of blanks no row."""
    folder = tmp_path_factory.mktemp("written")
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    write(folder, "f.txt", out.getvalue())
    expected = [dict(zip("abc", (value or None for value in row), strict=True)) for row in rows if any(row)]
    assert rows_of(folder, "f.txt") == expected


def test_rows_are_read_in_many_blocks_and_their_lines_are_known(tmp_path: Path) -> None:
    """Line breaks within values and bad rows all over a file that is longer than what is parsed at a time."""
    lines, expected, wrong, good = ["a,b"], [], [], 0
    for number in range(60_000):
        line = len(lines) + 1
        if number % 20_011 == 7:
            lines.append("only one")
            wrong.append(line)
        elif number % 9_973 == 11:
            lines += [f'"{number}', 'x",y']
            expected.append((good := good + 1, line))
        else:
            lines.append(f"{number},{'v' * 40}")
            expected.append((good := good + 1, line))
    text = "\n".join(lines)
    assert len(text) > 2 * BLOCK_BYTES
    write(tmp_path, "f.csv", text)
    with opened(tmp_path, "f.csv") as source, source.execute("") as result:
        batches = list(result.batches())
        assert len(batches) > 2
        assert sum(batch.num_rows for batch in batches) == good
        some = expected[:: len(expected) // 50]
        places = source.reading.lines.locate(np.array([row for row, _ in some]))
        assert places == [("f.csv", line) for _, line in some]
        told = [problem.message for problem in source.reading.problems.entries()]
    assert told == [f"f.csv:{line}: the row has 1 field, the header 2." for line in wrong]


@pytest.mark.parametrize("more", [0, 1, 2, 30, BLOCK_BYTES // 2])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_last_row_without_line_end_may_go_on_behind_a_block(tmp_path: Path, newline: str, more: int) -> None:
    rows = f"a,b{newline}" + f"1,{'x' * 60}{newline}" * 15_000
    value = "y" * (BLOCK_BYTES - len(rows) - 2 + more)
    write(tmp_path, "f.csv", f"{rows}2,{value}")
    read_rows = rows_of(tmp_path, "f.csv")
    assert len(read_rows) == 15_001
    assert read_rows[-1] == {"a": "2", "b": value}


@pytest.mark.parametrize("shift", range(4))
def test_an_escaped_quotation_mark_is_met_wherever_two_blocks_meet(tmp_path: Path, shift: int) -> None:
    start = "a,b\n" + "1,x\n" * 1_000
    filler = "y" * (BLOCK_BYTES - len(start) - 5 + shift)
    write(tmp_path, "f.csv", f'{start}2,"{filler}\\"z"\n')
    assert refusal(FileRefused, tmp_path, "f.csv").startswith("f.csv:1002: a quotation mark follows a backslash")


@pytest.mark.parametrize("breaks", [1, 3])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_lines_are_known_where_every_row_has_line_breaks(tmp_path: Path, breaks: int, newline: str) -> None:
    """So has the last row of what is parsed at a time, and the row that is not rectangular."""
    text = "".join(f'"{number}{newline * breaks}{"v" * 400}",x{newline}' for number in range(6_000))
    assert len(text) > 2 * BLOCK_BYTES
    bad = f'"one{newline * breaks}",x,y{newline}'
    write(tmp_path, "f.csv", f"a,b{newline}{text}{bad}last,x{newline}")
    with opened(tmp_path, "f.csv") as source, source.execute("") as result:
        batches = list(result.batches())
        rows = np.array([1, 2, *range(3, 6_001, 500), 6_000, 6_001])
        lines = [2 + (row - 1) * (breaks + 1) for row in rows.tolist()]
        lines[-1] += breaks + 1
        assert len(batches) > 2
        assert source.reading.lines.locate(rows) == [("f.csv", line) for line in lines]
        told = [problem.message for problem in source.reading.problems.entries()]
    assert told == [f"f.csv:{2 + 6_000 * (breaks + 1)}: the row has 3 fields, the header 2."]


def test_of_many_bad_rows_the_first_twenty_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n" + "1\n1,2\n" * 131)
    _, problems = read(tmp_path, "f.csv")
    assert problems[:2] == [f"f.csv:{line}: the row has 1 field, the header 2." for line in (2, 4)]
    assert len(problems) == 21
    assert problems[-1].startswith("f.csv: 131 rows ")


def test_a_file_of_which_hardly_a_row_fits_is_given_up(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n1,2\n" + "1\n" * (MAX_RAGGED + 10))
    assert "f.csv:3: from here on more than" in refusal(FileRefused, tmp_path, "f.csv")


REFUSED: Mapping[str, tuple[str, str | bytes, str]] = {
    "empty": ("f.csv", "", "f.csv is empty: its first line must name the columns."),
    "a byte order mark alone": ("f.csv", "\ufeff", "f.csv is empty"),
    "blank header line": ("f.csv", "\n1,2\n", "f.csv:1: the file has no header line"),
    "blanks as header line": ("f.csv", " \u00a0\n1,2\n", "f.csv:1: the file has no header line"),
    "carets": ("f.csv", "a^b\n1^2\n", 'f.csv:1: the header line has one column, "a^b"'),
    "another delimiter": ("f.psv", "a~b\n1~2\n", "has to be a comma, a tab, a pipe or a semicolon"),
    "twice": ("f.csv", "a,b,a\n1,2,3\n", 'f.csv:1: columns 1 and 3 are both named "a".'),
    "twice in another case": ("f.csv", "Email,b,EMAIL\n1,2,3\n", 'columns 1 and 3 are both named "email"'),
    "twice without blanks": ("f.csv", "email, email\n1,2\n", 'columns 1 and 2 are both named "email"'),
    "nameless": ("f.csv", "a,,c\n1,2,3\n", "f.csv:1: column 2 has no name."),
    "nameless but for blanks": ("f.csv", "a,\u3000\ufeff ,c\n1,2,3\n", "f.csv:1: column 2 has no name."),
    "a comma at the end": ("f.csv", "a,b,\n1,2,\n", "f.csv:1: column 3 has no name."),
    "a control character": ("f.csv", "a,b\x07c\n1,2\n", "the name of column 2 holds a control character"),
    "single quotes": ("f.csv", "'a','b'\n'1','2'\n", "single quotation marks: use double ones"),
    "no names": ("f.csv", "jo@example.com,5\nal@example.com,6\n", "f.csv:1: the first line has what looks like"),
    "no names but a number": ("f.csv", "+12065550100,5\n1,2\n", "f.csv:1: the first line has what looks like"),
    "no names and carets": ("f.csv", "jo@example.com^2065550100\n", "f.csv:1: the first line has what looks like"),
    "a number and carets": ("f.csv", "2065550100^x\n", "f.csv:1: the first line has what looks like"),
    "Latin 1": ("f.csv", b"a,b\n1,2\n3,caf\xe9\n", "f.csv:3: not UTF-8 text (the byte 0xE9)"),
    "Windows-1252": ("f.csv", b"a,b\r\n1,2\r\n3,\x9312\x94\r\n", "f.csv:3: not UTF-8 text (the byte 0x93)"),
    "Latin 1 behind CR": ("f.csv", b"a,b\r1,2\r3,caf\xe9\r", "f.csv:3: not UTF-8 text"),
    "Latin 1 header": ("f.csv", b"caf\xe9,b\n1,2\n", "f.csv:1: not UTF-8 text"),
    "NUL": ("f.csv", "a,b\n1,2\n3,\0\n", "f.csv:3: a NUL byte"),
    "NUL in quotes": ("f.csv", 'a,b\n1,2\n3,"\0"\n', "f.csv:3: a NUL byte"),
    "UTF-16 without a mark": ("f.csv", "a,b\n1,2\n".encode("utf-16-le"), "f.csv:1: a NUL byte"),
    "UTF-16 cut short": ("f.csv", "a,b\n1,2\n".encode("utf-16")[:-1], "not UTF-16 text"),
    "half a pair of UTF-16": ("f.csv", b"\xff\xfea\0,\0b\0\n\0" + b"\x00\xd8" * 2, "f.csv:2: not UTF-16 text"),
    "gzip without its name": ("f.csv", gzip.compress(b"a,b\n1,2\n"), "f.csv holds gzip data, not delimited text"),
    "Excel": ("f.csv", b"PK\x03\x04\x14\0\x06\0", "f.csv holds a ZIP archive or an Excel workbook"),
    "Parquet": ("f.csv", b"PAR1\x15\x04\x15\x10", "f.csv holds Parquet data"),
    "Excel's line, another delimiter": ("f.csv", "sep=^\na^b\n", "f.csv:1: the line for Excel names a delimiter"),
    "Excel's line alone": ("f.csv", "sep=;\n", "f.csv:2: the file has no header line"),
    "Excel's line, then no names": ("f.csv", "sep=;\njo@example.com;1\n", "f.csv:2: the first line has what looks"),
    "quotes with backslashes": ("f.csv", 'a,b\n1,2\n"say \\"hi\\"",4\n', "f.csv:3: a quotation mark follows a"),
    "a quote in a name": ("f.csv", '"a"b,c\n1,2\n', "f.csv:1: the header line opens a quotation mark and has text"),
    "a row of more than a megabyte": (
        "f.csv",
        "a,b\n1," + "x" * 2_500_000 + "\n",
        "f.csv:2: here or further on a row is",
    ),
    "half a letter at the end": ("f.csv", b"a,b\n1,\xc3", "f.csv:2: not UTF-8 text"),
    "open quote": ("f.csv", 'a,b\n1,2\n3,"4\n5,6\n', "f.csv:3: here or further on a quotation mark is opened"),
    "open quote at the end": ("f.csv", 'a,b\n1,2\n3,"4', "f.csv:3: here or further on a quotation mark is opened"),
    "open quote, then much": ("f.csv", 'a,b\n1,2\n"3,4\n' + "5,6\n" * 400_000, "a quotation mark is opened"),
    "long header": ("f.csv", "a" * 1_100_000 + ",b\n1,2\n", "f.csv:1: the header line is longer than 65,536 bytes"),
    "header over two lines": ("f.csv", '"a\nb",c\n1,2\n', "f.csv:1: the header line opens a quotation mark"),
    "another type": ("f.xlsx", "a,b\n1,2\n", "f.xlsx has a type that is not supported"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_file_that_is_otherwise_is_refused(tmp_path: Path, mistake: str) -> None:
    name, text, told = REFUSED[mistake]
    write(tmp_path, name, text)
    message = refusal(FileRefused, tmp_path, name)
    assert told in message
    assert "\n" not in message
    assert "example.com" not in message
    assert "2065550100" not in message


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], gzip.compress(b"a,b\n1,2\n") + b"more", b"\x1f\x8b\x08"],
    ids=["plain", "cut short", "longer", "begun"],
)
def test_bad_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.csv.gz").write_bytes(content)
    message = refusal(FileRefused, tmp_path, "f.csv.gz")
    assert message.startswith("f.csv.gz is not a complete gzip file: ")
    assert message.endswith((" again.", " without .gz."))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert refusal(FileRefused, tmp_path, "f.csv") == "There is no file f.csv."
    assert refusal(FileRefused, tmp_path, "sub/*.csv") == "There is no file that matches sub/*.csv."
    assert "folder.csv is a folder" in refusal(FileRefused, tmp_path, "folder.csv")


def test_an_address_of_another_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'Unknown scheme "sfpt://".*Did you mean "sftp"') as caught:
        check_address("sfpt://host/f.csv", tmp_path)
    assert caught.value.exit_code == 2


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, text in {"b.csv": "a,b\n3,4\n", "a.csv": "a,b\n1,2\n", "c.txt.gz": "a|b\n5|6\n"}.items():
        write(tmp_path, name, text)
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "d.csv", "a,b\n7,8\n")
    assert [row["a"] for row in rows_of(tmp_path, "*.*")] == ["1", "3", "5"]
    assert [row["a"] for row in rows_of(tmp_path, "**/*.csv")] == ["1", "3", "7"]
    write(tmp_path, "[x].csv", "a,b\n9,9\n")
    assert [row["a"] for row in rows_of(tmp_path, "[x].csv")] == ["9"]


@pytest.mark.parametrize("header", ["b,a", "a,b,c", "a,B"])
def test_files_with_other_columns_are_refused_together(tmp_path: Path, header: str) -> None:
    write(tmp_path, "1.csv", "a,b\n1,2\n")
    write(tmp_path, "2.csv", header + "\n")
    assert refusal(FileRefused, tmp_path, "*.csv").startswith("2.csv:1: the columns differ from those of")


@pytest.mark.parametrize("change", ["grows", "is cut short", "is written anew", "is replaced"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, change: str) -> None:
    path = write(tmp_path, "f.csv", "a,b\n" + "1,2\n" * 600_000)
    with opened(tmp_path, "f.csv") as source, source.execute("") as result:
        batches = result.batches()
        next(batches)
        _change(path, change)
        with pytest.raises(SourceError, match=r"f\.csv (changed while it was read|could not be read)"):
            list(batches)
        assert source.reading.files == []


def _change(path: Path, change: str) -> None:
    if change == "grows":
        with path.open("a") as file:
            file.write("3,4\n")
    elif change == "is cut short":
        os.truncate(path, path.stat().st_size // 8 * 4)
    elif change == "is written anew":
        os.utime(path, (1_000_000_000, 1_000_000_000))
    else:
        path.rename(path.with_name("old.csv"))
        path.write_text("a,b\n" + "1,2\n" * 600_000)


def test_a_file_is_known_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "f.csv.gz", "a,b\n1,2\n")
    with opened(tmp_path, "f.csv.gz") as source, source.execute("") as result:
        list(result.batches())
        (file,) = source.reading.files
        assert source.digest(source.files[0]) == file.digest == sha256(path.read_bytes()).hexdigest()
    assert file.size == path.stat().st_size
