"""A process that has nothing left to do ends at once, with its exit code, when all is said and everybody was told."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment


def ended(script: str, project: Path) -> subprocess.CompletedProcess[str]:
    around = environment(project, {})
    return subprocess.run([sys.executable, "-c", script], env=around, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["run", "nothing"], 2), (["--nonsense"], 2)])
def test_whoever_waits_for_the_end_is_told_and_the_code_is_the_commands(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    """One was there before the command began, one came after; Python would have waited for the thread, too.

    Where nobody was there before, nothing is taken apart.
    """
    script = """
import atexit, sys, threading, time
if BEFORE: atexit.register(print, "asked before")
from connector.cli import main
sys.argv[1:] = ARGUMENTS
class Loud:
    def __del__(self): print("taken apart")
loud = Loud()
def late():
    time.sleep(0.3)
    atexit.register(print, "asked late")
threading.Thread(target=late).start()
main()
"""
    for before in (True, False):
        done = ended(script.replace("BEFORE", str(before)).replace("ARGUMENTS", str(arguments)), tmp_path)
        assert done.returncode == code
        assert done.stdout.endswith("asked late\n" + "asked before\ntaken apart\n" * before)
        assert "Traceback" not in done.stderr


def test_all_that_was_printed_arrives_before_the_end(tmp_path: Path) -> None:
    script = """
import sys
from connector.cli import main
sys.argv[1:] = ["--help"]
print("x" * 100_000)
main()
"""
    done = ended(script, tmp_path)
    assert (done.returncode, "Usage" in done.stdout, done.stdout.count("x") >= 100_000) == (0, True, True)


def test_what_nobody_foresaw_ends_as_python_ends_it(tmp_path: Path) -> None:
    script = """
from connector.cli import main
import connector.cli.app
connector.cli.app.app = None
main()
"""
    done = ended(script, tmp_path)
    assert (done.returncode, "TypeError" in done.stderr) == (1, True)
