"""A stage that is missing or damaged is no dead end: what was not delivered is read again."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome, checked, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.test_resume import REVOKED, after
from tests.cli.tiktok import OK, TikTok, serving

ROWS, BEFORE = 2_600, 260
Break = Callable[[Path], object]


@dataclass(frozen=True)
class Half:
    """A project whose second run, with this id, stopped when it had delivered something of its stage."""

    directory: Path
    tiktok: TikTok
    run_id: str

    def copied(self, to: Path) -> Shop:
        """The same in a folder of its own; what TikTok gets from here on is told from what it had."""
        shutil.copytree(self.directory, to)
        self.tiktok.answer = lambda body: OK
        return Shop(to)


def half_sent(folder: Path, tiktok: TikTok, **orchestration: Any) -> Half:
    """A tenth of the events was delivered by an earlier run, so that they are taken out of the stage of this one."""
    good = GOOD.format(rows=ROWS)
    made = shop(
        folder, tiktok.url, f"FROM ({good}) WHERE event_id LIKE '%7'", destination={"max_in_flight": 1}, **orchestration
    )
    assert inside("run", NAME, project=made.directory).code == 0
    made.query.write_text(good)
    tiktok.answer = after(1, REVOKED)
    record = checked(inside("run", NAME, "--json", project=made.directory).json)
    assert (record["status"], record["skips"]) == ("failed", {"already_delivered": BEFORE})
    return Half(made.directory, tiktok, record["run_id"])


WAYS = ("staged", "sent while it was read")


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Half]]:
    """Such a project of either way, made when it is asked for first."""
    with ExitStack() as stack:

        @cache
        def half_of(way: str) -> Half:
            tiktok = stack.enter_context(serving())
            return half_sent(tmp_path_factory.mktemp("half") / "shop", tiktok, line_items=way == WAYS[0])

        yield half_of


@pytest.fixture(params=WAYS)
def half(request: pytest.FixtureRequest, halves: Callable[[str], Half]) -> Half:
    return halves(request.param)


def flip(path: Path, place: float) -> None:
    """Flips a bit at this share of the file."""
    whole = bytearray(path.read_bytes())
    whole[min(int(place * len(whole)), len(whole) - 1)] ^= 0x10
    path.write_bytes(whole)


def events(stage: Path) -> Path:
    """The file of which some batches are not sent yet."""
    return max(stage.glob("*.arrow"), key=lambda path: path.stat().st_size)


def _in_place_of_it(stage: Path) -> None:
    shutil.rmtree(stage)
    stage.write_text("a file")


def _emptied(stage: Path) -> None:
    for path in stage.iterdir():
        if path.is_file():
            path.unlink()


BREAKS: dict[str, Break] = {
    "no folder": shutil.rmtree,
    "a file in its place": _in_place_of_it,
    "an empty folder": _emptied,
    "no events": lambda stage: events(stage).unlink(),
    "no bytes": lambda stage: events(stage).write_bytes(b""),
    "half of it": lambda stage: events(stage).write_bytes(events(stage).read_bytes()[: events(stage).stat().st_size // 2]),
    "a flipped bit of an event": lambda stage: flip(events(stage), 0.9),
    "a flipped bit of the index": lambda stage: flip(events(stage), 1),
    "zeros": lambda stage: events(stage).write_bytes(bytes(events(stage).stat().st_size)),
    "another file": lambda stage: events(stage).write_text("event_id,email\n"),
}  # fmt: skip
REMOVED: dict[str, Break] = {
    "not told what was taken out": lambda stage: (stage / "removed-events.npz").unlink(),
    "told wrong what was taken out": lambda stage: flip(stage / "removed-events.npz", 0.5),
    "half told what was taken out": lambda stage: (stage / "removed-events.npz").write_bytes((stage / "removed-events.npz").read_bytes()[:99]),
}  # fmt: skip


def once(half: Half, outcome: Outcome, run_id: str, made: Shop, sent_before: int) -> None:
    """Every event was delivered once, by which run whatsoever, and every run adds up."""
    assert outcome.code == 0, outcome.stderr
    assert "Unexpected" not in outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if "is given up" in line]
    assert len(told) == 1 and f"Run {run_id} is given up: {made.state}" in told[0]
    assert told[0].endswith("What it did not deliver is read again.")
    sent = Counter(event["event_id"] for request in half.tiktok.accepted[sent_before:] for event in request.events)
    sent.update(event["event_id"] for request in half.tiktok.accepted[:2] for event in request.events)
    assert sent == Counter(f"e{n}" for n in range(ROWS))
    records = {one["run_id"]: checked(one) for one in inside("runs", "--json", project=made.directory).json["runs"]}
    assert records.pop(run_id)["status"] == "failed"
    assert {record["status"] for record in records.values()} == {"completed"}


COMMANDS = {"run": ["run", NAME], "resume": ["resume"], "resume it": ["resume", "ID"]}


def cases(ways: Sequence[str], breaks: Iterable[str]) -> Iterator[object]:
    """Yield every break with every command; `make test` has each break once."""
    for way, (number, name), command in product(ways, enumerate(breaks), COMMANDS):
        first = ways[number % len(ways)], list(COMMANDS)[number % len(COMMANDS)]
        yield pytest.param(way, name, command, marks=[] if (way, command) == first else pytest.mark.thorough)


@pytest.mark.parametrize(("half", "name", "command"), list(cases(WAYS, BREAKS)), indirect=["half"])
def test_what_was_not_delivered_is_read_again(half: Half, tmp_path: Path, name: str, command: str) -> None:
    _check_read_again(half, tmp_path, BREAKS[name], command)


@pytest.mark.parametrize(("half", "name", "command"), list(cases(WAYS[:1], REMOVED)), indirect=["half"])
def test_a_damaged_list_of_removed_events_is_read_again(half: Half, tmp_path: Path, name: str, command: str) -> None:
    _check_read_again(half, tmp_path, REMOVED[name], command)


def _check_read_again(half: Half, tmp_path: Path, break_stage: Break, command: str) -> None:
    made = half.copied(tmp_path / "shop")
    break_stage(made.state / "runs" / half.run_id)
    args = [half.run_id if word == "ID" else word for word in COMMANDS[command]]
    before = len(half.tiktok.accepted)
    once(half, inside(*args, project=made.directory), half.run_id, made, before)


def test_a_run_of_test_events_is_read_again_as_such(tmp_path: Path) -> None:
    with serving(after(1, REVOKED)) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=2_000), destination={"max_in_flight": 1})
        run_id = inside(
            "run", NAME, "--test-event-code", "TEST1", "--limit", "1500", "--json", project=made.directory
        ).json["run_id"]
        tiktok.answer = lambda body: OK
        shutil.rmtree(made.state / "runs" / run_id)
        resumed = checked(inside("resume", "--json", project=made.directory).json)
        assert resumed["rows"]["delivered"] == resumed["rows"]["read"] == 1_500
        assert {request.body["test_event_code"] for request in tiktok.accepted} == {"TEST1"}


@pytest.mark.parametrize("half", [WAYS[0], pytest.param(WAYS[1], marks=pytest.mark.thorough)], indirect=True)
def test_somebody_is_forgotten_although_a_stage_is_broken(half: Half, tmp_path: Path) -> None:
    made = half.copied(tmp_path / "shop")
    flip(events(made.state / "runs" / half.run_id), 0.9)
    forgotten = inside("forget", "--email", "2599@example.com", "--json", project=made.directory)
    assert forgotten.code == 0, forgotten.stderr
    assert json.loads(forgotten.stdout)["staged"] == []
    resumed = inside("run", NAME, "--json", project=made.directory)
    assert (resumed.code, checked(resumed.json)["skips"]["suppressed"]) == (0, 1)
