"""Names of columns with blanks around and within, dates and apostrophes, in files and in queries, by the command."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop, shop

TIME = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"

HEADERS = [
    "order_id, email, timestamp, value",
    "order_id ,email ,timestamp ,value ",
    " order_id\t,\u00a0email\u00a0,\ufefftimestamp, value",
    "\ufefforder_id,email\u3000,timestamp,value\u200b",
    '"order_id"," email ",timestamp,value',
    "ORDER_ID, Email ,Timestamp,VALUE",
]
FURTHER = ["sales_20261129", "2026-11-29", "first  name", "customer's o'clock", "20261129", "2026-11-29 16:03"]


def project(directory: Path, header: str, further: str = "") -> Shop:
    """A project whose orchestration reads a file with this header line and one row."""
    made = shop(directory, "simulator", "SELECT 1")
    settings = yaml.safe_load(made.settings.read_text())
    entry = settings["orchestrations"][NAME]
    del entry["query"], entry["warehouse"]
    entry["file"] = "in.csv"
    made.settings.write_text(yaml.safe_dump(settings))
    (directory / "in.csv").write_text(f"{header}\no1,a@example.com,{TIME},1{further}\n", "utf-8")
    return made


def preview(made: Shop) -> Outcome:
    return inside("preview", NAME, project=made.directory)


def check_sent(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.stderr
    assert '"order_id": "o1"' in outcome.stdout
    assert '"value": 1' in outcome.stdout
    assert '"email"' in outcome.stdout
    assert "a@example.com" not in outcome.stdout


@pytest.mark.parametrize("header", HEADERS)
def test_blanks_around_names_come_off(tmp_path: Path, header: str) -> None:
    check_sent(preview(project(tmp_path / "shop", header)))


@pytest.mark.parametrize("name", FURTHER)
def test_a_name_is_no_phone_number(tmp_path: Path, name: str) -> None:
    check_sent(preview(project(tmp_path / "shop", f"order_id,email,timestamp,value,{name}", ",x")))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("email, email,timestamp,value", 'in.csv:1: columns 1 and 2 are both named "email".'),
        ("order_id,  ,timestamp,value", "in.csv:1: column 2 has no name."),
        ("o0,b@example.com,2026-11-29T16:03:01Z,1", "in.csv:1: the first line has what looks like an e-mail address"),
        ("o0,+12065550100,2026-11-29T16:03:01Z,1", "in.csv:1: the first line has what looks like an e-mail address"),
    ],
)
def test_a_header_line_is_refused_for_its_true_reason(tmp_path: Path, header: str, told: str) -> None:
    outcome = preview(project(tmp_path / "shop", header))
    assert outcome.code == 2
    assert outcome.sentence.startswith(told)
    assert "b@example.com" not in outcome.stderr
    assert "2065550100" not in outcome.stderr


@pytest.mark.parametrize("name", [" Email ", "email\u00a0", "\ufeffEMAIL", "\temail"])
def test_blanks_around_the_names_of_a_query_come_off(tmp_path: Path, name: str) -> None:
    query = f"SELECT 'o1' AS order_id, 'a@example.com' AS \"{name}\", '{TIME}' AS \" timestamp\", 1 AS value"
    check_sent(preview(shop(tmp_path / "shop", "simulator", query)))


def test_two_columns_of_a_query_that_differ_by_blanks_are_told(tmp_path: Path) -> None:
    query = f"SELECT 'a@example.com' AS email, 'b@example.com' AS \" Email\", '{TIME}' AS timestamp"
    outcome = preview(shop(tmp_path / "shop", "simulator", query))
    assert outcome.code == 2
    assert 'There are 2 columns named "email"; email needs one.' in outcome.stderr
