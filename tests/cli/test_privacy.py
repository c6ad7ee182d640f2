"""No plain e-mail address or phone number in any file, any message or any output, however a run ends."""

import csv
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.cli.command import Outcome, checked, connector, ended, inside, started
from tests.cli.people import People, everything_below, is_identifier
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

MAILS = [
    "Bob.Smith@example.com",
    "  Eve.Jones@Example.ORG ",
    "o'neill@example.net",
    "müller@bücher.example",
    "a+b@example.co.uk",
    "first,last@example.com",
    "<Ann.Lee@example.com>",
    "a:b@example.com",
    "Zoë@example.org",
]
PHONES = [
    "(212) 555-0142",
    "+1 212 555 0144",
    "1-212-555-0145",
    "212.555.0146",
    "+447700900123",
    "+49 30 23125123",
    "+33 6 12 34 56 79",
    "tel:+12125550152",
]
MISSED = [
    "two@@example.com",
    '"john doe"@example.com',
    "x(comment)@example.com",
    "bob%40example.com",
    "2125550143",
    "12125550147",
    "212 5550153",
    "212/555/0149",
    "020 7946 0958",
    "00442079460959",
    "2125550150",
]
"""Forms that are kept as they are, in columns that are no identifier's."""

COLUMNS = (
    "event_id",
    "order_id",
    "shop_id",
    "description",
    "event_channel",
    "currency",
    "event",
    "event_source_id",
    "event_source",
    "content_id",
    "content_name",
    "content_category",
    "brand",
    "content_type",
    "price",
    "quantity",
    "value",
    "timestamp",
)
AT_HOME_WITH_LONG_NUMBERS = (
    "event_id", "order_id", "shop_id", "content_id", "event_source_id", "price", "quantity", "value", "timestamp",
)  # fmt: skip
"""Where a number without any separator cannot be told from an id or an amount."""
GOOD_ROW = {"event": "Purchase", "event_channel": "in_store", "timestamp": "2026-01-01T00:00:00"}


def literal(text: str | None) -> str:
    """A SQL literal."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def misplaced(identifiers: list[str]) -> str:
    """A row for each identifier in each column where it does not belong, each rejected at the latest for its age."""
    rows = [
        {**GOOD_ROW, column: text}
        for text in identifiers
        for column in COLUMNS
        if not (text.isdigit() and column in AT_HOME_WITH_LONG_NUMBERS)
    ]
    values = ", ".join(f"({', '.join(literal(row.get(column)) for column in COLUMNS)})" for row in rows)
    return f"SELECT *, 'good@example.edu' AS email FROM (VALUES {values}) AS misplaced ({', '.join(COLUMNS)})"


# The demo ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_output(project: Path, simulated: dict[str, Outcome], history: dict[str, dict[str, Any]]) -> str:
    """All that the commands print of the demo's orchestrations."""
    printed = list(simulated.values())
    for name, record in history.items():
        printed.append(inside("rejects", record["run_id"], "--format", "json", project=project))
        printed.append(inside("preview", name, "--rows", "100000", project=project))
        printed.append(inside("runs", "show", record["run_id"], "--requests", project=project))
        printed.append(inside("report", record["run_id"], project=project))
    assert {one.code for one in printed} == {0}
    return "\n".join(one.stdout + one.stderr for one in printed)


@pytest.fixture(scope="module")
def demo_people(project: Path, simulated: dict[str, Outcome]) -> People:
    sql = """
        SELECT unnest([email, email_2, phone]) FROM Merged_Customers
        UNION SELECT unnest([checkout_email, account_email, checkout_phone]) FROM Web_Orders
    """
    with duckdb.connect(str(project / "demo" / "warehouse.duckdb"), read_only=True) as warehouse:
        found = [text for (text,) in warehouse.execute(sql).fetchall() if text and is_identifier(text)]
    with (project / "demo" / "conversions.psv").open(encoding="utf-8") as file:
        in_file = [
            row[name] for row in csv.DictReader(file, delimiter="|") for name in ("email_1", "email_2", "phone_1")
        ]
    found += [text for text in in_file if text]
    assert len(found) > 4_000 + 100
    return People(found)


def test_no_customer_of_the_demo_is_to_be_read_below_the_state_folder(project: Path, demo_people: People) -> None:
    assert demo_people.found_in(everything_below(project / ".connector")) == []


def test_no_customer_of_the_demo_is_to_be_read_in_any_output(demo_output: str, demo_people: People) -> None:
    assert demo_people.found_in(demo_output) == []


def test_the_search_finds_what_is_there(project: Path, demo_people: People, tmp_path: Path) -> None:
    with duckdb.connect(str(project / "demo" / "warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute(
            f"COPY (SELECT email, phone FROM Merged_Customers) TO '{tmp_path}/leak.parquet' (COMPRESSION zstd)"
        )
    assert len(demo_people.found_in(everything_below(tmp_path))) > 4_000


# Identifiers where they do not belong -----------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What a run leaves: text below its state folder, and what commands print about it."""

    files: str
    output: str


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What is left of a run in which every row has an identifier in the wrong column."""
    with serving() as tiktok:
        nasty = {"nasty": misplaced([*MAILS, *PHONES, *MISSED])}
        made = shop(tmp_path_factory.mktemp("nasty") / "shop", tiktok.url, "SELECT * FROM nasty", tables=nasty)
        run = connector("run", NAME, "--json", project=made.directory)
        record = run.record()
        assert record["rows"]["rejected"] == record["rows"]["read"]
        assert tiktok.requests == []
    more = [
        ("rejects", record["run_id"]),
        ("rejects", record["run_id"], "--format", "json"),
        ("preview", NAME, "--rows", "100000"),
        ("runs", "show", record["run_id"]),
        ("runs", "show", record["run_id"], "--json"),
        ("report", record["run_id"]),
        ("runs", "export", "-o", str(made.directory / "exported")),
    ]
    outcomes = [run, *(inside(*args, project=made.directory) for args in more)]
    assert [one.code for one in outcomes] == [3, *[0] * 7]
    written = everything_below(made.state) + everything_below(made.directory / "exported")
    return Left(written, "\n".join(one.stdout + one.stderr for one in outcomes))


@pytest.mark.parametrize("text", [*MAILS, *PHONES, *MISSED])
def test_an_identifier_in_a_wrong_column_of_a_rejected_row_is_kept_nowhere(left: Left, text: str) -> None:
    people = People([text])
    assert people.found_in(left.files) == []
    assert people.found_in(left.output) == []


# A query that fails -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nobody() -> Iterator[TikTok]:
    """A server that nothing should be sent to."""
    with serving() as tiktok:
        yield tiktok
        assert tiktok.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "Bob.Smith@example.com",
        "(212) 555-0142",
        '"john doe"@example.com',
        "2125550143",
        "020 7946 0958",
    ],
)
def test_a_warehouse_that_quotes_the_value_it_could_not_read_names_nobody(
    nobody: TikTok, tmp_path: Path, text: str
) -> None:
    query = "SELECT CAST(given AS DATE) AS timestamp, given AS email, 'e1' AS event_id FROM people"
    made = shop(tmp_path / "shop", nobody.url, query, tables={"people": f"SELECT {literal(text)} AS given"})
    run = inside("run", NAME, "--json", project=made.directory)
    again = [inside(command, NAME, project=made.directory) for command in ("preview", "plan")]
    record = run.record()
    assert [run.code, *(one.code for one in again)] == [1, 1, 1]
    assert record["status"] == "failed"
    assert "The query failed: Conversion Error" in run.sentence
    people = People([text])
    assert people.found_in("".join(one.stdout + one.stderr for one in [run, *again])) == []
    assert people.found_in(everything_below(made.state)) == []


# Sending that fails -----------------------------------------------------------------------------------------

PEOPLE = People([*MAILS, *PHONES, "2125550143", "00442079460959"])
ECHO = f"Invalid value: {' ; '.join([*MAILS, *PHONES, '2125550143', '00442079460959'])}"
SHORT_ECHO = "Invalid value: Bob.Smith@example.com, 'müller@bücher.example' 2125550143 (212) 555-0142 +447700900123"


def crowd(directory: Path, url: str, **options: Any) -> Shop:
    """A project in which everybody buys something, a thousand times over."""
    people = ", ".join(f"({literal(mail)}, {literal(phone)})" for mail in MAILS for phone in PHONES)
    sql = f"SELECT 'e' || n || ':' || mail_phone.phone_id AS event_id, now() AS timestamp, mail AS email, phone, CASE WHEN n % 10 > 0 THEN 2.5 ELSE -1 END AS value FROM (SELECT *, row_number() OVER () AS phone_id FROM (VALUES {people}) AS p (mail, phone)) AS mail_phone, range(20) AS t (n)"
    return shop(directory, url, "SELECT * FROM crowd", tables={"crowd": sql}, **options)


def names_nobody(made: Shop, *outcomes: Outcome) -> dict[str, Any]:
    """The run's record, if nobody is to be recognised in anything that it left or printed."""
    record = checked(inside("runs", "list", "--json", project=made.directory).json["runs"][0])
    more = [
        inside("rejects", record["run_id"], "--format", "json", project=made.directory),
        inside("runs", "show", record["run_id"], project=made.directory),
        inside("report", record["run_id"], project=made.directory),
        inside("runs", "export", "-o", str(made.directory / "exported"), project=made.directory),
    ]
    assert PEOPLE.found_in(everything_below(made.directory / "exported")) == []
    assert PEOPLE.found_in("\n".join(one.stdout + one.stderr for one in [*outcomes, *more])) == []
    assert PEOPLE.found_in(everything_below(made.directory / ".connector")) == []
    return record


@pytest.mark.parametrize(
    "reply",
    [
        Reply(50000, ECHO, 500),
        Reply(40105, SHORT_ECHO, 401),
        Reply(40002, SHORT_ECHO, 400),
        Reply(envelope=False, message=ECHO, status=500),
        Reply(reset=True),
    ],
    ids=["broken", "revoked token", "everything refused", "gateway", "connections torn down"],
)
def test_a_run_that_fails_while_sending_names_nobody(tmp_path: Path, reply: Reply) -> None:
    with serving(lambda body: reply) as tiktok:
        made = crowd(tmp_path / "shop", tiktok.url)
        run = inside("run", NAME, project=made.directory)
    assert run.code == 1
    assert names_nobody(made, run)["rows"]["pending"] > 0


def test_a_run_with_refused_and_rejected_events_names_nobody(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        text = json.dumps(body, ensure_ascii=False)
        assert PEOPLE.found_in(text) == []
        return Reply(40002, SHORT_ECHO, 400) if '"e7:3"' in text else OK

    with serving(answer) as tiktok:
        made = crowd(tmp_path / "shop", tiktok.url)
        run = connector("run", NAME, "--json", project=made.directory)
    assert run.code == 0
    record = names_nobody(made, run)
    assert record["rejects"]["refused_by_tiktok"] == 1
    assert record["rejects"]["invalid_amount"] == record["rows"]["read"] / 10


def test_a_run_with_too_many_rejects_names_nobody(tmp_path: Path, nobody: TikTok) -> None:
    made = crowd(tmp_path / "shop", nobody.url, max_reject_percent=5)
    run = inside("run", NAME, project=made.directory)
    assert run.code == 3
    assert names_nobody(made, run)["rows"]["delivered"] == 0


def test_a_run_that_is_interrupted_names_nobody(tmp_path: Path) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        held.wait(30)
        return OK

    with serving(answer) as tiktok:
        made = crowd(tmp_path / "shop", tiktok.url, destination={"max_in_flight": 1})
        process = started("run", NAME, project=made.directory)
        assert tiktok.first.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.3, held.set).start()
        run = ended(process)
    assert run.code == 130
    assert names_nobody(made, run)["status"] == "interrupted"
