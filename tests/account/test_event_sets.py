"""Offline event sets that a destination names: found, created, switched, and kept."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from connector.ledger.ledger import open_ledger
from tests.account.shops import (
    ADVERTISER,
    CREATE,
    SETS,
    TRACK,
    UPDATE,
    WRONG,
    asked,
    by_name,
    event_sets,
    run,
    selling,
    simulating,
)
from tests.cli.command import environment, inside
from tests.cli.shop import NAME

CREATES = 'A run creates the offline event set "Tills", with auto_tracking off.'
SWITCHES = f"A run switches auto_tracking of the offline event set {ADVERTISER} (Stores) on."


def test_an_event_set_is_created_once_it_is_agreed_to_and_never_asked_for_again(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = by_name(tmp_path, tiktok.url)
        refused = run(made)
        assert (refused.code, tiktok.tally.endpoints[CREATE], tiktok.tally.endpoints[TRACK]) == (2, 0, 0)
        first, before = run(made, "--yes"), tiktok.tally.requests
        second, after = run(made), tiktok.tally.requests
    assert CREATES in refused.sentence
    assert "--yes" in refused.sentence
    assert (first.code, second.code) == (0, 0)
    assert second.record()["skips"] == {"already_delivered": 3}
    assert (event_sets(tiktok), tiktok.tally.endpoints[CREATE]) == ([("Tills", False)], 1)
    assert before == after
    (where,) = tiktok.tally.events
    assert where == f"offline {tiktok.world.accounts.event_sets[1]['event_set_id']}"


def test_an_event_set_that_is_there_is_found_by_its_exact_name_without_a_question(tmp_path: Path) -> None:
    with simulating() as tiktok:
        done = run(by_name(tmp_path, tiktok.url, "Stores"))
    assert (done.code, tiktok.tally.endpoints[CREATE]) == (0, 0)
    assert list(tiktok.tally.events) == [f"offline {ADVERTISER}"]


def test_auto_tracking_is_switched_once_it_is_agreed_to(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, auto_tracking=True)
        assert SWITCHES in run(made).sentence
        assert run(made, "--yes").code == 0
    assert tiktok.world.accounts.event_sets[0]["auto_tracking"] is True
    assert tiktok.tally.endpoints[UPDATE] == 1


def test_several_event_sets_of_one_name_are_told_with_their_ids(tmp_path: Path) -> None:
    with simulating() as tiktok:
        for id_ in (WRONG, "7333333333333333333"):
            tiktok.world.accounts.event_sets.append({"advertiser_id": ADVERTISER, "event_set_id": id_, "name": "Tills"})
            tiktok.world.accounts.allow(id_)
        made = by_name(tmp_path, tiktok.url)
        stopped, tested = run(made, "--yes"), asked(made)
    assert (stopped.code, tested.code, tiktok.tally.endpoints[TRACK]) == (2, 1, 0)
    for said in (stopped.sentence, tested.stdout):
        assert f"{WRONG}, 7333333333333333333" in said
        assert "`event_source_id`" in said


def test_an_id_and_a_name_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with simulating() as tiktok:
        fits = run(selling(tmp_path / "fits", tiktok.url, event_set_name="Stores"))
        wrong = run(selling(tmp_path / "wrong", tiktok.url, event_set_name="Tills"))
    assert (fits.code, wrong.code) == (0, 2)
    assert f'{ADVERTISER} is called "Stores"' in wrong.sentence
    assert "orchestrations.yaml" in wrong.sentence


def test_plan_validate_and_test_show_what_a_run_would_change_and_change_nothing(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = by_name(tmp_path, tiktok.url)
        plan = inside("plan", NAME, "--json", project=made.directory).json
        checked = inside("validate", NAME, "--connect", "--json", project=made.directory).json["orchestrations"]
        tested = asked(made, "--json").json
        quiet = inside("validate", "--json", project=made.directory).json["orchestrations"]
        preview = inside("preview", NAME, "--json", project=made.directory).json
        before = tiktok.tally
        assert run(made, "--yes").code == 0
        assert inside("plan", NAME, "--json", project=made.directory).json["changes"] == []
    assert [plan["changes"], checked[0]["changes"], tested["changes"]] == [[CREATES]] * 3
    assert (plan["rows"]["to_send"], quiet[0]["changes"]) == (3, [])
    assert preview["requests"][0]["event_source_id"] == "that of the event set, not known yet"
    assert (before.endpoints[CREATE], before.endpoints[TRACK]) == (0, 0)


@pytest.mark.parametrize("fault", ["lost", "error"])
def test_an_event_set_is_not_created_twice_where_the_answer_was_lost(tmp_path: Path, fault: str) -> None:
    with simulating(f"{fault}:path=/offline/create/,times=1") as tiktok:
        made = by_name(tmp_path, tiktok.url)
        first = run(made, "--yes")
        second = run(made, "--yes")
    assert (first.code, second.code) == ((0, 0) if fault == "lost" else (1, 0))
    assert event_sets(tiktok) == [("Tills", False)]


def test_an_event_set_is_not_created_while_another_process_does_so(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = by_name(tmp_path, tiktok.url)
        assert run(made).code == 2
        with open_ledger(f"sqlite:///{made.state / 'ledger.sqlite'}") as ledger:
            with ledger.lock(made.state, "the event set Tills", "default"):
                stopped = run(made, "--yes")
        assert (stopped.code, tiktok.tally.endpoints[CREATE]) == (1, 0)
        assert f"the event set Tills (target default) is being run by process {os.getpid()}" in stopped.stderr
        assert run(made, "--yes").code == 0
    assert event_sets(tiktok) == [("Tills", False)]


def test_a_token_that_may_not_look_for_a_name_is_told_to_take_the_id(tmp_path: Path) -> None:
    with simulating("code:path=/offline/get/,code=40001") as tiktok:
        stopped = run(by_name(tmp_path, tiktok.url), "--yes")
        goes_on = run(selling(tmp_path / "id", tiktok.url, event_set_name="Stores", auto_tracking=True), "--yes")
    assert (stopped.code, goes_on.code) == (1, 0)
    assert "`event_source_id`" in stopped.sentence
    assert tiktok.tally.distinct == 3


def test_an_event_set_that_was_deleted_is_forgotten_by_the_test_and_created_anew(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = by_name(tmp_path, tiktok.url)
        assert run(made, "--yes").code == 0
        gone = tiktok.world.accounts.event_sets.pop()["event_set_id"]
        tiktok.world.accounts.forbid(gone)
        assert asked(made, "--json").json["changes"] == [CREATES]
        assert run(made, "--yes", "--resend-unknown").code == 0
    assert tiktok.tally.distinct == 6
    assert tiktok.tally.endpoints[SETS] >= 3


def test_the_simulator_in_the_process_takes_an_event_set_by_name(tmp_path: Path) -> None:
    assert run(by_name(tmp_path, "simulator"), "--yes").code == 0


def test_whoever_sits_at_a_terminal_is_asked(tmp_path: Path) -> None:
    keyboard, terminal = os.openpty()
    with simulating() as tiktok:
        project = by_name(tmp_path, tiktok.url).directory
        command = [sys.executable, "-m", "connector", "run", NAME]
        with Popen(command, env=environment(project), stdin=terminal, stdout=DEVNULL, stderr=terminal) as process:
            os.close(terminal)
            os.write(keyboard, b"y\n")
            seen = written(keyboard)
            assert process.wait(60) == 0
    os.close(keyboard)
    assert f"{CREATES} Go on? [y/N]" in " ".join(seen.split())
    assert event_sets(tiktok) == [("Tills", False)]


def written(keyboard: int) -> str:
    """What a process writes to its terminal until it ends."""
    seen = b""
    with suppress(OSError):
        while piece := os.read(keyboard, 4096):
            seen += piece
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
