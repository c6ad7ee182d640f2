"""Whoever closes stdout or stderr changes neither what a command does nor how it ends, unless it can only print."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.cli.command import connector, environment, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving

BAD = "SELECT 'b' AS event_id, now() AS timestamp, NULL AS email"
CLOSING = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")


@pytest.fixture(scope="module")
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


T = TypeVar("T")


def quick(cases: Sequence[T], *numbers: int) -> list[Any]:
    """Leave all but some of the cases to `make thorough`."""
    thorough = pytest.mark.thorough
    return [
        pytest.param(*(case if isinstance(case, tuple) else [case]), marks=[] if n in numbers else thorough)
        for n, case in enumerate(cases)
    ]


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    tiktok.answer = lambda body: Reply()
    query = f"{GOOD.format(rows=3)} UNION ALL {BAD.replace('NULL AS email', 'NULL AS email, 1')}"
    return shop(tmp_path / "shop", tiktok.url, query, workflow="automatic", schedule={"every": "1d"})


def in_shell(made: Shop, redirected: str, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command with streams closed by a shell; what still arrives of them is captured."""
    command = f'exec "$0" -m connector "$@" {redirected}'
    return subprocess.run(
        ["/bin/bash", "-c", command, sys.executable, *args],
        env=environment(made.directory, environ), cwd="/", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def with_readers_gone(made: Shop, *args: str, stdout: bool, stderr: bool, **environ: str) -> tuple[int, bytes]:
    """The exit code with pipes that nobody reads from the start, and what came through the other stream."""
    read, write = os.pipe()
    os.close(read)
    kept_read, kept = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", *args],
        env=environment(made.directory, environ),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=write if stdout else kept,
        stderr=write if stderr else kept,
    )
    os.close(write)
    os.close(kept)
    with os.fdopen(kept_read, "rb") as through:
        told = through.read()
    return process.wait(timeout=120), told


def statuses(made: Shop) -> list[tuple[str, int]]:
    listed = inside("runs", "list", "--json", project=made.directory).json["runs"]
    return [(one["status"], one["rows"]["delivered"]) for one in listed]


@pytest.mark.parametrize("redirected", quick(CLOSING, 0, 3))
def test_a_run_with_closed_descriptors_ends_as_any(made: Shop, redirected: str) -> None:
    done = in_shell(made, redirected, "run", NAME)
    assert (done.returncode, statuses(made)) == (0, [("completed_with_rejects", 3)])
    assert "Traceback" not in done.stdout + done.stderr
    assert ("delivered" in done.stdout) is (">&-" not in redirected.replace("2>&-", ""))
    # Nothing was written into a file that got the number of a closed stream.
    assert inside("runs", "show", "latest", project=made.directory).code in {0, 2}
    assert (made.state / "ledger.sqlite").read_bytes().startswith(b"SQLite format 3")


GONE = [(True, True, ""), (True, False, "1"), (False, True, "")]


@pytest.mark.parametrize(
    ("stdout", "stderr", "unbuffered"), quick([*GONE, *((*one[:2], "" if one[2] else "1") for one in GONE)], 0, 1, 2)
)
def test_a_run_whose_readers_are_gone_ends_as_any(made: Shop, stdout: bool, stderr: bool, unbuffered: str) -> None:
    code, told = with_readers_gone(made, "run", NAME, stdout=stdout, stderr=stderr, PYTHONUNBUFFERED=unbuffered)
    assert (code, statuses(made)) == (0, [("completed_with_rejects", 3)])
    for word in (b"Traceback", b"BrokenPipe", b"Exception ignored"):
        assert word not in told
    assert (b"rows read" in told) is not stdout
    assert (b"target default" in told) is not (stdout and stderr)


def test_head_takes_the_first_line_and_the_run_goes_on(made: Shop) -> None:
    command = f'"$0" -m connector run {NAME} 2>&1 | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["/bin/bash", "-c", command, sys.executable], env=environment(made.directory), cwd="/",
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    first, code = done.stdout.splitlines()
    assert (first.startswith(f"{NAME}: run "), code, done.stderr) == (True, "0", "")
    assert statuses(made) == [("completed_with_rejects", 3)]


ENDINGS: list[tuple[tuple[str, ...], int]] = [
    (("--version",), 0),
    (("--help",), 0),
    (("--nonsense",), 2),
    (("run", "nothing"), 2),
    (("run", NAME, "--json"), 0),
    (("run", NAME, "--limit", "x"), 2),
    (("resume",), 2),
    (("resume", "RUN", "--json"), 2),
    (("retry", "RUN"), 3),
    (("validate",), 0),
    (("compile", NAME), 0),
    (("preview", NAME), 0),
    (("plan", NAME), 0),
    (("rejects", "RUN"), 0),
    (("report", "RUN"), 0),
    (("runs", "list"), 0),
    (("runs", "show", "RUN", "--requests"), 0),
    (("destinations", "list"), 0),
    (("destinations", "test", "stores", "--json"), 1),
    (("headers",), 2),
]


@pytest.mark.parametrize(("args", "code"), quick(ENDINGS, 0, 4, 5, 8))
def test_every_command_ends_with_the_same_exit_code(made: Shop, args: tuple[str, ...], code: int) -> None:
    run = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    args = tuple(run if word == "RUN" else word for word in args)
    ended, _ = with_readers_gone(made, *args, stdout=True, stderr=True)
    assert ended == code, args


@pytest.mark.parametrize("redirected", quick(CLOSING, 3))
def test_every_exit_code_of_a_run_stays(made: Shop, tiktok: TikTok, redirected: str) -> None:
    made.query.write_text(BAD)
    assert in_shell(made, redirected, "run", NAME).returncode == 3
    made.query.write_text(GOOD.format(rows=3))
    tiktok.answer = lambda body: Reply(40105, "Access token is incorrect or has been revoked.", 401)
    assert in_shell(made, redirected, "run", NAME).returncode == 1
    assert in_shell(made, redirected, "resume").returncode == 1
    tiktok.answer = lambda body: Reply()
    assert in_shell(made, redirected, "resume").returncode == 0
    assert [status for status, _ in statuses(made)] == ["completed", "failed"]


def test_a_service_that_nobody_listens_to_runs_on_until_it_is_stopped(made: Shop) -> None:
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "start", "--port", "0"],
        env=environment(made.directory), cwd="/", stdin=subprocess.DEVNULL, stdout=write, stderr=write,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read, "rb") as told:
        assert b" up " in told.readline()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    assert process.returncode is None
    process.terminate()
    assert process.wait(timeout=60) == 0


FULL: list[tuple[tuple[str, ...], int]] = [
    (("run", NAME), 0),
    (("run", NAME, "--json"), 0),
    (("resume", "RUN", "--json"), 2),
    (("run", "nothing", "--json"), 2),
    (("--version",), 1),
    (("--help",), 1),
    (("run", "--help"), 1),
    (("validate",), 1),
    (("compile", NAME), 1),
    (("preview", NAME), 1),
    (("preview", NAME, "--json"), 1),
    (("plan", NAME), 1),
    (("rejects", "RUN"), 1),
    (("report", "RUN"), 1),
    (("runs", "list", "--json"), 1),
    (("runs", "show", "RUN", "--requests"), 1),
    (("destinations", "list"), 1),
]


@pytest.mark.parametrize(
    ("args", "code", "unbuffered"),
    quick([*((*one, "") for one in FULL), *((*one, "1") for one in FULL[:2])], 0, 2, 4, 10, 18),
)
def test_a_full_disk_below_stdout_is_told_in_one_sentence(
    made: Shop, args: tuple[str, ...], code: int, unbuffered: str
) -> None:
    run = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    before = statuses(made)
    args = tuple(run if word == "RUN" else word for word in args)
    done = in_shell(made, ">/dev/full", *args, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == code, args
    for word in ("Traceback", "OSError", "Errno"):
        assert word not in done.stderr
    assert done.stderr.count("The output could not be written: No space left on device.\n") == 1
    added = [("completed_with_rejects", 0)] if code == 0 else []
    assert statuses(made) == added + before


CLOSED: list[tuple[tuple[str, ...], int]] = [
    (("run", NAME), 0),
    (("validate", "--json"), 1),
    (("runs", "list"), 1),
    (("forget", "--email", "jo@example.com"), 0),
    (("run", NAME, "--json"), 0),
    (("retry", "RUN"), 3),
    (("init", "new"), 0),
    (("plan", NAME, "-o", "plan.json"), 0),
    (("run", "nothing", "--json"), 2),
    (("--version",), 1),
    (("run", "--help"), 1),
    (("validate",), 1),
    (("compile", NAME), 1),
    (("preview", NAME), 1),
    (("plan", NAME, "--json"), 1),
    (("rejects", "RUN"), 1),
    (("report", "RUN"), 1),
    (("runs", "show", "RUN", "--json"), 1),
    (("destinations", "list"), 1),
]


@pytest.mark.parametrize(("args", "code"), quick(CLOSED, 0, 1, 2, 3))
def test_a_closed_stdout_is_told_by_commands_that_only_print(made: Shop, args: tuple[str, ...], code: int) -> None:
    """As other commands do it; who closes it below a command that does more may mean it."""
    run = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    files = {"plan.json", "new"}
    args = tuple(run if word == "RUN" else str(made.directory / word) if word in files else word for word in args)
    done = in_shell(made, ">&-", *args)
    assert done.returncode == code, done.stderr
    assert ("The output could not be written: stdout is closed.\n" in done.stderr) is (code == 1)
    assert "Traceback" not in done.stderr


def test_both_streams_on_a_full_disk_end_no_run(made: Shop) -> None:
    assert in_shell(made, ">/dev/full 2>&1", "run", NAME, "--json").returncode == 0
    assert statuses(made) == [("completed_with_rejects", 3)]


def test_a_full_disk_below_stderr_ends_no_run(made: Shop) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "connector", "run", NAME, "--json"],
            env=environment(made.directory), cwd="/", stdout=subprocess.PIPE, stderr=full, timeout=120, check=False,
        )  # fmt: skip
    assert process.returncode == 0


def test_a_sign_that_the_encoding_lacks_ends_no_command(made: Shop) -> None:
    made.query.write_text(GOOD.format(rows=1).replace("'e' || n", "'…é' || n"))
    environ: dict[str, Any] = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = connector("preview", NAME, project=made.directory, environ=environ)
    assert (done.code, "\\u2026" in done.stdout) == (0, True)
