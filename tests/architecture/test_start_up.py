"""Starting the command is light."""

import subprocess
import sys

from tests.docs.markdown import ARCHITECTURE, table

PARTS = {row[0] for row in table(ARCHITECTURE, "part")}
LATE = {row[0] for row in table(ARCHITECTURE, "part") if row[2] == "late"}

HELP = """
import contextlib, os, sys
from connector.cli import main
sys.argv[1:] = ["--help"]
with contextlib.suppress(SystemExit), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
    main()
"""


def loaded_by(script: str) -> set[str]:
    """The packages that a fresh interpreter has loaded at the end of a script."""
    show = "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script + show], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_the_command_line_loads_no_part_that_is_not_our_own() -> None:
    assert loaded_by("import connector.cli") & PARTS == set()


def test_the_help_text_loads_no_part_that_is_marked_as_late() -> None:
    loaded = loaded_by(HELP)
    assert "typer" in loaded
    assert loaded & LATE == set()
