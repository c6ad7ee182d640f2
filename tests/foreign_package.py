"""A command that runs where the distributions in a folder are installed as well."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def connector_in(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command on the project in a folder, with the packages in it."""
    return subprocess.run(
        [sys.executable, "-m", "connector", *command, "--project", str(folder)],
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
