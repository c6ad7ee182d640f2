"""One refresh for all who need it; what is kept stays whole whenever a process dies."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.token_refresh import RefreshingTokens
from connector.errors import AuthorisationError
from connector.simulator.server import Simulator
from tests.cli.command import environment, inside
from tests.cli.tiktok import Reply, serving
from tests.crash.launcher import Order
from tests.crash.scene import Launcher
from tests.credentials.grants import (
    GRANT,
    NAME,
    REFRESH,
    REFRESHING,
    STARTING,
    Folder,
    credential,
    plain,
    selling,
    simulating,
    tokens_in,
)

KEPT = "connector.destinations.tiktok.token_store"
KILLED = -signal.SIGKILL
WRITTEN = {"name": "tiktok", **GRANT, "access_token": STARTING}

PROCESS = """
import sys
from pathlib import Path
from tests.credentials.grants import credential, tokens_in
tokens = tokens_in(Path(sys.argv[1]), sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
print(tokens.current().get_secret_value())
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulating() as started:
        yield started


def test_threads_that_find_the_token_dead_refresh_it_once(simulator: Simulator, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path, simulator.url, credential(**WRITTEN))
    dead, all_there = tokens.current(), threading.Barrier(8)
    seen: list[bool] = []

    def find() -> None:
        all_there.wait()
        seen.append(tokens.replaced(dead, expired=True))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 8
    assert plain(tokens.current()) != STARTING
    assert simulator.tally.endpoints[REFRESHING] == 1


def test_threads_that_wait_for_a_refresh_that_fails_do_not_ask_again(tmp_path: Path) -> None:
    with simulating("slow:path=/oauth2/refresh_token/,seconds=0.3", refresh=None) as simulator:
        tokens, all_there = tokens_in(tmp_path, simulator.url, credential(**WRITTEN)), threading.Barrier(4)
        said: list[int | None] = []

        def find() -> None:
            all_there.wait()
            with pytest.raises(AuthorisationError) as raised:
                tokens.replaced(tokens_dead, expired=True)
            said.append(raised.value.code)

        tokens_dead = tokens.current()
        threads = [threading.Thread(target=find) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [40107] * 4
    assert simulator.tally.endpoints[REFRESHING] == 1


def test_processes_that_need_a_token_at_once_refresh_once(tmp_path: Path) -> None:
    with simulating("slow:path=/oauth2/refresh_token/,seconds=0.3") as simulator:
        command = [sys.executable, "-c", PROCESS, str(tmp_path), simulator.url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started = [subprocess.Popen(command, env=environment(None), text=True, **pipes) for _ in range(2)]  # type: ignore[call-overload]
        assert [one.stdout.readline() for one in started] == ["ready\n"] * 2
        for one in started:
            one.stdin.write("\n")
            one.stdin.flush()
        first, second = [one.communicate(timeout=30)[0] for one in started]
    assert first == second != ""
    assert simulator.tally.endpoints[REFRESHING] == 1


def test_a_process_takes_what_another_has_kept_meanwhile_also_where_its_own_token_was_revoked(
    simulator: Simulator, tmp_path: Path
) -> None:
    one, other = (tokens_in(tmp_path, simulator.url, credential(**WRITTEN)) for _ in range(2))
    dead = other.current()
    one.refresh()
    assert other.replaced(dead, expired=False)
    assert other.current() == one.current()
    assert not other.replaced(other.current(), expired=False)
    assert simulator.tally.endpoints[REFRESHING] == 1


def test_a_batch_whose_token_was_revoked_leaves_again_with_the_one_that_another_process_kept(
    simulator: Simulator, tmp_path: Path
) -> None:
    events = b'{"event":"Purchase","event_time":1790000000,"event_id":"1"}'
    batch = Batch(0, Route("offline", "7654321098765432109"), 1, 1, events)
    one, other = (tokens_in(tmp_path, simulator.url, credential(**WRITTEN)) for _ in range(2))
    with EventsClient(simulator.url, other) as client:
        simulator.world.accounts.tokens[STARTING].revoked = True
        assert client.attempt(batch).verdict is Verdict.STOP
        one.refresh()
        assert [client.attempt(batch).verdict for _ in range(2)] == [Verdict.RETRY_NOW, Verdict.ACCEPTED]


def test_a_token_is_refreshed_shortly_before_it_ends(simulator: Simulator, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path, simulator.url)
    first = tokens.current()
    assert tokens.current() == first
    later = tokens_in(tmp_path, simulator.url, now=lambda: datetime.now(UTC) + timedelta(hours=23, minutes=54))
    assert later.current() == first
    later = tokens_in(tmp_path, simulator.url, now=lambda: datetime.now(UTC) + timedelta(hours=23, minutes=56))
    assert later.current() != first
    assert simulator.tally.endpoints[REFRESHING] == 2


def test_a_token_that_cannot_be_refreshed_early_is_used_until_it_is_dead(simulator: Simulator, tmp_path: Path) -> None:
    first = tokens_in(tmp_path, simulator.url).current()
    simulator.world.accounts.refresh_tokens.clear()
    late = tokens_in(tmp_path, simulator.url, now=lambda: datetime.now(UTC) + timedelta(hours=23, minutes=56))
    assert [late.current() for _ in range(3)] == [first] * 3
    assert simulator.tally.endpoints[REFRESHING] == 2


@pytest.mark.parametrize("refreshing", ["rotates", "stays"])
def test_each_refresh_uses_the_refresh_token_that_came_last(tmp_path: Path, refreshing: str) -> None:
    with simulating(strictness=[f"refreshing={refreshing}"]) as simulator:
        seen = [tokens_in(tmp_path, simulator.url).refresh() for _ in range(3)]
    refresh_tokens = {plain(kept.refresh_token) for kept in seen if kept.refresh_token}
    assert len({plain(kept.access_token) for kept in seen if kept.access_token}) == 3
    assert (refresh_tokens == {REFRESH}) is (refreshing == "stays")
    assert len(refresh_tokens) == (1 if refreshing == "stays" else 3)


@pytest.mark.parametrize("odd", ["", None, 5, ["x"], {}], ids=str)
def test_an_answer_without_a_refresh_token_leaves_the_one_that_is_known(tmp_path: Path, odd: object) -> None:
    data = {"access_token": "another-access-token", "refresh_token": odd}
    body = json.dumps({"code": 0, "message": "OK", "request_id": "R", "data": data})
    with serving(lambda _: Reply(message=body, envelope=False)) as tiktok:
        refreshed = tokens_in(tmp_path, tiktok.url).refresh()
    assert refreshed.access_token and refreshed.refresh_token
    assert (plain(refreshed.access_token), plain(refreshed.refresh_token)) == ("another-access-token", REFRESH)


def test_the_path_of_short_term_tokens_gets_their_names(simulator: Simulator, tmp_path: Path) -> None:
    path = "/open_api/v1.3/tt_user/oauth2/refresh_token/"
    tokens = tokens_in(tmp_path, simulator.url, credential(**GRANT, refresh_path=path))
    assert tokens.current()
    assert simulator.tally.endpoints[path] == 1


def test_a_path_that_tiktok_does_not_know_is_named(simulator: Simulator, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path, simulator.url, credential(**GRANT, refresh_path="/open_api/v9/x/"))
    with pytest.raises(AuthorisationError, match="HTTP 404"):
        tokens.current()


# Killed ------------------------------------------------------------------------------------------------------


def killed(launcher: Launcher, directory: Path, function: str, when: str, number: int) -> None:
    """A run is killed at the moment named."""
    order = Order(str(directory), ["run", NAME], str(directory / "output"), f"{KEPT}:{function}", when, number)
    assert launcher.ended(order) == KILLED, (directory / "output").read_text()


@pytest.mark.parametrize(
    ("function", "when", "number", "asked"),
    [
        ("TokenFile.write", "before", 1, 0),
        ("_put_in_place", "before", 1, 0),
        ("_put_in_place", "after", 1, 0),
        ("_put_in_place", "after", 2, 1),
    ],
)
def test_a_process_killed_during_a_refresh_leaves_what_the_next_one_goes_on_with(
    launcher: Launcher, tmp_path: Path, function: str, when: str, number: int, asked: int
) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        killed(launcher, made.directory, function, when, number)
        assert simulator.tally.endpoints[REFRESHING] == asked
        run = inside("resume", "--json", project=made.directory)
    assert (run.code, run.record()["rows"]["delivered"]) == (0, 20)
    assert simulator.tally.endpoints[REFRESHING] == 1
    assert "begun_at" not in Folder(made).kept


@pytest.mark.parametrize(("function", "when"), [("TokenFile.write", "before"), ("_put_in_place", "before")])
def test_a_token_that_was_replaced_and_never_kept_is_told_with_what_to_do(
    launcher: Launcher, tmp_path: Path, function: str, when: str
) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        killed(launcher, made.directory, function, when, 2)
        status = inside("auth", "status", "tiktok", "--json", project=made.directory).json
        run = inside("resume", "--json", project=made.directory)
        for said in (run.sentence, run.record()["error"]):
            assert "did not come to its end" in said
            assert "connector auth login" in said
            assert "connector resume" in said
        code = inside("auth", "login", "tiktok", "--code", "new", project=made.directory)
        again = inside("resume", "--json", project=made.directory)
    assert status["unfinished_refresh"]
    assert (run.code, code.code, again.code) == (1, 0, 0)
    assert again.record()["rows"]["delivered"] == 20


def test_a_token_that_was_not_replaced_is_used_again_after_a_kill(launcher: Launcher, tmp_path: Path) -> None:
    with simulating(strictness=["refreshing=stays"]) as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        killed(launcher, made.directory, "TokenFile.write", "before", 2)
        assert inside("resume", project=made.directory).code == 0
    assert simulator.tally.endpoints[REFRESHING] == 2


def test_an_answer_that_is_lost_is_remembered(tmp_path: Path) -> None:
    with simulating("lost:path=/oauth2/refresh_token/,times=1") as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        run = inside("run", NAME, "--json", project=made.directory)
        assert simulator.tally.endpoints[REFRESHING] == 2
    assert run.code == 1
    assert "did not come to its end" in run.sentence


def test_a_refresh_whose_answer_holds_no_token_may_have_replaced_the_old_one(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = selling(tmp_path / "shop", tiktok.url)
        first = inside("run", NAME, "--json", project=made.directory)
        assert (first.code, "holds no access token that can be used" in first.sentence) == (1, True)
        assert "begun_at" in Folder(made).kept
        again = inside("run", NAME, "--json", project=made.directory)
    assert (again.code, "did not come to its end" in again.sentence) == (1, True)


def test_a_file_that_is_no_grant_is_named(simulator: Simulator, tmp_path: Path) -> None:
    tokens_in(tmp_path, simulator.url).refresh()
    (file,) = (tmp_path / "tokens").glob("*.json")
    file.write_text("{")
    with pytest.raises(AuthorisationError, match="Remove it"):
        tokens_in(tmp_path, simulator.url)


def test_where_nothing_can_be_kept_nothing_is_asked(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("in the way")
    tokens: RefreshingTokens | None = None
    with pytest.raises(AuthorisationError, match="cannot be stored"):
        tokens = tokens_in(tmp_path, simulator.url)
        tokens.current()
    assert simulator.tally.requests == 0
