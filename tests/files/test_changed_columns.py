"""A feed whose columns changed since the last file that was sent: `run` and `plan` say how."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.files.scan_report import column_changes
from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop
from tests.cli.tiktok import TikTok, serving
from tests.files.shop import CONVERSIONS, conversions, file_shop, put

TODAY = conversions(1)[1].split("|")[2]


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def plain(directory: Path, url: str) -> Shop:
    """A project whose orchestration reads `*.csv` by the names of the columns."""
    made = file_shop(directory, url, "*.csv")
    written = yaml.safe_load(made.settings.read_text())
    del written["orchestrations"][NAME]["template"]
    made.settings.write_text(yaml.safe_dump(written))
    return made


def run(made: Shop, *options: str) -> Outcome:
    return inside("run", NAME, *options, project=made.directory)


def changes(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stderr.splitlines() if "the columns changed since" in line]


def feed(made: Shop, name: str, header: str) -> None:
    """A file with one new row, of a time, an e-mail address and whatever else there is."""
    values = {"email": f"{name}@example.com", "timestamp": TODAY, "order_id": name}
    fields = [values.get(column.strip().lower(), "1") for column in header.split(",")]
    put(made, f"{name}.csv", [header, ",".join(fields)])


def test_a_change_is_told_by_plan_and_run_until_a_file_with_it_was_sent(tmp_path: Path, tiktok: TikTok) -> None:
    made = plain(tmp_path / "shop", tiktok.url)
    feed(made, "a", "order_id,email,timestamp,value,shop")
    assert changes(run(made)) == []
    feed(made, "b", " order_id,email ,timestamp,value,shop")
    assert changes(run(made)) == []
    (made.directory / "a.csv").unlink()
    (made.directory / "b.csv").unlink()
    feed(made, "c", "email,order_id,timestamp,value,store,city")
    planned = inside("plan", NAME, project=made.directory)
    assert (planned.code, planned.stdout.split()[:3]) == (0, ["rows", "read", "1"])
    (told,) = changes(planned)
    assert told.startswith("c.csv: the columns changed since b.csv, the last file sent (run ")
    assert ': new: "store", "city"; gone: "shop"; the order is now ' in told
    assert told.endswith("Check that the data template still fits.")
    assert changes(run(made, "--limit", "1")) == [told]
    assert changes(run(made)) == [told]
    (made.directory / "c.csv").unlink()
    feed(made, "d", "email,order_id,timestamp,value,store,city")
    assert changes(run(made)) == []
    assert len(tiktok.events) == 4


def test_a_change_is_told_with_what_it_breaks(tmp_path: Path, tiktok: TikTok) -> None:
    made = plain(tmp_path / "shop", tiktok.url)
    feed(made, "a", "order_id,email,timestamp")
    run(made)
    (made.directory / "a.csv").unlink()
    feed(made, "b", "order_id,email,sold_at")
    for command in ("plan", "run", "preview"):
        outcome = inside(command, NAME, project=made.directory)
        assert outcome.code == 2
        assert 'There is no column "timestamp"' in outcome.stderr
        assert [one.count('column 3 is renamed from "timestamp" to "sold_at"') for one in changes(outcome)] == [1] * (
            command != "preview"
        )


def test_a_change_of_a_conversions_feed_is_told(tmp_path: Path, tiktok: TikTok) -> None:
    made = file_shop(tmp_path / "shop", tiktok.url, "f.psv", format={"name": CONVERSIONS, "files_a_day": 9})
    put(made, "f.psv", conversions(5))
    run(made)
    lines = conversions(5, start=10)
    put(made, "f.psv", [f"{lines[0]}|quantity", *(f"{line}|1" for line in lines[1:])])
    (told,) = changes(run(made))
    assert 'new: "quantity". LiveRamp asks for a support case' in told
    put(made, "f.psv", conversions(5, start=20))
    assert 'gone: "quantity"' in changes(inside("plan", NAME, project=made.directory))[0]


def test_a_test_run_and_another_target_are_not_the_feed(tmp_path: Path, tiktok: TikTok) -> None:
    made = plain(tmp_path / "shop", tiktok.url)
    feed(made, "a", "order_id,email,timestamp")
    run(made, "--test-event-code", "T1")
    run(made, "--limit", "1")
    feed(made, "a", "order_id,email,timestamp,value")
    assert changes(run(made)) == []


def test_a_change_is_told_for_an_audience(tmp_path: Path) -> None:
    made = plain(tmp_path / "shop", "http://127.0.0.1:9")
    written = yaml.safe_load(made.settings.read_text())
    written["destinations"]["stores"] = {
        "type": "tiktok_audience",
        "credential": "tiktok",
        "api_url": "simulator",
        "advertiser_ids": ["7654321098765432109"],
        "audience": "VIP",
    }
    written["orchestrations"][NAME]["file"] = "f.csv"
    made.settings.write_text(yaml.safe_dump(written))
    put(made, "f.csv", ["email,phone", "jo@example.com,"])
    assert changes(run(made)) == []
    put(made, "f.csv", ["email,segment", "jo@example.com,gold"])
    expected = 'column 2 is renamed from "phone" to "segment"'
    assert expected in changes(inside("plan", NAME, project=made.directory))[0]
    assert expected in changes(run(made))[0]
    assert changes(run(made)) == []


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, NAMES)
def test_changes_are_told_exactly_when_there_are_some(before: list[str], after: list[str]) -> None:
    told = column_changes(before, after)
    assert (told == "") == (before == after)
    for name in set(before) ^ set(after):
        assert f'"{name}"' in told
