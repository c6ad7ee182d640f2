"""Division of files: the rows of all splits, and what is told of them, are those of one reading."""

import io
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.file_format import FileFormat
from connector.core.split_plan import SplitPlan
from connector.errors import ConfigurationError, FileRefused, SourceError
from connector.files.file_source import open_files
from connector.files.line_scan import INNER_MARKS, LONG_ROWS, scan_lines
from connector.files.row_parser import BLOCK_BYTES
from connector.files.scan_report import FileInput, PreviousFile, SizeLimits
from connector.sources.split import plan_splits
from tests.files.splitting import in_one, in_splits
from tests.files.written import write

HEADER = "email_1|transaction_category|transaction_timestamp|transaction_amount"
ROW = "alex@example.com|In Store|2014-03-31|99.99"
FORM: dict[str, Any] = {"name": "liveramp_conversions", "transaction_category": ["In Store"]}

BOM = "\ufeff"
QUOTED = '"1","a\nb,""c"""\r\n"2",""\n'


@pytest.mark.parametrize("wanted", [2, 3, 7, 50])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.csv", "a,b\n" + "".join(f"{number},x{number}\n" for number in range(300))),
        ("f.csv", "a,b\r\n" + "".join(f"{number},x{number}\r\n" for number in range(300))),
        ("f.tsv", "a\tb\n" + "".join(f"{number}\tZoë 🎈\n" for number in range(300)) + "last\t"),
        ("f.csv", f"{BOM}a,b\n" + QUOTED * 100),
        ("f.csv", "sep=;\na;b\n" + '"1";"x;\n;\n"\n' * 100),
        ("f.csv", "a,b\n\n" + '5" pipe,it""s "quoted"\n\n"x"y"z,\n' * 100),
        ("f.csv", "a,b\n" + "1,2\n1\n1,2,3\n,\n  \na,b\n" * 60),
        ("f.csv", "a,b\n" + '1,"x\r"\n2,"y\r\n\r"\n' * 100),
    ],
    ids=["plain", "CRLF", "multi-byte", "quoted", "excel", "stray quotes", "faulty", "CR in values"],
)
def test_delimited_text_is_divided_at_ends_of_lines(tmp_path: Path, name: str, text: str, wanted: int) -> None:
    write(tmp_path, name, text)
    plan, reading = in_splits(tmp_path, name, wanted)
    assert (plan.is_lasting, plan.note) == (True, None)
    assert 1 < len(plan.places) <= wanted
    assert reading == in_one(tmp_path, name)


PIECES = [
    "1",
    "x",
    "Zoë",
    "🎈",
    ",",
    ",",
    '"',
    '""',
    "\n",
    "\n",
    "\r\n",
    "\r",
    '"a\nb"',
    '"a""\r\n,"',
    '\n"',
    '",',
    BOM,
    "a,b\n",
    "\\",
]


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60),
    start=st.sampled_from(["a,b\n", f"{BOM}a,b\r\n", "sep=,\na,b\n", '"a","b"\n', "a\n"]),
    wanted=st.integers(2, 12),
)
def test_any_text_is_read_in_splits_as_in_one(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], start: str, wanted: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    write(folder, "f.csv", start + "".join(pieces))
    try:
        whole = in_one(folder, "f.csv")
    except FileRefused as error:
        with pytest.raises(FileRefused) as caught:
            in_splits(folder, "f.csv", wanted)
        assert caught.value.problems == error.problems
    else:
        assert in_splits(folder, "f.csv", wanted)[1] == whole


@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=10, max_size=80),
    window=st.integers(1, 40),
    targets=st.lists(st.integers(0, 150), max_size=5),
)
def test_what_lies_in_several_windows_is_scanned_as_in_one(pieces: list[str], window: int, targets: list[int]) -> None:
    text = ("a,b\n" + "".join(pieces)).encode()
    scanned = scan_lines(io.BytesIO(text), ",", 1, sorted(targets), window=window)
    if scanned.obstacle in {None, INNER_MARKS}:
        assert scanned == scan_lines(io.BytesIO(text), ",", 1, sorted(targets), window=len(text) + 100)
    for start in scanned.starts:
        assert text[: start.offset].endswith(b"\n")
        lines = text[: start.offset].decode().replace("\r\n", "\n").replace("\r", "\n")
        assert start.line == lines.count("\n") + 1


def one(folder: Path, name: str, wanted: int = 4, smallest: int = 1) -> str | None:
    """Why a file is one split; it is read as one."""
    plan, reading = in_splits(folder, name, wanted, smallest=smallest)
    assert len(plan.places) == 1
    assert reading == in_one(folder, name)
    return plan.note


def test_what_cannot_be_divided_is_one_split_with_the_reason(tmp_path: Path) -> None:
    rows = "1,x\n" * 100
    write(tmp_path, "f.csv.gz", "a,b\n" + rows)
    assert one(tmp_path, "f.csv.gz") == "f.csv.gz is read by one task: it is packed."
    write(tmp_path, "wide.csv", ("a,b\n" + rows).encode("utf-16"))
    assert one(tmp_path, "wide.csv") == "wide.csv is read by one task: it is UTF-16 text."
    write(tmp_path, "joined.csv", f"a,b\n{rows}{BOM}a,b\n{rows}")
    assert one(tmp_path, "joined.csv") == f"joined.csv is read by one task: {INNER_MARKS}."
    write(tmp_path, "long.csv", f"a,b\n{rows}1,{'x' * (BLOCK_BYTES * 3 // 4)}\n{rows}" * 2)
    assert one(tmp_path, "long.csv") == f"long.csv is read by one task: {LONG_ROWS}."
    write(tmp_path, "mac.csv", ("a,b\n" + rows * 3_000).replace("\n", "\r"))
    assert one(tmp_path, "mac.csv") == f"mac.csv is read by one task: {LONG_ROWS}."
    write(tmp_path, "small.csv", "a,b\n" + rows)
    assert (
        one(tmp_path, "small.csv", smallest=1_000)
        == "The result is read by one task: the files are too small to divide."
    )
    write(tmp_path, "row.csv", "a,b\n1,x\n")
    assert one(tmp_path, "row.csv") == "row.csv is read by one task: it has too few lines."


def test_several_files_are_divided_as_wholes_first(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path, f"{number:02}.csv", "a,b\n" + f"{number},x\n" * 20)
    write(tmp_path, "15.csv", "a,b\n" + "15,x\n1\na,b\n" * 100)
    plan, reading = in_splits(tmp_path, "*.csv", 5)
    assert reading == in_one(tmp_path, "*.csv")
    parts = [[(entry["name"], entry["part"]) for entry in place["files"]] for place in plan.places]
    assert len(parts) == 5
    assert {name for place in parts for name, part in place if part} == {"15.csv"}


def test_a_place_names_no_person_no_password_and_no_values(tmp_path: Path) -> None:
    folder = tmp_path / "email=joe@shop.example"
    folder.mkdir()
    write(folder, "f.csv", "a,b\n" + "1,secret\n" * 100)
    plan, reading = in_splits(tmp_path, "*/f.csv", 3)
    assert reading == in_one(tmp_path, "*/f.csv")
    text = json.dumps(list(plan.places))
    assert "joe" not in text
    assert "secret" not in text


@pytest.mark.parametrize("wanted", [2, 3, 100])
def test_parquet_is_divided_by_row_groups(tmp_path: Path, wanted: int) -> None:
    for day in ("2026-11-29", "2026-11-30"):
        folder = tmp_path / f"day={day}"
        folder.mkdir()
        table = pa.table({"n": range(1000), "name": [f"x{number}" for number in range(1000)], "x": [[1.5], None] * 500})
        pq.write_table(table, folder / "part.parquet", row_group_size=90)
    pq.write_table(table, tmp_path / "day=2026-11-30" / "rest.parquet", row_group_size=2_000)
    plan, reading = in_splits(tmp_path, "**/*.parquet", wanted)
    assert (plan.is_lasting, plan.note) == (True, None)
    assert wanted // 5 <= len(plan.places) <= wanted
    assert reading == in_one(tmp_path, "**/*.parquet")
    write(tmp_path, "one.parquet", (tmp_path / "day=2026-11-30" / "rest.parquet").read_bytes())
    assert one(tmp_path, "one.parquet") == "one.parquet is read by one task: it has one row group."


@pytest.mark.parametrize("wanted", [2, 9])
def test_conversions_are_checked_in_splits_as_in_one(tmp_path: Path, wanted: int) -> None:
    rows = [ROW, ROW.replace("|", "| ", 1), ROW.replace("In Store", "N/A"), HEADER, ROW.rpartition("|")[0], ROW]
    text = "\n".join([HEADER, *rows * 40]) + "\n"
    write(tmp_path, "f.psv", text)
    whole = in_one(tmp_path, "f.psv", **FORM)
    plan, reading = in_splits(tmp_path, "f.psv", wanted, **FORM)
    assert len(plan.places) > 1
    assert whole.problems
    assert reading == whole


def test_more_rows_than_a_program_takes_are_refused_however_they_are_divided(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", "\n".join([HEADER, *[ROW] * 40]) + "\n")
    limits = SizeLimits(rows=39)
    with pytest.raises(FileRefused) as expected:
        in_one(tmp_path, "f.psv", limits, **FORM)
    with pytest.raises(FileRefused) as caught:
        in_splits(tmp_path, "f.psv", 4, limits, **FORM)
    assert caught.value.problems == expected.value.problems
    assert in_splits(tmp_path, "f.psv", 4, SizeLimits(rows=40), **FORM)[0].note is None


@pytest.mark.parametrize(
    "fault",
    [b"\xff", b"\0", b'\\"x', b'"open'],
    ids=["encoding", "NUL", "escaped quotation mark", "open quotation mark"],
)
@pytest.mark.parametrize("line", [2, 90, 180])
def test_a_file_is_refused_with_the_same_line(tmp_path: Path, fault: bytes, line: int) -> None:
    lines = [b"a,b", *[b"1,x"] * 200]
    lines[line] = b"1," + fault
    write(tmp_path, "f.csv", b"\n".join(lines) + b"\n")
    with pytest.raises(FileRefused) as expected:
        in_one(tmp_path, "f.csv")
    with pytest.raises(FileRefused) as caught:
        in_splits(tmp_path, "f.csv", 5)
    assert caught.value.problems == expected.value.problems


def planned(folder: Path, pattern: str) -> tuple[FileInput, SplitPlan]:
    """The files of a folder, and their division."""
    file_input = FileInput(str(folder / pattern), FileFormat(), folder)
    with open_files(file_input) as source, source.splits("", 3, None, 1) as plan:
        return file_input, plan


def test_files_that_changed_or_are_gone_are_refused_and_new_ones_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n" + "1,x\n" * 100)
    file_input, plan = planned(tmp_path, "*.csv")
    write(tmp_path, "another.csv", "a,b\n1,x\n")
    with open_files(file_input, None, plan.places[1]) as source, source.execute_split("", plan.places[1]) as result:
        assert sum(batch.num_rows for batch in result.batches()) > 0
    os.utime(tmp_path / "f.csv", (0, 0))
    with (
        open_files(file_input, None, plan.places[1]) as source,
        pytest.raises(SourceError, match=r"f.csv changed since the files were divided"),
        source.execute_split("", plan.places[1]),
    ):
        pass
    (tmp_path / "f.csv").unlink()
    with (
        open_files(file_input, None, plan.places[1]) as source,
        pytest.raises(SourceError, match=r"f.csv is gone since the files were divided"),
        source.execute_split("", plan.places[1]),
    ):
        pass


def test_files_are_divided_again_only_if_they_are_others(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n" + "1,x\n" * 100)
    file_input, plan = planned(tmp_path, "*.csv")
    known = json.loads(json.dumps(list(plan.places)))
    with open_files(file_input) as source, plan_splits(source, "", 7, known=known) as again:
        assert list(again.places) == known
    write(tmp_path, "g.csv", "a,b\n" + "1,x\n" * 100)
    with open_files(file_input) as source, plan_splits(source, "", 3, known=known) as other:
        assert {entry["name"] for place in other.places for entry in place["files"]} == {"f.csv", "g.csv"}


def test_changed_columns_are_noted_once(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n1,x\n")
    with open_files(FileInput(str(tmp_path / "f.csv"), FileFormat(), tmp_path)) as source:
        source.compare_with(PreviousFile("old.csv", "run", ("a", "c")))
        source.describe("")
        with source.splits("", 2, None):
            assert len(source.reading.notes) == 1


def test_skipped_files_are_not_divided(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path, name, "a,b\n" + "1,x\n" * 100)
    with open_files(FileInput(str(tmp_path / "*.csv"), FileFormat(), tmp_path)) as source:
        source.select(lambda file: file.display_name == "b.csv")
        with source.splits("", 2, None, 1) as plan:
            assert {entry["name"] for place in plan.places for entry in place["files"]} == {"b.csv"}
        source.select(lambda _: False)
        with source.splits("", 2, None, 1) as plan:
            assert list(plan.places) == []


def test_files_are_not_divided_by_a_column(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n")
    with open_files(FileInput(str(tmp_path / "f.csv"), FileFormat(), tmp_path)) as source:
        with pytest.raises(ConfigurationError, match="leave it out"), source.splits("", 2, "a"):
            pass


def test_a_large_file_is_divided_evenly_and_has_its_digest(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f'{number},"{"x" * (number % 120)}"\n' for number in range(40_000))
    write(tmp_path, "f.csv", text)
    plan, reading = in_splits(tmp_path, "f.csv", 4, smallest=len(text) // 5)
    assert len(plan.places) == 4
    sizes = [entry["part"]["end"] or len(text) for place in plan.places for entry in place["files"]]
    assert all(abs(size - len(text) * number // 4) < 200 for number, size in enumerate(sizes, 1))
    assert reading == in_one(tmp_path, "f.csv")
    assert [file.digest for file in reading.files] == [sha256(text.encode()).hexdigest()]
