"""Runs whose answers hold what a database or a terminal cannot take."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import ended, inside, started
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import OK, Reply, serving
from tests.destinations.network import read_request
from tests.destinations.network import serving as serving_bytes
from tests.postgres import Postgres

HOSTILE = [
    r'{"code":40002,"message":"\ud800 \u0000 \u001b[31m row","request_id":"\udfff\u0000"}',
    '{"code":' + "9" * 50 + ',"message":"x","request_id":"R"}',
    r'{"code":50000,"message":"\u0000"}',
    '{"code":0,"message":"OK","data":' + "[" * 5_000 + "]" * 5_000 + "}",
]
"""One event of eight is refused; the rest is sent again until it is taken."""


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest) -> Iterator[str | None]:
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    yield server.new_database() if server else None


def test_hostile_answers_are_accounted_for_like_any_others(tmp_path: Path, ledger: str | None) -> None:
    answers = iter(HOSTILE[1:])

    def answer(body: dict[str, Any]) -> Reply:
        if any(event["event_id"] == "e3" for event in body["data"]):
            return Reply(message=HOSTILE[0], envelope=False)
        hostile = next(answers, None)
        return OK if hostile is None else Reply(message=hostile, envelope=False)

    with serving(answer) as tiktok:
        retry = {"first_wait": 0.01, "longest_wait": 0.02, "max_attempts": 9}
        made = shop(
            tmp_path / "shop", tiktok.url, GOOD.format(rows=8), destination={"retry": retry, "max_in_flight": 1}
        )
        if ledger:
            written = yaml.safe_load(made.settings.read_text())
            made.settings.write_text(yaml.safe_dump({**written, "ledger": ledger}))
        record = inside("run", NAME, "--json", project=made.directory).record()
        shown = inside("runs", "show", record["run_id"], "--json", project=made.directory)
        inside("rejects", record["run_id"], "--format", "json", "-o", str(tmp_path / "rows"), project=made.directory)
    assert (record["status"], record["rows"]["delivered"]) == ("completed_with_rejects", 7)
    assert record["rejects"] == {"refused_by_tiktok": 1}
    assert "\\u0000" not in shown.stdout
    (row,) = json.loads((tmp_path / "rows").read_bytes())
    assert (row["code"], row["message"]) == (40002, "\ufffd \ufffd \ufffd[31m row")


def test_a_run_whose_answer_drips_ends_within_seconds_of_ctrl_c(tmp_path: Path) -> None:
    over, asked = threading.Event(), threading.Event()

    def drip(connection: Any) -> None:
        read_request(connection)
        asked.set()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
        while not over.wait(0.1):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    # The first request looks whether the event source is there.
    with serving_bytes(drip, drip, drip, drip) as url:
        made = shop(tmp_path / "shop", url, GOOD.format(rows=8), destination={"retry": {"max_attempts": 1}})
        process = started("run", NAME, "--json", project=made.directory)
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        outcome = ended(process)
        over.set()
    assert time.monotonic() - began < 30
    assert (outcome.code, outcome.record()["status"]) == (130, "interrupted")
