"""Everything that can go wrong on the way, in one run: the good events arrive, the poisoned ones are found."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import checked, connector, inside
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import OK, Reply
from tests.crash.scene import World
from tests.crash.service import Service

ROWS = 12_000
POISONED = ("e1234", "e4567", "e7890", "e11011")
PATIENCE = 1.0
"""Seconds; a request that takes longer has no answer."""

IMPATIENT = {
    "max_in_flight": 3,
    "retry": {"first_wait": 0.01, "longest_wait": 0.02, "max_attempts": 40, "timeout": PATIENCE},
}

NOT_TAKEN = [
    Reply(40100, "Too many requests. Please retry in some time.", 401),
    Reply(40100, "Too many requests. Please retry in some time.", 200),
    Reply(50000, "System error", 200),
    Reply(50000, "System error", 500),
    Reply(envelope=False, message="", status=500),
    Reply(envelope=False, message="<html><body>502 Bad Gateway</body></html>", status=502),
    Reply(reset=True),
]
TAKEN = [Reply(reset=True), Reply(message="too late")]
ROUNDS = 3


@dataclass
class Troubled(Service):
    """Every other request fails, in each of the ways by turns."""

    faults: list[tuple[bool, Reply]] = field(
        default_factory=lambda: [*((False, reply) for reply in NOT_TAKEN), *((True, reply) for reply in TAKEN)] * ROUNDS
    )
    asked: int = 0

    def answer(self, body: dict[str, Any]) -> Reply:
        """Takes a request, or not, and says so, or something else, or nothing, or too late."""
        with self.lock:
            self.asked += 1
            taken, fault = self.faults.pop(0) if self.faults and self.asked % 2 else (True, None)
        answer = super().answer(body) if taken else OK
        if fault and fault.message == "too late":
            time.sleep(2 * PATIENCE)
        return fault or answer


@pytest.mark.thorough
def test_all_faults_at_once_lose_nothing_and_hide_no_poisoned_event(tmp_path: Path, world: World) -> None:
    service = Troubled(frozenset(POISONED))
    world.place.begin(service)
    made = shop(tmp_path / "shop", world.place.url, GOOD.format(rows=ROWS), destination=IMPATIENT)
    run_id = connector("run", NAME, "--json", project=made.directory).record()["run_id"]
    shown = inside("runs", "show", run_id, "--json", project=made.directory).json
    requests = shown["request_log"]

    assert service.faults == []
    answered = {request["request_id"] for request in requests if request["code"] == 0}
    told = Counter(event_id for taken in service.taken if taken.request_id in answered for event_id in taken.ids)
    assert told == Counter({f"e{n}": 1 for n in range(ROWS)}) - Counter(POISONED)
    assert set(service.events) == set(told)
    seen = Counter((request["http_status"], request["code"]) for request in requests)
    for status, code in [(401, 40100), (200, 40100), (200, 50000), (500, 50000), (500, None), (502, None)]:
        assert seen[status, code]
    assert seen[None, None] >= 3 * ROUNDS
    written = inside("rejects", run_id, "--format", "json", project=made.directory).stdout
    assert all(f'"{event_id}"' in written for event_id in POISONED)
    record = checked(inside("runs", "--json", project=made.directory).json["runs"][0])
    assert record["status"] == "completed_with_rejects"
    assert record["rejects"] == {"refused_by_tiktok": 4}
    assert record["rows"] == {"read": ROWS, "delivered": ROWS - 4, "rejected": 4, "skipped": 0, "pending": 0}
