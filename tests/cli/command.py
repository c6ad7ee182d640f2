"""`connector` as its users run it: a process of its own, with nothing of this process's environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer import testing
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
RUN_KEYS = [
    "run_id", "orchestration", "target", "workflow", "engine", "status", "rows", "events", "requests",
    "rejects", "skips", "warnings", "started_at", "finished_at", "seconds", "error",
]  # fmt: skip
"""The keys of what is printed by `connector run NAME --json`, in its order."""

EXCLUDED_ROW = ("CONNECTOR_", "TIKTOK_", "COV_", "COLUMNS")

testing._get_command = cache(testing._get_command)  # type: ignore[attr-defined]
"""The commands and their options are built once, not for each command that is run."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it wrote."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything else there is a failure."""
        parsed = json.loads(self.stdout)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def sentence(self) -> str:
        """The only line on stderr, which is no stack trace."""
        (line,) = self.stderr.strip().splitlines()
        assert "Traceback" not in line
        return line

    def sentence_of(self, words: str) -> str:
        """The only line on stderr with these words."""
        (line,) = [line for line in self.stderr.splitlines() if words in line]
        return line

    def record(self) -> dict[str, Any]:
        """The record that `run --json` printed, with every row in it accounted for."""
        return checked(self.json)


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a run, if it has the keys it should have and its rows add up."""
    assert [
        key
        for key in record
        if key not in {"resumed", "retry_of", "query_id", "trend", "by", "identical_value", "cursor"}
    ] == RUN_KEYS
    rows, events = record["rows"], record["events"]
    assert set(rows) == {"read", "delivered", "rejected", "skipped", "pending"}
    assert set(events) == {"built", "delivered", "refused"}
    assert set(record["requests"]) == {"sent", "retried"}
    assert rows["read"] == rows["delivered"] + rows["rejected"] + rows["skipped"] + rows["pending"]
    assert rows["rejected"] == sum(record["rejects"].values())
    assert rows["skipped"] == sum(record["skips"].values())
    assert min(rows.values()) >= 0
    assert (record["error"] is None) == record["status"].startswith("completed")
    return record


def connector(
    *args: str,
    project: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    program: str = "connector",
    timeout: float = 120,
) -> Outcome:
    """Runs the command to its end. `project` becomes CONNECTOR_PROJECT; `program` is the module that runs it."""
    done = subprocess.run(
        [sys.executable, "-m", program, *args],
        env=environment(project, environ),
        cwd=cwd or "/",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def started(*args: str, project: Path) -> "subprocess.Popen[str]":
    """The command, still running."""
    return subprocess.Popen(
        [sys.executable, "-m", "connector", *args],
        env=environment(project),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> Outcome:
    """How a command that was started ends."""
    stdout, stderr = process.communicate(timeout=60)
    return Outcome(process.returncode, stdout, stderr)


def inside(*args: str, project: Path | None, environ: Mapping[str, str] | None = None) -> Outcome:
    """Runs the command within this process: quicker, for what ends before anything is opened."""
    from connector.cli.app import app

    unset = {name: None for name in os.environ if name.startswith(EXCLUDED_ROW)}
    named = {"CONNECTOR_PROJECT": str(project)} if project else {}
    done = CliRunner().invoke(app, args, env={**unset, **named, **(environ or {})}, prog_name="connector")
    return Outcome(done.exit_code, done.stdout, done.stderr)


def environment(project: Path | None, further: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change the command's behaviour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(EXCLUDED_ROW)}
    named = {"CONNECTOR_PROJECT": str(project)} if project else {}
    return {**kept, "PYTHONPATH": str(ROOT), **named, **(further or {})}
