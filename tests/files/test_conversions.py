"""LiveRamp's conversions files, against a plain reading of the program's page."""

import csv
import io
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.catalogue.conversions import COLUMNS
from connector.errors import FileRefused
from connector.files.problem_log import MAX_LISTED
from connector.files.scan_report import SizeLimits
from tests.files.page import ALL, NEEDED, wrong_fields, wrong_headers
from tests.files.written import opened, read, refusal, write
from tests.strategies import ODD, WHITE

FORMAT = "liveramp_conversions"
HEADER = "email_1|transaction_category|transaction_timestamp|transaction_amount"
GOOD = "alex@example.com|In Store|2014-03-31|99.99"

KINDS = {
    "begins or ends with white space": "space",
    "says N/A or null": "word",
    "needs a value": "blank",
}


def told(problems: list[str]) -> list[tuple[int, str]]:
    """What the product says, in the words of the plain reading."""
    found = []
    for problem in problems:
        line, sentence = re.fullmatch(r"f\.\w+:(\d+): (.*)\.", problem, re.DOTALL).groups()  # type: ignore[union-attr]
        if "fields, the header" in sentence:
            found.append((int(line), "ragged"))
        elif "not declared" in sentence:
            found.append((int(line), "undeclared"))
        else:
            name, rest = sentence.split(" ", 1)
            (word,) = [word for start, word in KINDS.items() if rest.startswith(start)]
            found.append((int(line), f"{name} {word}"))
    return found


def by_kind(found: Counter[tuple[int, str]]) -> Counter[str]:
    """How many there are of each kind, in whichever column."""
    kinds: Counter[str] = Counter()
    for (_, what), count in found.items():
        kinds[what.split()[-1]] += count
    return kinds


def test_the_columns_are_those_of_the_page() -> None:
    assert list(COLUMNS) == ALL


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n"|'), min_size=1, max_size=6)
FIELD = st.one_of(
    PLAIN,
    st.sampled_from(["", "N/A", "n/a", "null", "NULL", "Null ", "NA", "n/a\u212a", "nul"]),
    st.tuples(st.sampled_from([*WHITE.replace("\n", "").replace("\r", ""), ""]), PLAIN).map("".join),
    st.tuples(PLAIN, st.sampled_from([*WHITE.replace("\n", "").replace("\r", ""), *ODD.replace("\0", "").replace('"', "")])).map("".join),
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Headers as the page wants them, and hostile rows."""
    chosen = draw(st.sets(st.sampled_from(ALL)))
    names = [name for name in ALL if name in chosen or name in NEEDED]
    width = draw(st.sampled_from([len(names)] * 8 + [len(names) - 1, len(names) + 1]))
    rows = draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=6))
    good = ["x@example.com" if "email" in name else "1" for name in names]
    return names, [good, *rows, *([good[:-1]] if draw(st.booleans()) else [])]


@pytest.mark.thorough
@settings(max_examples=300)
@given(files(), st.sampled_from([(), ("1", "In Store")]))
@example((NEEDED, [["a@example.com", "1", "1", "1"], ["\u2003x", "x\x1c", "\x85x", "x\u3000"]]), ())
def test_what_is_wrong_with_rows_is_what_a_plain_reading_finds(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[list[str], list[list[str]]], declared: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("file")
    names, rows = file
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="|", lineterminator="\n").writerows([names, *rows])
    write(folder, "f.psv", out.getvalue())
    _, problems = read(folder, "f.psv", name=FORMAT, transaction_category=declared)
    listed = Counter(told([one for one in problems if " in all; " not in one]))
    expected = Counter(wrong_fields(out.getvalue(), "|", declared))
    assert listed <= expected
    assert by_kind(listed) == {kind: min(MAX_LISTED, count) for kind, count in by_kind(expected).items()}
    assert sum(" in all; " in one for one in problems) == sum(
        count > MAX_LISTED for count in by_kind(expected).values()
    )


@given(st.one_of(st.permutations(NEEDED), st.lists(st.sampled_from([*ALL, "Email_1", "email", " zip"]), unique=True)))
@example(ALL)
@example(NEEDED)
def test_headers_are_right_where_a_plain_reading_finds_them_so(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("file")
    write(folder, "f.csv", ",".join(names) + "\n")
    try:
        rows, problems = read(folder, "f.csv", name=FORMAT)
    except FileRefused as refused:
        assert wrong_headers(names)
        assert all(problem.message.startswith("f.csv:1: ") for problem in refused.problems)
    else:
        assert (rows, problems, wrong_headers(names)) == ([], [], False)


def test_all_that_is_wrong_with_headers_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", "transaction_amount|email_1|Zip|colour|transaction_category\n")
    assert refusal(FileRefused, tmp_path, "f.psv", name=FORMAT).splitlines() == [
        'f.psv:1: "Zip" is not a column of the program: write it as "zip".',
        'f.psv:1: "colour" is not a column of the program.',
        'f.psv:1: the column "transaction_timestamp" is needed.',
        "f.psv:1: the columns have to stand in this order: email_1, transaction_category, transaction_amount.",
    ]


def test_columns_that_the_file_lacks_are_there_and_blank(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", f"{HEADER}\n{GOOD}\n")
    (row,), problems = read(tmp_path, "f.psv", name=FORMAT)
    assert (list(row), problems) == (ALL, [])
    assert {name: value for name, value in row.items() if value} == dict(
        zip(HEADER.split("|"), GOOD.split("|"), strict=True)
    )


def test_of_each_kind_the_first_twenty_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    rows = [f"a@example.com | x|2014-03-31|{number}" for number in range(1_000)]
    write(tmp_path, "f.psv", "\n".join([HEADER, *rows, "a@example.com|N/A|1|1"]))
    _, problems = read(tmp_path, "f.psv", name=FORMAT)
    assert len(problems) == MAX_LISTED + 1 + 1
    assert problems[-1].startswith("f.psv: 2,000 fields that begin or end with white space")
    assert "f.psv:1002: transaction_category says N/A or null: leave it blank." in problems


def test_no_value_of_a_file_is_repeated(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", f"{HEADER}\n jo@example.com | odd |null|x\njo@example.com\n")
    _, problems = read(tmp_path, "f.psv", name=FORMAT, transaction_category=["In Store"])
    assert len(problems) == 5
    assert not re.search("jo@|odd", "\n".join(problems))


INSTRUCTIONS = "Plaintext email|Required. Type of sale|YYYY-MM-DD or ISO 8601| Number, no currency sign"


def test_the_templates_row_of_instructions_is_left_out_with_a_note(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", f"{HEADER}\n{INSTRUCTIONS}\n{GOOD}\n")
    with opened(tmp_path, "f.psv", name=FORMAT) as source, source.execute("") as result:
        rows = [row for batch in result.batches() for row in batch.to_pylist()]
        assert [row["transaction_amount"] for row in rows] == ["99.99"]
        assert source.reading.notes == ["f.psv:2: the template's row of instructions is skipped."]
        assert not source.reading.problems


@pytest.mark.parametrize("row", [GOOD, "x@example.com|a|soon|much", "|a|31 March|9", "x|a|today|1.5", "|||"])
def test_a_row_of_data_is_not_taken_for_instructions(tmp_path: Path, row: str) -> None:
    write(tmp_path, "f.psv", f"{HEADER}\n{row}\n{GOOD}\n")
    with opened(tmp_path, "f.psv", name=FORMAT) as source, source.execute("") as result:
        assert sum(batch.num_rows for batch in result.batches()) == 1 + any(row.split("|"))
        assert source.reading.notes == []


def test_instructions_further_down_are_not_looked_for(tmp_path: Path) -> None:
    write(tmp_path, "f.psv", f"{HEADER}\n{GOOD}\n{INSTRUCTIONS}\n")
    rows, problems = read(tmp_path, "f.psv", name=FORMAT)
    assert len(rows) == 2
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("limits", "refused"), [(SizeLimits(3, 1_000), False), (SizeLimits(2, 1_000), True), (SizeLimits(3, 150), True)]
)
def test_a_file_above_the_programs_limits_is_refused(tmp_path: Path, limits: SizeLimits, refused: bool) -> None:
    write(tmp_path, "f.psv.gz", "\n".join([HEADER, *[GOOD] * 3]))
    if refused:
        with pytest.raises(FileRefused, match="is larger than a file of the program may be"):
            read(tmp_path, "f.psv.gz", limits, name=FORMAT)
    else:
        assert len(read(tmp_path, "f.psv.gz", limits, name=FORMAT)[0]) == 3


def test_a_file_of_more_than_fifty_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "f.psv", f"{HEADER}\n{GOOD}\n")
    os.truncate(path, 50_000_000_001)
    assert "is larger than a file of the program may be" in refusal(FileRefused, tmp_path, "f.psv", name=FORMAT)


def test_limits_are_not_those_of_other_files(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a,b\n1,2\n3,4\n")
    assert len(read(tmp_path, "f.csv", SizeLimits(1, 1))[0]) == 2
