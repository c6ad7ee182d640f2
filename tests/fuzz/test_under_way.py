"""An input that kills its process is named afterwards."""

import subprocess
import sys
from pathlib import Path

from tests.cli.command import ROOT
from tests.fuzz.under_way import UnderWay, take_fatal

DIES = """
import os, signal, sys
from pathlib import Path
from tests.fuzz.under_way import UnderWay

under_way = UnderWay("project_files", Path(sys.argv[1]))
under_way.write("long.yaml", b"x" * 99, 7)
under_way.write("fatal.yaml", b"a: \\n\\xff", 8)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_input_that_kills_its_process_is_found_once(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert list(take_fatal(tmp_path)) == [("project_files", "fatal.yaml", b"a: \n\xff", 8)]
    assert list(take_fatal(tmp_path)) == []


def test_an_input_of_a_process_that_lives_is_not_fatal(tmp_path: Path) -> None:
    under_way = UnderWay("answers", tmp_path)
    under_way.write("usual.http", b"x", 1)
    assert list(take_fatal(tmp_path)) == []
    under_way.remove()
    assert list(tmp_path.iterdir()) == []
