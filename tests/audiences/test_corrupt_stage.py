"""A stage of an audience's changes that is missing or damaged is no dead end: the audience is compared again."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.ledger.member_records import AcknowledgedChange
from connector.ledger.members import Members
from connector.simulator.audience import Audience
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, open_shop, wanted
from tests.audiences.test_mirror import MAPPING, person
from tests.cli.command import inside
from tests.cli.test_corrupt_stage import Break, flip

BEFORE = [person(number) for number in range(1, 61)]
AFTER = [person(number) for number in range(20, 121)]

BREAKS: dict[str, Break] = {
    "no folder": shutil.rmtree,
    "no additions": lambda stage: (stage / "added.arrow").unlink(),
    "no bytes": lambda stage: (stage / "added.arrow").write_bytes(b""),
    "a flipped bit of a person": lambda stage: flip(stage / "added.arrow", 0.4),
    "a flipped bit of the index": lambda stage: flip(stage / "added.arrow", 1),
    "a flipped bit of a deletion": lambda stage: flip(stage / "deleted.arrow", 0.5),
    "deletions in place of additions": lambda stage: shutil.copy(stage / "deleted.arrow", stage / "added.arrow"),
}  # fmt: skip


def adds_up(record: dict[str, Any]) -> bool:
    rows = dict(record["rows"])
    return bool(rows.pop("read") == sum(rows.values()))


@dataclass(frozen=True)
class Half:
    """An audience of which some changes were acknowledged, some refused, and some are still to come."""

    shop: Shop
    run_id: str
    tiktok: Simulator
    audiences: dict[str, Audience]

    def copied(self, to: Path) -> Shop:
        """The same in a folder of its own, with the audience as it was."""
        self.tiktok.world.audiences = deepcopy(self.audiences)
        return Shop(shutil.copytree(self.shop.directory, to))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Half]:
    with Simulator() as tiktok:
        yield half_sent(tmp_path_factory.mktemp("half") / "shop", tiktok)


def half_sent(folder: Path, tiktok: Simulator) -> Half:
    retry = {"first_wait": 0, "longest_wait": 0.01, "max_attempts": 1}
    shop = open_shop(folder, tiktok.url, rows_per_request=10, max_in_flight=1, retry=retry, max_change_percent=100)
    shop.people(BEFORE)
    shop.run()
    tiktok.world.faults.add([Fault("error", path=MAPPING, skip=1, every=2)])
    shop.people(AFTER)
    failed = inside("run", NAME, "--yes", "--json", project=shop.directory)
    tiktok.world.faults.clear()
    assert (failed.code, adds_up(failed.json)) == (1, True)
    assert members(tiktok) not in (wanted(BEFORE), wanted(AFTER))
    return Half(shop, failed.json["run_id"], tiktok, deepcopy(tiktok.world.audiences))


@pytest.mark.parametrize("command", ["run", "resume"])
@pytest.mark.parametrize("name", BREAKS)
def test_what_was_not_acknowledged_is_compared_again(half: Half, tmp_path: Path, name: str, command: str) -> None:
    shop, run_id, tiktok = half.copied(tmp_path / "shop"), half.run_id, half.tiktok
    state = shop.directory / ".connector"
    BREAKS[name](state / "runs" / run_id)
    args = ["run", NAME, "--yes"] if command == "run" else ["resume", run_id]
    done = inside(*args, project=shop.directory)
    assert done.code == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "is given up" in line]
    assert len(told) == 1 and told[0].startswith(f"Run {run_id} is given up: {state}")
    assert members(tiktok) == wanted(AFTER)
    again = shop.run()
    assert (again.members.added, again.members.removed) == (0, 0) if again.members else False
    records = inside("runs", "--json", project=shop.directory).json["runs"]
    assert all(map(adds_up, records))
    assert {one["run_id"] for one in records if one["status"] == "failed"} == {run_id}


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_run_is_not_given_up_when_only_what_it_sent_cannot_be_settled(
    half: Half, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """The disk damages the scratch files while they are written, after all was delivered."""
    shop, run_id, tiktok = half.copied(tmp_path / "shop"), half.run_id, half.tiktok
    real, calls = Members.changes, []

    def changes(self: Members, audience: int) -> Iterator[tuple[int, AcknowledgedChange]]:
        calls.append(audience)
        yield from real(self, audience)
        if len(calls) > 1:  # the first time, what the earlier command sent is settled
            for path in (shop.directory / ".connector" / "members").glob("*/*"):
                path.write_bytes(b"damaged") if damage == "flipped" else path.unlink()

    monkeypatch.setattr(Members, "changes", changes)
    failed = inside("resume", run_id, project=shop.directory)
    assert (failed.code, len(calls)) == (1, 2), failed.stderr
    assert "\nThe changes of the audience could not be applied: " in failed.stderr
    assert "is given up" not in failed.stderr
    monkeypatch.undo()
    assert members(tiktok) == wanted(AFTER)
    again = shop.run()
    assert (again.members.added, again.members.removed) == (0, 0) if again.members else False
    (run,) = (one for one in inside("runs", "--json", project=shop.directory).json["runs"] if one["run_id"] == run_id)
    assert run["status"] == "completed_with_rejects"  # those rows that name nobody
