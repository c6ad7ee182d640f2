"""`--debug` adds stack traces to stderr, and changes nothing else: not the exit code, the data, or the messages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome, connector, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.duckdb_file import writing

BAD = "SELECT 'b' AS event_id, now() AS timestamp, NULL AS email"
VALUE = 'pass"word\\é-of-nobody'
CHANGING = {"run_id", "query_id", "started_at", "finished_at", "seconds"}
"""What differs between two runs that end alike."""


def unchanged(made: Shop) -> None:
    """Leave the project valid."""


def misspelled(made: Shop) -> None:
    """Write an unknown setting."""
    made.settings.write_text(made.settings.read_text() + "bogus: 1\n")


def without_file(made: Shop) -> None:
    """Delete the project file."""
    made.settings.unlink()


def rejected(made: Shop) -> None:
    """Have every row rejected."""
    made.query.write_text(BAD)


def failing(made: Shop) -> None:
    """Have the warehouse refuse the query."""
    made.query.write_text("SELECT * FROM nowhere")


def planned(made: Shop) -> None:
    """Write a plan, and have the query return more rows than it counts."""
    made.query.write_text(GOOD.format(rows=3).replace("range(3)", "numbers"))
    for rows in (3, 40):
        with writing(made.warehouse) as warehouse:
            warehouse.execute(f"CREATE OR REPLACE TABLE numbers AS SELECT * FROM range({rows})")
        if rows == 3:
            inside("plan", NAME, "-o", str(made.directory / "plan.json"), project=made.directory)


def damaged(made: Shop) -> None:
    """Damage the ledger."""
    assert inside("run", NAME, project=made.directory).code == 0
    (made.state / "ledger.sqlite").write_bytes(b"no database, but much longer than its header" * 100)


FAILURES: dict[str, tuple[Callable[[Shop], None], tuple[str, ...], int]] = {
    "configuration": (misspelled, ("run", NAME), 2),
    "configuration of several": (misspelled, ("run", NAME, "other"), 2),
    "validation": (misspelled, ("validate",), 2),
    "no file": (without_file, ("plan", NAME), 2),
    "unknown orchestration": (unchanged, ("run", "nothing"), 2),
    "unknown orchestration of several": (unchanged, ("run", NAME, "nothing"), 2),
    "unknown target": (unchanged, ("plan", NAME, "--target", "nothing"), 2),
    "unknown run": (unchanged, ("runs", "show", "nothing"), 2),
    "usage": (unchanged, ("run", NAME, "--plan", "x.json", "--dry-run"), 2),
    "usage of all commands": (unchanged, ("validate", "--quiet", "--verbose"), 2),
    "plan mismatch": (planned, ("run", NAME, "--plan", "plan.json"), 3),
    "every row rejected": (rejected, ("run", NAME), 3),
    "one of several": (rejected, ("run", NAME, "--tag", "stores"), 3),
    "query": (failing, ("run", NAME), 1),
    "damaged ledger": (damaged, ("runs", "list"), 1),
}


@pytest.fixture
def made(tmp_path: Path) -> Shop:
    return shop(tmp_path / "shop", "simulator", GOOD.format(rows=3), tags=["stores"])


def pair(made: Shop, typed: tuple[str, ...], *options: str) -> tuple[Outcome, Outcome]:
    """The outcomes of a command without --debug and with it."""
    typed = tuple(str(made.directory / word) if word.endswith(".json") else word for word in typed)
    plain = inside(*typed, *options, project=made.directory)
    return plain, inside(*typed, *options, "--debug", project=made.directory)


def lasting(value: Any) -> Any:
    """What JSON holds, without what differs between any two runs."""
    if isinstance(value, dict):
        return {key: lasting(entry) for key, entry in value.items() if key not in CHANGING}
    return [lasting(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("what", FAILURES)
def test_the_stack_trace_comes_in_addition(made: Shop, what: str) -> None:
    prepare, typed, code = FAILURES[what]
    prepare(made)
    plain, traced = pair(made, typed, "--json")
    assert (plain.code, traced.code) == (code, code), traced.stderr
    assert lasting(traced.json) == lasting(plain.json)
    assert "Traceback (most recent call last):" in traced.stderr
    assert "Traceback" not in plain.stderr + plain.stdout + traced.stdout
    assert traced.stderr.endswith(plain.stderr)


@pytest.mark.parametrize("what", FAILURES)
def test_the_stack_trace_is_a_field_of_json(made: Shop, what: str) -> None:
    prepare, typed, code = FAILURES[what]
    prepare(made)
    plain, traced = pair(made, typed, "--json", "--log-format", "json")
    assert (plain.code, traced.code) == (code, code)
    lines = [json.loads(line) for line in traced.stderr.splitlines()]
    traces = [line for line in lines if "stack_trace" in line]
    assert all(line["stack_trace"].startswith("Traceback (most recent call last):\n") for line in traces)
    assert {line["level"] for line in traces} == {"error"}
    messages = [line["message"] for line in lines if line not in traces]
    assert messages == [json.loads(line)["message"] for line in plain.stderr.splitlines()]
    assert lasting(traced.json) == lasting(plain.json)


@pytest.mark.parametrize("options", [(), ("--log-format", "json"), ("--quiet",)], ids=" ".join)
def test_what_nobody_expects_is_described_too(
    made: Shop, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("quoted")

    monkeypatch.setattr("connector.api.Project.plan", broken)
    plain, traced = pair(made, ("plan", NAME, "--json"), *options)
    assert (plain.code, traced.code, traced.stdout) == (1, 1, plain.stdout)
    assert "Unexpected ZeroDivisionError." in plain.json["error"]
    assert "quoted" not in plain.stderr
    assert "ZeroDivisionError: quoted" in traced.stderr


@pytest.mark.parametrize("options", [(), ("--log-format", "json")], ids=" ".join)
def test_a_stack_trace_holds_no_secret(made: Shop, options: tuple[str, ...]) -> None:
    """Also not one that JSON writes otherwise."""
    (made.directory / "user").write_text(VALUE)
    text = made.settings.read_text().replace("duckdb:///warehouse.duckdb", "postgresql://{{ file.user }}@127.0.0.1:1/x")
    made.settings.write_text(f"{text}secrets: {{folder: {made.directory}}}\n")
    traced = connector("run", NAME, "--debug", *options, project=made.directory)
    assert traced.code in {1, 2}
    assert "Traceback (most recent call last):" in traced.stderr
    for part in (VALUE, json.dumps(VALUE)[1:-1], json.dumps(VALUE, ensure_ascii=False)[1:-1], "of-nobody"):
        assert part not in traced.stdout + traced.stderr
