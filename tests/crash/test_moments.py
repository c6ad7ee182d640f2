"""Killed at every step of a run, and of what goes on with it: nothing is lost, nothing is sent again without need."""

from pathlib import Path

import pytest

from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME
from tests.crash import market
from tests.crash.account import check, check_runs, open_runs, whole_runs
from tests.crash.scene import Moment, Play, Scene
from tests.crash.service import Service

Case = tuple[str, str, int, str, int]
"""A moment (function, before or after, how many-th), what goes on afterwards, and how many accepted requests nobody
has heard of by then. The first batch is refused (request 1), eight single events of it are tried (2 to 9), and their
answers are written down together; then its stretches follow, halved until the event is found (10 to 29), and the other
batches (30 to 33).
"""

RUN: list[Case] = [
    ("runs.run:run_orchestration", "before", 1, "run", 0),
    ("ledger.locks:RunLock._take", "before", 1, "run", 0),
    ("ledger.locks:RunLock.__enter__", "after", 1, "run", 0),
    ("ledger.runs:Runs.start", "before", 1, "run", 0),
    ("ledger.runs:Runs.start", "after", 1, "resume", 0),
    ("staging.stage:stage", "before", 1, "run", 0),
    ("staging.storage.writer:EventsFile.add", "after", 1, "resume", 0),
    ("staging.storage.writer:EventsFile.write", "after", 2, "run", 0),
    ("staging.storage.key_file:KeyFile.add", "after", 1, "resume", 0),
    ("ledger.excluded_rows:ExcludedRowWriter.add", "after", 1, "resume", 0),
    ("staging.storage.writer:EventsFile.finish", "before", 1, "run", 0),
    ("staging.storage.writer:EventsFile.finish", "after", 1, "resume", 0),
    ("staging.deduplicate:_edit", "before", 1, "resume", 0),
    ("staging.storage.writer:EventsFile.finish", "after", 2, "run", 0),
    ("staging.skip_delivered:_edit", "after", 1, "resume", 0),
    ("staging.storage.writer:EventsFile.finish", "after", 3, "resume", 0),
    ("ledger.excluded_rows:ExcludedRowWriter.close", "after", 1, "run", 0),
    ("staging.storage.key_file:KeyFile.remove", "after", 1, "resume", 0),
    ("staging.storage.deletion_mask:write_deletions", "after", 1, "resume", 0),
    ("ledger.runs:Runs.staged", "before", 1, "resume", 0),
    ("ledger.runs:Runs.staged", "after", 1, "resume", 0),
    ("ledger.batches:Batches.sending", "before", 1, "resume", 0),
    ("ledger.batches:Batches.sending", "after", 1, "run", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 1, "resume", 0),
    ("ledger.batches:Batches.request", "after", 1, "resume", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 2, "resume", 1),
    ("ledger.batches:Batches.settled", "before", 1, "run", 8),
    ("ledger.batches:Batches.settled", "after", 1, "resume", 7),
    ("ledger.batches:Batches.settled", "after", 8, "resume", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "before", 10, "resume", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 10, "run", 1),
    ("ledger.batches:Batches.request", "after", 2, "resume", 0),
    ("staging.sending:StagedBatches.split", "after", 20, "resume", 0),
    ("staging.sending:LedgerRecorder.answered", "after", 16, "resume", 1),
    ("ledger.runs:add_to_counts", "after", 1, "resume", 0),
    ("ledger.batches:Batches.settled", "after", 24, "run", 0),
    ("ledger.batches:Batches.settled", "before", 26, "resume", 1),
    ("staging.sending:write_excluded", "before", 1, "resume", 0),
    ("ledger.excluded_rows:ExcludedRowWriter.close", "before", 2, "run", 0),
    ("staging.sending:write_excluded", "after", 1, "resume", 0),
    ("ledger.runs:Runs.finish", "before", 1, "run", 0),
    ("ledger.runs:Runs.finish", "after", 1, "run", 0),
    ("runs.retention:reduce_stage", "after", 1, "run", 0),
    ("ledger.sent_keys:DeliveredKeys.prune", "before", 1, "run", 0),
    ("runs.retention:apply_retention", "after", 1, "run", 0),
    ("ledger.locks:RunLock.__exit__", "after", 1, "run", 0),
]

RESUME: list[Case] = [
    ("ledger.runs:Runs.resume", "before", 1, "resume", 0),
    ("ledger.runs:Runs.resume", "after", 1, "run", 0),
    ("staging.recheck:recheck_delivered", "after", 1, "resume", 0),
    ("ledger.batches:Batches.sending", "after", 1, "resume", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 1, "run", 1),
    ("ledger.batches:Batches.settled", "after", 3, "resume", 0),
    ("staging.sending:write_excluded", "after", 1, "resume", 0),
    ("ledger.runs:Runs.finish", "before", 1, "resume", 0),
    ("ledger.runs:Runs.finish", "after", 1, "run", 0),
]
"""Of a run that died while it halved a batch: one answer is lost from then."""

READ_AGAIN: list[Case] = [
    ("ledger.runs:Runs.resume", "after", 1, "resume", 0),
    ("staging.stage:stage", "before", 1, "resume", 0),
    ("ledger.runs:Runs.staged", "after", 1, "run", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 2, "resume", 1),
]
"""Of a run that died before it was staged."""

RETRY: list[Case] = [
    ("ledger.runs:Runs.start", "before", 1, "run", 0),
    ("ledger.runs:Runs.start", "after", 1, "resume", 0),
    ("ledger.runs:Runs.staged", "after", 1, "run", 0),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 1, "resume", 1),
    ("ledger.batches:Batches.settled", "after", 1, "run", 0),
    ("ledger.runs:Runs.finish", "after", 1, "run", 0),
]


def go_on(play: Play, how: str) -> Outcome:
    """Goes on after a kill in a process that knows nothing of it; what was open is what is finished."""
    open_before = open_runs(play.shop)
    outcome = inside(how, *([NAME] if how == "run" else []), "--json", project=play.shop.directory)
    assert outcome.code == 0, outcome
    finished = outcome.json["resumed"] if how == "run" else [outcome.json["run_id"]]
    assert finished == open_before
    return outcome


def named(cases: list[Case], nth: int = 3) -> pytest.MarkDecorator:
    """Try one case in `nth` always; the others are `thorough`."""
    ids = [f"{when} {function.rpartition(':')[2]} {number}" for function, when, number, *_ in cases]
    params = [
        pytest.param(case, id=name, marks=[pytest.mark.thorough] if place % nth else [])
        for place, (case, name) in enumerate(zip(cases, ids, strict=True))
    ]
    return pytest.mark.parametrize("case", params)


@named(RUN, 5)
def test_a_run_that_is_killed_goes_on_to_the_whole(tmp_path: Path, second_day: Scene, case: Case) -> None:
    function, when, number, how, lost = case
    play = second_day.copied(tmp_path / "shop")
    play.killed(Moment(function, when, number), "run", NAME)
    go_on(play, how)
    assert len(check(play, market.expected())) == lost
    check_runs(play, whole_runs(play.shop))


def test_a_batch_whose_answer_was_lost_is_sent_again_as_the_same_request(tmp_path: Path, second_day: Scene) -> None:
    play = second_day.copied(tmp_path / "shop")
    play.killed(Moment("destinations.tiktok.client:EventsClient.attempt", "after", 30), "run", NAME)
    go_on(play, "resume")
    (lost,) = check(play, market.expected())
    assert len(lost.ids) == 990
    assert [taken.body for taken in play.service.taken].count(lost.body) == 2


@named(RESUME)
def test_a_resume_that_is_killed_goes_on_to_the_whole(tmp_path: Path, halved: Scene, case: Case) -> None:
    function, when, number, how, lost = case
    play = halved.copied(tmp_path / "shop")
    play.killed(Moment(function, when, number), "resume")
    go_on(play, how)
    assert len(check(play, market.expected())) == lost + 1
    check_runs(play, whole_runs(play.shop))


@named(READ_AGAIN)
def test_a_run_that_is_read_again_and_killed_goes_on_to_the_whole(tmp_path: Path, unstaged: Scene, case: Case) -> None:
    function, when, number, how, lost = case
    play = unstaged.copied(tmp_path / "shop")
    play.killed(Moment(function, when, number), "run", NAME)
    go_on(play, how)
    assert len(check(play, market.expected())) == lost
    check_runs(play, whole_runs(play.shop))


@named(RETRY)
def test_a_retry_that_is_killed_goes_on_to_the_whole(tmp_path: Path, mended: Scene, case: Case) -> None:
    function, when, number, how, lost = case
    play = mended.copied(tmp_path / "shop", Service())
    (retried,) = whole_runs(play.shop)
    play.killed(Moment(function, when, number), "retry", retried)
    go_on(play, how)
    assert len(check(play, market.expected(mended=True))) == lost
    check_runs(play, [retried])
