"""Files as other programs write them: read right, or refused with a sentence that quotes no value."""

import csv
import gzip
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.errors import FileRefused
from connector.files.header import identifies_person
from tests.files.written import Row, opened, read, refusal, rows_of, write

ROWS: list[Row] = [{"a": "1", "b": "x"}, {"a": "2", "b": "ß"}]

ALIKE: Mapping[str, tuple[str, str | bytes]] = {
    "CR": ("f.csv", "a,b\r1,x\r2,ß\r"),
    "CR, without the last": ("f.csv", "a,b\r1,x\r2,ß"),
    "CRLF and LF": ("f.csv", "a,b\r\n1,x\n2,ß\r\n"),
    "LF, then CR": ("f.csv", "a,b\n1,x\r2,ß\r"),
    "blank lines at the end": ("f.csv", "a,b\r\n1,x\r\n2,ß\r\n\r\n\r\n"),
    "delimiters alone at the end": ("f.csv", "a,b\n1,x\n2,ß\n,\n,\n"),
    "two byte order marks": ("f.csv", "\ufeff\ufeffa,b\n1,x\n2,ß\n"),
    "a byte order mark in the middle": ("f.csv", "\ufeffa,b\n1,x\n\ufeffa,b\n2,ß\n"),
    "a byte order mark, CR": ("f.csv", "\ufeffa,b\r1,x\r\ufeffa,b\r2,ß\r"),
    "a byte order mark before quotes": ("f.csv", '\ufeff"a","b"\n1,x\n\ufeff"a","b"\n"2","ß"\n'),
    "headers in the middle": ("f.csv", "a,b\n1,x\na,b\n2,ß\na,b\n"),
    "headers with blanks": ("f.csv", " a,b \n1,x\n a,b \n2,ß\n"),
    "no-break spaces": ("f.csv", "\u00a0a\u00a0,\u2003b\u200b\n1,x\n2,ß\n"),
    "tabs around names": ("f.csv", "a\t,\tb\n1,x\n2,ß\n"),
    "Excel's line": ("f.csv", "sep=;\na;b\n1;x\n2;ß\n"),
    "Excel's line, quoted, CRLF": ("f.csv", '\ufeff"sep=|"\r\na|b\r\n1|x\r\n2|ß\r\n'),
    "Excel's line, upper case": ("f.txt", "SEP=\t\na\tb\n1\tx\n2\tß\n"),
    "Excel's line, padded": ("f.csv", "sep=,,\na,b\n1,x\n2,ß\n"),
    "semicolons": ("f.csv", "a;b\n1;x\n2;ß\n"),
    "semicolons in .txt": ("f.txt", "a;b\n1;x\n2;ß\n"),
    "tabs in .csv": ("f.csv", "a\tb\n1\tx\n2\tß\n"),
    "commas in .psv": ("f.psv", "a,b\n1,x\n2,ß\n"),
    "UTF-16": ("f.csv", "a,b\n1,x\n2,ß\n".encode("utf-16")),
    "UTF-16, big end first": ("f.csv", "\ufeffa,b\n1,x\n2,ß\n".encode("utf-16-be")),
    "UTF-16 as Excel writes it": ("f.txt", "a\tb\r\n1\tx\r\n2\tß\r\n".encode("utf-16")),
    "UTF-32": ("f.csv", "a,b\n1,x\n2,ß\n".encode("utf-32")),
    "UTF-16 within gzip": ("f.csv.gz", "a,b\n1,x\n2,ß\n".encode("utf-16")),
    "CR within gzip": ("f.csv.gz", "a,b\r1,x\r2,ß\r"),
}


@pytest.mark.parametrize("variant", ALIKE)
def test_a_file_is_read_alike_however_it_is_written(tmp_path: Path, variant: str) -> None:
    name, text = ALIKE[variant]
    write(tmp_path, name, text)
    assert rows_of(tmp_path, name) == ROWS


def test_one_column_is_a_file(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "E-mail address\njo@example.com\n\nal@example.com\n")
    assert rows_of(tmp_path, "f.csv") == [{"E-mail address": "jo@example.com"}, {"E-mail address": "al@example.com"}]


def test_header_lines_further_down_are_told_with_their_lines(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", 'a,b\n1,"x\ny"\na,b\n2,ß\n' + "a,b\n" * 6)
    with opened(tmp_path, "f.csv") as source, source.execute("") as result:
        assert sum(batch.num_rows for batch in result.batches()) == 2
        assert source.reading.notes == [
            "f.csv: the header line is repeated on lines 4, 6, 7, 8, 9 and 2 more, and is skipped there."
        ]


@pytest.mark.parametrize("name", ["f.csv", "f.psv"])
def test_a_line_of_blanks_is_no_row_and_counts_as_a_line(tmp_path: Path, name: str) -> None:
    delimiter = {"f.csv": ",", "f.psv": "|"}[name]
    write(tmp_path, name, "a,b\n   \n1,x\n \t\n2,y\n \n3\n  ".replace(",", delimiter))
    rows, problems = read(tmp_path, name)
    assert rows == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert problems == [f"{name}:7: the row has 1 field, the header 2."]


def test_a_header_line_of_another_order_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n1,x\nb,a\nx,1\na,a\n")
    rows, problems = read(tmp_path, "f.csv")
    assert problems == [
        "f.csv:3: a second header line has the columns in another order: read what follows it as a file of its own."
    ]
    assert {"a": "a", "b": "a"} in rows


def test_files_joined_without_a_line_break_are_told_as_such(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "\ufeffa,b\n1,jo@example.com\ufeffa,b\n3,4\n")
    assert read(tmp_path, "f.csv")[1] == [
        "f.csv:2: the row has 3 fields, the header 2: it has a byte order mark inside, as where two files are joined "
        "without a line break."
    ]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_are_counted_by_every_line_end(tmp_path: Path, end: str) -> None:
    write(tmp_path, "f.csv", end.join(["a,b", "1,2", f'"x{end}y",z', "only one", "", "3,4,5"]))
    assert read(tmp_path, "f.csv")[1] == [
        "f.csv:5: the row has 1 field, the header 2.",
        "f.csv:7: the row has 3 fields, the header 2.",
    ]


def test_a_line_for_excel_counts_as_a_line(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "sep=;\na;b\n1;2\n3\n")
    assert read(tmp_path, "f.csv")[1] == ["f.csv:4: the row has 1 field, the header 2."]


def test_a_program_s_file_has_no_line_for_excel_and_no_semicolons(tmp_path: Path) -> None:
    form = {"name": "liveramp_conversions"}
    write(tmp_path, "f.csv", "sep=|\nemail_1|transaction_category|transaction_timestamp|transaction_amount\n")
    assert "f.csv:1: a line for Excel" in refusal(FileRefused, tmp_path, "f.csv", **form)
    write(tmp_path, "f.csv", "email_1;transaction_category;transaction_timestamp;transaction_amount\n")
    assert "has to be a comma, a tab or a pipe." in refusal(FileRefused, tmp_path, "f.csv", **form)


def test_a_declared_delimiter_that_the_header_line_lacks_is_named(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n1,2\n")
    message = refusal(FileRefused, tmp_path, "f.csv", delimiter="tab")
    assert message == 'f.csv:1: the header line has one column, "a,b": the format declares a tab.'


def test_every_way_in_which_columns_differ_is_told(tmp_path: Path) -> None:
    write(tmp_path, "1.csv", "a,b,c\n")
    for header, told in {
        "a,b": 'gone: "c"',
        "a,b,c,d": 'new: "d"',
        "a,c,b": 'the order is now "a", "c", "b"',
        "a,x,c": 'column 2 is renamed from "b" to "x"',
        "b,x": 'new: "x"; gone: "a", "c"',
    }.items():
        write(tmp_path, "2.csv", header + "\n")
        assert told in refusal(FileRefused, tmp_path, "*.csv")


# Names, and what identifies a person -------------------------------------------------------------------------

NAMES = [
    "sales_20261129", "2026-11-29", "20261129", "20261129160301", "2026-11-29 16:03", "first  name", "customer's o'clock",
    "1000000-1999999", "10.000-20.000", "7654321098765432109", "logo@2x.png", "price @ store", "@handle", "a@b", "Q1 (2026)",
    "12345678", "4006381333931", "net/gross", "1+1", "% of 100", "Umsatz €", "año", "価格", "e-mail", "x+1234567", "01.02.2026",
    "2026/11/29", "00000000", "1.5", "5'10\"", "'quoted'", "a=b", "=SUM(A1)", "#1",
]  # fmt: skip
PERSONAL = [
    "jo@example.com", "Jo <jo@example.com>", "jo%40example.com", "JO@EXAMPLE.CO.UK", "zoë@exämple.de", "mailto:jo@example.com",
    "+12065550100", "+1 (206) 555-0100", "tel:+442079460958", "(206) 555-0100", "206-555-0100", "2065550100", "12065550100",
    "020 7946 0958", "06 12 34 56 78", "442079460958", "ab" * 32, "AB" * 32, "6D92078A-8246-4BA4-AE5B-76104861E7DC",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_used_as_it_is(tmp_path: Path, name: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["a", name], ["1", "2"]])
    write(tmp_path, "f.csv", out.getvalue())
    assert rows_of(tmp_path, "f.csv") == [{"a": "1", name: "2"}]


@pytest.mark.parametrize("value", PERSONAL)
@pytest.mark.parametrize("beside", [None, "name", "20"])
def test_what_identifies_a_person_is_no_name(tmp_path: Path, value: str, beside: str | None) -> None:
    write(tmp_path, "f.csv", ",".join([beside, value] if beside else [value]) + "\n")
    message = refusal(FileRefused, tmp_path, "f.csv")
    assert message.startswith(
        "f.csv:1: the first line has what looks like an e-mail address, a phone number or a digest"
    )
    assert value not in message
    assert identifies_person(value)


# Anything that Python writes ---------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    st.text(st.sampled_from("a\"\n\r,;|\t\\\ufeff '"), max_size=6),
)
ENCODINGS = {"utf-8": "", "utf-8-sig": "", "utf-16": "", "utf-16-le": "\ufeff", "utf-16-be": "\ufeff", "utf-32": ""}
"""Each with the byte order mark that Python does not write by itself."""


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    row = st.lists(VALUES, min_size=width, max_size=width)
    return [["a", "b", "c", "d"][:width], *draw(st.lists(row, max_size=8))]


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|", "^", ":"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from([*ENCODINGS, "latin-1", "cp1252"]),
    st.sampled_from(["f.csv", "f.txt", "f.tsv.gz"]),
)
@example([["a"], ["\ufeff"], ['\\"']], ",", "\r", csv.QUOTE_MINIMAL, "utf-8", "f.csv")
@example([["a", "b"], ["a", "b"], ["b", "a"]], ";", "\n", csv.QUOTE_ALL, "utf-16", "f.csv")
@example([["a", "b"], ["\n\ufeffx", "\r"]], ";", "\r\n", csv.QUOTE_ALL, "utf-16", "f.csv")
def test_what_python_writes_is_read_alike_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    delimiter: str,
    end: str,
    quoting: int,
    encoding: str,
    name: str,
) -> None:
    folder = tmp_path_factory.mktemp("written")
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)  # type: ignore[arg-type]
    try:
        content = (ENCODINGS.get(encoding, "") + out.getvalue()).encode(encoding)
    except UnicodeEncodeError:
        return
    write(folder, name, content)
    try:
        rows, problems = read(folder, name)
    except FileRefused as refused:
        rows, problems = [], [one.message for one in refused.problems]
    for problem in problems:
        assert problem.startswith(f"{name}:")
        assert problem.endswith(".")
    if encoding in {"latin-1", "cp1252"} and not _is_utf8(content):
        assert problems
    elif not problems:
        text = content.decode("utf-8") if encoding in {"latin-1", "cp1252"} else out.getvalue()
        assert rows == _expected(text, delimiter)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _expected(text: str, delimiter: str) -> list[Row]:
    """Blank rows are none, repeated headers are skipped, and byte order marks at the start of a line come off."""
    without_marks = re.sub("(?:^|(?<=[\r\n]))\ufeff+", "", text)
    names, *rows = csv.reader(io.StringIO(without_marks, newline=""), delimiter=delimiter)
    rows = [row for row in rows if any(row) and row != names and not _is_blank_line(row, names)]
    return [dict(zip(names, (value or None for value in row), strict=True)) for row in rows]


def _is_blank_line(row: list[str], names: list[str]) -> bool:
    """Blanks alone are no row where there are fewer fields than columns."""
    return len(row) < len(names) and not "".join(row).strip(" \t")


# Damaged files -----------------------------------------------------------------------------------------------

SECRET = "jo.secret@example.com"
WHOLE = f'order_id,email,note\r\n1,{SECRET},x\r\n2,{SECRET},"a, ""b""\r\nc"\r\n' * 3
KINDS = {
    "f.csv": WHOLE.encode(),
    "g.csv": WHOLE.encode("utf-16"),
    "h.csv.gz": gzip.compress(WHOLE.encode(), mtime=0),
    "i.psv": WHOLE.replace(",", "|").replace("\r\n", "\r").encode(),
}
PIECES = st.sampled_from(
    [
        b"\0",
        b"\r",
        b"\n",
        b'"',
        b"\\",
        b",",
        b"|",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xff\xfe",
        b"\xe9",
        b"\x1f\x8b",
        b"sep=;\n",
        b"",
    ]
)


@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), max_size=3),
    st.sampled_from([{}, {"delimiter": "tab"}, {"name": "liveramp_conversions"}]),
)
@example("h.csv.gz", [(0.9, 100, b"")], {})
@example("f.csv", [(0.0, 20, b"")], {})
@example("f.csv", [(0.125, 0, b"\r"), (0.0625, 5, b'"')], {"delimiter": "tab"})
@example("f.csv", [(0.125, 0, b"\r"), (0.0625, 5, b'"')], {"name": "liveramp_conversions"})
def test_a_damaged_file_is_read_or_refused_without_a_value_of_it(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[float, int, bytes]], form: dict[str, Any]
) -> None:
    folder, content = tmp_path_factory.mktemp("damaged"), KINDS[name]
    for place, length, piece in edits:
        start = int(place * len(content))
        content = content[:start] + piece + content[start + length :]
    (folder / name).write_bytes(content)
    try:
        _, problems = read(folder, name, **form)
    except FileRefused as refused:
        problems = [one.message for one in refused.problems]
    for problem in problems:
        assert problem.startswith(name)
        # Cut off before its @, an address on the first line looks like the name of a column.
        assert "secret@" not in problem
        assert "@example" not in problem
