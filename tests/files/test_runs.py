"""`connector` over files: what is sent, what is not, and what is said of it."""

import csv
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml

from connector.catalogue.conversions import COLUMNS
from tests.cli.command import Outcome, inside
from tests.cli.people import everything_below
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.files.shop import CONVERSIONS, HEADER, TEMPLATE, conversions, file_shop, put
from tests.files.written import write

DAY = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(days=3)
TODAY = f"{datetime.now(UTC) - timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def run(made: Shop, *options: str) -> Outcome:
    return inside("run", NAME, *options, project=made.directory)


def problems(outcome: Outcome) -> list[str]:
    """What is said below the line that the run begins with."""
    assert "Traceback" not in outcome.stderr
    return outcome.stderr.splitlines()[1:]


# The same rows -----------------------------------------------------------------------------------------------


def _row(number: int) -> dict[str, str | None]:
    return {
        "first_name": "Zoë",
        "email_1": None if number % 9 == 4 else f" Jo.{number}@Example.com ".strip(),
        "email_2": f"second.{number}@example.org" if number % 3 == 0 else None,
        "transaction_category": "In Store",
        "transaction_timestamp": f"{DAY + timedelta(seconds=number // 3):%Y-%m-%d %H:%M:%S}",
        "transaction_amount": f"{number / 7:.2f}",
        "phone_1": "(206) 555-0100" if number % 2 else None,
        "order_id": f"order {number // 3}",
        "store_code": "114",
        "quantity": "2",
        "product_id": str(1000 + number % 12),
        "product_name": 'Chef\'s knife, 20 cm | "sharp" ✂',
        "product_price": "19.99",
    }


ROWS = [{name: row.get(name) for name in COLUMNS} for row in map(_row, range(2_500))]
TYPED = ("CAST(transaction_timestamp AS TIMESTAMP) AS transaction_timestamp, CAST(transaction_amount AS DECIMAL(10, 2))"
         " AS transaction_amount, CAST(quantity AS INTEGER) AS quantity")  # fmt: skip


def from_duckdb(directory: Path, url: str, select: str) -> Shop:
    made = shop(directory, url, f"SELECT {select} FROM conversions ORDER BY line", template=TEMPLATE)
    with duckdb.connect(str(made.warehouse)) as warehouse:
        columns = ", ".join(f"{name} VARCHAR" for name in COLUMNS)
        warehouse.execute(f"CREATE TABLE conversions (line INTEGER, {columns})")
        marks = ", ".join("?" * (1 + len(COLUMNS)))
        warehouse.executemany(
            f"INSERT INTO conversions VALUES ({marks})", [[n, *row.values()] for n, row in enumerate(ROWS)]
        )
    return made


def from_file(directory: Path, url: str, name: str, delimiter: str, **settings: str) -> Shop:
    made = file_shop(directory, url, f"exports/{name}", **settings)
    (directory / "exports").mkdir()
    plain = directory / "plain"
    with plain.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    write(directory / "exports", name, plain.read_bytes())
    plain.unlink()
    return made


@pytest.mark.thorough
def test_the_same_rows_give_the_same_requests_byte_for_byte(tmp_path: Path) -> None:
    kinds: dict[str, Callable[[Path, str], Shop]] = {
        "text": lambda place, url: from_duckdb(place, url, "* EXCLUDE (line)"),
        "typed": lambda place, url: from_duckdb(place, url, f"* EXCLUDE (line) REPLACE ({TYPED})"),
        "comma": lambda place, url: from_file(place, url, "f.csv", ","),
        "tab": lambda place, url: from_file(place, url, "f.tsv", "\t"),
        "pipe": lambda place, url: from_file(place, url, "f.psv", "|"),
        "gzip": lambda place, url: from_file(place, url, "f.txt.gz", "|"),
        "checked": lambda place, url: from_file(place, url, "f.psv", "|", format=CONVERSIONS),
    }
    bodies, counts = {}, {}
    for kind, make in kinds.items():
        with serving() as tiktok:
            made = make(tmp_path / kind, tiktok.url)
            outcome = run(made, "--json")
            assert (outcome.code, outcome.stderr) == (0, "")
            counts[kind] = {key: outcome.record()[key] for key in ("rows", "events", "rejects", "warnings")}
            bodies[kind] = sorted(one.raw for one in tiktok.requests)
    assert counts["text"]["rows"]["read"] == len(ROWS)
    assert counts["text"]["rows"]["rejected"] > 0
    assert len(bodies["text"]) > 0
    for kind in kinds:
        assert (kind, counts[kind]) == (kind, counts["text"])
        assert bodies[kind] == bodies["text"]


def test_a_row_reaches_tiktok_as_the_template_says(tmp_path: Path, tiktok: TikTok) -> None:
    """Two e-mail addresses, New York's time, the amount before price times quantity, the order as the event."""
    made = from_file(tmp_path / "shop", tiktok.url, "f.psv", "|", format=CONVERSIONS)
    assert run(made).code == 0
    (event,) = [one for one in tiktok.events if one["event_id"] == "order 2"]
    new_york = (DAY + timedelta(seconds=2)).replace(tzinfo=ZoneInfo("America/New_York"))
    assert event["event_time"] == int(new_york.timestamp())
    assert event["event"] == "CompletePayment"
    properties = event["properties"]
    assert (properties["order_id"], properties["shop_id"], properties["value"]) == ("order 2", "114", 3)
    assert properties["transaction_category"] == "In Store"
    assert [item["price"] for item in properties["contents"]] == [19.99] * 3
    assert len(event["user"]["email"]) == 2
    assert "first_name" not in event["user"]


# The same file, the same rows --------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    """A project with a conversions file of a hundred rows, one of which is to be rejected."""
    project = file_shop(tmp_path / "shop", tiktok.url, "f.psv", format=CONVERSIONS)
    put(project, "f.psv", conversions(100, r5=f"|In Store|{TODAY}|5||x"))
    return project


def edit(made: Shop, **changes: object) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    settings["orchestrations"][NAME].update(changes)
    made.settings.write_text(yaml.safe_dump(settings))


def test_a_file_is_sent_once_and_the_second_run_says_so(made: Shop, tiktok: TikTok) -> None:
    first, requests = run(made, "--json").record(), len(tiktok.requests)
    assert (first["status"], first["rows"]["delivered"]) == ("completed_with_rejects", 99)
    again = run(made)
    assert again.code == 0
    assert problems(again)[0] == f"f.psv was sent before, by run {first['run_id']}, and is not read again."
    assert "No rows were read: every file was sent before." in again.stdout
    record = run(made, "--json").record()
    assert (record["status"], set(record["rows"].values()), len(tiktok.requests)) == ("completed", {0}, requests)
    planned = inside("plan", NAME, "--json", project=made.directory).json
    assert planned["rows"] == {"read": 0, "to_send": 0, "rejected": 0, "skipped": 0}
    assert planned["notes"] == [problems(again)[0]]


def test_files_without_rows_are_told_as_such(made: Shop) -> None:
    put(made, "f.psv", conversions(0))
    assert "No rows were read: the files hold no rows." in run(made).stdout


def test_a_file_is_known_by_what_it_holds_and_not_by_its_name(made: Shop) -> None:
    run(made)
    (made.directory / "f.psv").rename(made.directory / "renamed.psv")
    edit(made, file="*.psv")
    assert "renamed.psv was sent before" in run(made).stderr


@pytest.mark.parametrize("options", [("--test-event-code", "TEST1"), ("--limit", "50")])
def test_a_file_that_was_tried_only_is_read_again(made: Shop, options: tuple[str, ...]) -> None:
    assert run(made, *options, "--json").record()["rows"]["read"] in {50, 100}
    record = run(made, "--json").record()
    assert record["rows"]["read"] == 100
    assert record["rows"]["delivered"] + record["skips"].get("already_delivered", 0) == 99


def test_a_test_event_is_sent_from_a_file_that_was_sent(made: Shop) -> None:
    run(made)
    assert run(made, "--test-event-code", "TEST1", "--json").record()["rows"]["delivered"] == 99


def test_under_another_target_the_file_is_new(made: Shop) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    settings["targets"] = {"default": {}, "other": {}}
    made.settings.write_text(yaml.safe_dump(settings | {"target": "default"}))
    run(made)
    assert run(made, "--target", "other", "--json").record()["rows"]["delivered"] == 99


def test_under_other_settings_the_file_is_read_again_and_rows_that_were_delivered_are_skipped(made: Shop) -> None:
    run(made)
    edit(made, parameters={"event": "CompletePayment", "other": 1})
    record = run(made, "--json").record()
    assert (record["rows"]["read"], record["skips"]) == (100, {"already_delivered": 99})


def test_rows_that_another_file_brought_before_are_skipped(made: Shop) -> None:
    run(made)
    edit(made, format={"name": CONVERSIONS, "files_a_day": 2})
    put(made, "f.psv", conversions(120))
    record = run(made, "--json").record()
    assert (record["rows"]["delivered"], record["skips"]) == (21, {"already_delivered": 99})


def test_of_several_files_only_the_new_ones_are_read(made: Shop) -> None:
    edit(made, file="*.psv", format={"name": CONVERSIONS, "files_a_day": 9})
    run(made)
    put(made, "g.psv", conversions(10, start=500))
    outcome = run(made)
    assert problems(outcome)[0].startswith("f.psv was sent before")
    assert outcome.stdout.splitlines()[1].split() == ["rows", "read", "10"]
    put(made, "h.psv", conversions(10, start=600))
    assert problems(run(made))[0] == "2 files were sent before and are not read again, among them f.psv."


def test_a_file_whose_run_failed_is_read_again(made: Shop, tiktok: TikTok) -> None:
    edit(made, max_reject_percent=0)
    assert run(made).code == 3
    edit(made, max_reject_percent=50)
    assert run(made, "--json").record()["rows"]["delivered"] == 99


def test_a_run_that_stopped_half_way_goes_on_without_the_file_and_the_file_is_known_then(tmp_path: Path) -> None:
    is_up = threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        return OK if is_up.is_set() else Reply(40105, "Access token is incorrect", 200)

    with serving(answer) as server:
        made = file_shop(tmp_path / "shop", server.url, "f.psv", format=CONVERSIONS)
        put(made, "f.psv", conversions(100))
        stopped = run(made, "--json")
        assert (stopped.code, stopped.record()["rows"]["pending"]) == (1, 100)
        (made.directory / "f.psv").rename(made.directory / "away.psv")
        is_up.set()
        resumed = inside("resume", "--json", project=made.directory)
        assert resumed.record()["rows"]["delivered"] == 100
        (made.directory / "away.psv").rename(made.directory / "f.psv")
        assert "f.psv was sent before, by run" in run(made).stderr
    assert len(server.events) == 100


def test_rejected_rows_of_a_file_are_retried(made: Shop) -> None:
    run_id = run(made, "--json").record()["run_id"]
    put(made, "f.psv", conversions(100, r5=f"late@example.com|In Store|{TODAY}|5||x"))
    retried = inside("retry", run_id, "--json", project=made.directory)
    assert retried.json["rows"]["delivered"] == 1


# One file a day ----------------------------------------------------------------------------------------------


def test_a_second_file_on_a_day_is_refused(made: Shop, tiktok: TikTok) -> None:
    run(made)
    put(made, "f.psv", conversions(10, start=500))
    before = len(tiktok.requests)
    outcome = run(made)
    assert outcome.code == 2
    assert problems(outcome) == [
        "LiveRamp's program takes 1 file a day, and 1 would be sent besides 1 that went today: wait for tomorrow, name "
        "fewer, or set files_a_day in the format."
    ]
    assert len(tiktok.requests) == before
    assert inside("plan", NAME, project=made.directory).code == 2
    assert run(made, "--limit", "5").code == run(made, "--test-event-code", "T1").code == 0
    edit(made, format={"name": CONVERSIONS, "files_a_day": 2})
    assert run(made).code == 0


def test_two_files_at_once_are_refused_with_all_else_that_is_wrong(made: Shop) -> None:
    edit(made, file="*.psv")
    put(made, "g.psv", conversions(3, r2="bad"))
    told = problems(run(made))
    assert told[0].startswith("LiveRamp's program takes 1 file a day, and 2 would be sent at once")
    assert "g.psv:2: the row has 1 field, the header 6." in told


def test_plain_files_may_be_many_a_day(made: Shop) -> None:
    for name, rows in {"g.tsv": "3", "h.tsv": "5"}.items():
        inside("headers", str(made.directory / name), "--rows", rows, project=made.directory)
    edit(made, file="*.tsv", format=None)
    assert run(made).code == 0


# What is wrong -----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_with_its_line_and_nothing_is_sent(made: Shop, tiktok: TikTok) -> None:
    old = "2020-01-01"
    lines = conversions(
        10,
        r2=f" jo@example.com|In Store|{TODAY}|5||x",
        r3=f"jo@example.com|N/A|{TODAY}|5||x",
        r4=f"jo@example.com|In Store|{TODAY}|||x",
        r5="jo@example.com",
        r6=f"|In Store|{TODAY}|5||x",
        r7=f"jo@example.com|In Store|{old}|5||y",
        r8=f"jo@example.com|Online|{TODAY}|5||z",
    )
    put(made, "f.psv", lines)
    edit(made, format={"name": CONVERSIONS, "transaction_category": ["In Store"]})
    outcome = run(made)
    assert outcome.code == 2
    assert problems(outcome) == [
        "f.psv:2: email_1 begins or ends with white space.",
        "f.psv:3: transaction_category has a value that is not declared.",
        "f.psv:3: transaction_category says N/A or null: leave it blank.",
        "f.psv:4: transaction_amount needs a value.",
        "f.psv:5: the row has 1 field, the header 6.",
        "f.psv:8: transaction_category has a value that is not declared.",
        "f.psv:6: the row is rejected: missing_identity.",
        "f.psv:7: the row is rejected: event_too_old.",
    ]
    assert tiktok.requests == []
    record = inside("runs", "--json", project=made.directory).json["runs"][0]
    assert (record["status"], set(record["rows"].values())) == ("failed", {0})
    assert "jo@" not in everything_below(made.state)
    for command in ("plan", "preview"):
        assert inside(command, NAME, project=made.directory).code == 2


def test_preview_tells_of_repeated_header_lines(made: Shop) -> None:
    lines = (made.directory / "f.psv").read_text().splitlines()
    put(made, "f.psv", [lines[0], lines[1], lines[0], *lines[2:]])
    notes = inside("preview", NAME, "--json", project=made.directory).json["notes"]
    assert any("f.psv: the header line is repeated on line 3" in note for note in notes), notes


def test_rows_that_are_rejected_are_told_with_their_lines_and_the_others_are_sent(made: Shop, tiktok: TikTok) -> None:
    future = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    put(
        made,
        "f.psv",
        conversions(10, r3=f"jo@example.com|In Store|{future}|5||x", r6="jo@example.com|In Store|noon|5||y"),
    )
    outcome = run(made)
    assert outcome.code == 0
    assert problems(outcome)[:2] == [
        "f.psv: rows rejected as event_in_future: line 3.",
        "f.psv: rows rejected as invalid_timestamp: line 6.",
    ]
    assert len(tiktok.events) == 8


WRONG: Mapping[str, tuple[dict[str, Any] | None, str, int]] = {
    "no such file": (None, "There is no file f.psv.", 2),
    "gzip": ({"name": "f.psv.gz", "content": b"no gzip"}, "f.psv.gz is not a complete gzip file", 2),
    "not UTF-8": ({"name": "f.csv", "content": b"email,value\n\xff,1\n"}, "f.csv:2: not UTF-8 text", 2),
    "duplicate headers": ({"name": "f.csv", "content": b"email,email\n"}, 'columns 1 and 2 are both named "email"', 2),
    "carets": ({"name": "f.csv", "content": b"email^value\n1^2\n"}, "the delimiter has to be", 2),
    "another type": ({"name": "f.avro", "content": b"Obj1"}, "f.avro has a type that is not supported", 2),
    "no Parquet": (
        {"name": "f.parquet", "content": b"PAR1"},
        "f.parquet is no Parquet file, is encrypted, or is damaged",
        2,
    ),
    "no time": (
        {"name": "f.csv", "content": b"email_1,value\n1,2\n"},
        'timestamp: there is no column "transaction_timestamp"',
        2,
    ),
}


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        *(("run", mistake) for mistake in WRONG),
        *((one, "not UTF-8") for one in ("plan", "preview")),
        ("compile", "gzip"),
    ],
)
def test_a_mistake_is_told_alike_by_every_command(made: Shop, tiktok: TikTok, mistake: str, command: str) -> None:
    written, told, code = WRONG[mistake]
    (made.directory / "f.psv").unlink()
    if written:
        (made.directory / written["name"]).write_bytes(written["content"])
        edit(made, file=written["name"], format=None)
    outcome = inside(command, NAME, project=made.directory)
    assert outcome.code == code
    assert told in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert tiktok.requests == []


SETTINGS: Mapping[str, tuple[dict[str, Any], str]] = {
    "unknown format": ({"format": "liveramp_conversion"}, 'Did you mean "liveramp_conversions"?'),
    "unknown delimiter": ({"format": {"delimiter": ";"}}, "comma, tab, pipe or semicolon"),
    "semicolons": ({"format": {"name": CONVERSIONS, "delimiter": "semicolon"}}, "must be comma, tab or pipe"),
    "unknown key": ({"format": {"delimeter": "tab"}}, 'Did you mean "delimiter"?'),
    "another's key": ({"format": {"files_a_day": 3}}, "goes with the format liveramp_conversions only"),
    "no files a day": ({"format": {"name": CONVERSIONS, "files_a_day": 0}}, "whole number"),
    "unknown scheme": ({"file": "s4://bucket/x.csv"}, 'Unknown scheme "s4://"'),
    "unknown type": ({"file": "x.json"}, "x.json has a type that is not supported"),
    "both": ({"query": NAME}, "has both query and file"),
}


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_mistake_in_the_settings_is_told_before_anything_is_opened(made: Shop, mistake: str) -> None:
    changes, told = SETTINGS[mistake]
    (made.directory / "f.psv").unlink()
    edit(made, **changes)
    outcome = inside("validate", NAME, project=made.directory)
    assert outcome.code == 2
    assert told in outcome.stderr
    assert all(f"{made.settings}:" in line for line in outcome.stderr.splitlines())


def test_format_goes_with_a_file_only(tmp_path: Path) -> None:
    project = shop(tmp_path / "shop", "http://127.0.0.1:9", "SELECT 1", format=CONVERSIONS)
    assert "format is only for file" in inside("validate", NAME, project=project.directory).stderr


def test_validate_looks_at_the_file_only_with_connect(made: Shop) -> None:
    put(made, "f.psv", ["email_1|colour"])
    assert inside("validate", NAME, project=made.directory).code == 0
    outcome = inside("validate", NAME, "--connect", project=made.directory)
    assert outcome.code == 2
    assert '"colour" is not a column of the program' in outcome.stderr
    put(made, "f.psv", [HEADER])
    shown = inside("validate", NAME, "--connect", project=made.directory)
    assert shown.code == 0
    assert "email_1, email_2, email_3, email_4" in shown.stdout


def test_compile_names_the_files_and_their_delimiters(made: Shop) -> None:
    compiled = inside("compile", NAME, "--json", project=made.directory).json
    assert (compiled["query"], compiled["files"]) == (None, [{"file": "f.psv", "delimiter": "|"}])
    assert (
        "-- The file f.psv, target default, its values between '|'"
        in inside("compile", NAME, project=made.directory).stdout
    )


def test_no_plain_identifier_is_written_to_disk(made: Shop) -> None:
    run(made)
    left = everything_below(made.state)
    assert "customer.1@" not in left
    assert '"order_id":"x"' in left


# `connector headers` -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "delimiter"), [("n.csv", ","), ("n.tsv", "\t"), ("n.psv", "|"), ("n.txt", "|")])
def test_headers_begins_a_file_that_the_format_takes(made: Shop, tiktok: TikTok, name: str, delimiter: str) -> None:
    outcome = inside("headers", str(made.directory / name), project=made.directory)
    assert (outcome.code, outcome.stdout) == (0, "")
    assert (made.directory / name).read_text() == delimiter.join(COLUMNS) + "\n"
    edit(made, file=name)
    record = run(made, "--json").record()
    assert (record["status"], record["rows"]["read"]) == ("completed", 0)


def test_headers_with_rows_writes_a_sample_of_which_every_row_is_delivered(made: Shop, tiktok: TikTok) -> None:
    assert inside("headers", str(made.directory / "n.csv"), "--rows", "60", project=made.directory).code == 0
    edit(made, file="n.csv", format={"name": CONVERSIONS, "transaction_category": ["In Store", "Offline"]})
    record = run(made, "--json").record()
    assert record["rows"] == {"read": 60, "delivered": 60, "rejected": 0, "skipped": 0, "pending": 0}


def test_the_rows_of_headers_show_every_category(made: Shop, tiktok: TikTok) -> None:
    file, categories = made.directory / "n.psv", ["In Store", "Café, 2|3", '"Phone"']
    options = [word for name in categories for word in ("--category", name)]
    outcome = inside("headers", str(file), "--rows", "25", *options, project=made.directory)
    assert outcome.code == 0
    declared = yaml.safe_load(outcome.stderr.splitlines()[1].partition("orchestration: ")[2])
    assert declared == {"transaction_category": categories}
    with file.open(newline="") as opened:
        assert {row["transaction_category"] for row in csv.DictReader(opened, delimiter="|")} == set(categories)
    edit(made, file="n.psv", format={"name": CONVERSIONS, **declared})
    assert run(made, "--json").record()["rows"]["delivered"] == 25


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rows", "9", "--category", " In Store"], '" In Store" cannot be a transaction category'),
        (["--rows", "9", "--category", "n/A"], '"n/A" cannot be a transaction category'),
        (["--rows", "9", "--category", ""], '"" cannot be a transaction category'),
        (["--rows", "9", "--category", "a\nb"], '"a\\nb" cannot be a transaction category'),
        (["--rows", "9", "--category", "a", "--category", "a"], '"a" is given twice'),
        (["--rows", "1", "--category", "a", "--category", "b"], "--rows 1 is too few"),
        (["--category", "a"], "--rows 0 is too few"),
    ],
)
def test_categories_that_no_file_can_have_are_refused(made: Shop, options: list[str], told: str) -> None:
    outcome = inside("headers", str(made.directory / "n.csv"), *options, project=made.directory)
    assert outcome.code == 2
    assert told in outcome.stderr
    assert not (made.directory / "n.csv").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [("f.psv", "exists and is not changed"), ("n.json", "must end in"), ("no/n.csv", "cannot be written")],
)
def test_headers_overwrites_nothing(made: Shop, name: str, told: str) -> None:
    before = (made.directory / "f.psv").read_bytes()
    outcome = inside("headers", str(made.directory / name), project=made.directory)
    assert outcome.code == 2
    assert told in outcome.sentence
    assert (made.directory / "f.psv").read_bytes() == before
