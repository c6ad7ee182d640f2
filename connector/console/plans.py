"""Plans in processes of their own, and what a user has to agree to before the run."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from connector.config.project import Project
from connector.console.background import Task
from connector.core.disk import make_private_file, make_private_folder
from connector.core.redaction import redact
from connector.errors import ConnectorError
from connector.ledger.views.run_lists import ListedRun

FOLDER = "plans"
EARLIER_RUNS = 7
UNUSUAL = 2.0
"""A number is unusual if it is more than so many times the median, or less than one part in so many."""
_OLD_SECONDS = 24 * 3600
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of a plan, and of the run that follows it."""

    limit: int | None = None
    """Read only so many rows."""
    test_event_code: str | None = None
    """Send test events with this code."""
    full: bool = False
    """Read all rows of an orchestration that reads only what is new."""

    def arguments(self) -> list[str]:
        """Return the options as a command takes them."""
        given = {"--limit": self.limit, "--test-event-code": self.test_event_code}
        return [f"{name}={value}" for name, value in given.items() if value is not None] + ["--full"] * self.full

    def as_launch(self) -> dict[str, Any]:
        """Return the options as a launch takes them."""
        return {"limit": self.limit, "test_event_code": self.test_event_code, "full": self.full}


@dataclass(frozen=True, slots=True)
class Danger:
    """Something that the user has to agree to by itself."""

    key: str
    """The name of the field."""
    sentence: str
    """A sentence on something unusual, or on a change that cannot be undone."""
    label: str
    """The label of the check box; empty if the user types a text instead."""
    typed: str | None = None
    """The text to type."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The audience that a plan is about."""

    name: str
    """Its name, or its id."""
    max_change_percent: float
    """The share of its members above which a change needs an agreement."""


def make_plan(project: Project, options: PlanOptions) -> Any:
    """Return the work that plans an orchestration in a process and returns what `connector plan --json` prints."""

    def work(task: Task) -> dict[str, Any]:
        # The command refuses to write into the project's state, so the file is moved there.
        with TemporaryDirectory(prefix="connector-plan-") as folder:
            file = Path(folder) / "plan.json"
            command = [
                sys.executable, "-P", "-m", "connector", "plan", *options.arguments(), f"--target={project.target}",
                f"--project={project.directory}", f"--output={file}", "--json", "--", task.subject,
            ]  # fmt: skip
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            plan = _result(process, task)
            _keep(file, plan_path(project, task.id))
        return plan

    return work


def _keep(file: Path, place: Path) -> None:
    """Store a plan where its run finds it, and delete old ones."""
    make_private_folder(place.parent)
    for other in place.parent.glob("*.json"):
        if time() - other.stat().st_mtime > _OLD_SECONDS:
            other.unlink(missing_ok=True)
    make_private_file(place)
    place.write_bytes(file.read_bytes())


def _result(process: "subprocess.Popen[str]", task: Task) -> dict[str, Any]:
    while True:
        try:
            out, err = process.communicate(timeout=_LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if task.cancelled.is_set():
                process.kill()
                process.communicate()
                raise ConnectorError("It was cancelled.") from None
    try:
        printed = json.loads(out)
    except ValueError:
        printed = {}
    if process.returncode != 0 or "error" in printed:
        lines = err.strip().splitlines()
        raise ConnectorError(redact(str(printed.get("error") or (lines[-1] if lines else "It ended without a word."))))
    return dict(printed)


def plan_path(project: Project, task_id: str) -> Path:
    """Return the file of a plan, to which its run is held."""
    return project.state_directory / FOLDER / f"{task_id}.json"


def files_digest(project: Project, name: str) -> str:
    """Return a digest of the files that decide what an orchestration sends."""
    entry = project.partial_orchestration(name)
    files = [project.file, *(path for path in (entry.query_path, entry.template_path) if path)]
    return sha256(b"\0".join(path.read_bytes() if path.is_file() else b"" for path in files)).hexdigest()


def medians(runs: list[ListedRun]) -> dict[str, float]:
    """Return the usual numbers of an orchestration: the medians of its last whole runs."""
    whole = [run for run in runs if run.status.value.startswith("completed") and not run.row_limit and not run.retry_of]
    rows = [run.totals.rows for run in whole[:EARLIER_RUNS]]
    if not rows:
        return {}
    return {
        "read": median(row.read for row in rows),
        "to_send": median(row.delivered + row.pending for row in rows),
        "rejected": median(row.rejected for row in rows),
        "skipped": median(row.skipped for row in rows),
    }


def is_for_real(api_url: str, plan: Mapping[str, Any]) -> bool:
    """Return whether a run would send to the platform itself, and not only test events."""
    return api_url.startswith("https:") and not plan["test_event_code"]


def dangers(
    plan: Mapping[str, Any], usual: Mapping[str, float], *, real: bool, is_first: bool, audience: Audience | None
) -> Iterator[Danger]:
    """Yield what the user has to agree to by itself before the run of a plan."""
    if real and is_first:
        yield Danger("first", "This sends to TikTok for the first time.", "The sample was checked in Events Manager")
    now, before = plan["rows"]["read"], usual.get("read", 0)
    if before and not plan["limit"] and (now > UNUSUAL * before or now * UNUSUAL < before):
        change = 100 * (now - before) / before
        yield Danger("rows", f"{now:,} rows, usually {before:,.0f} ({change:+,.0f} %).", "That is as it should be")
    if plan["rows"]["rejected"] and usual and plan["rows"]["rejected"] > UNUSUAL * max(usual["rejected"], 1):
        text = f"{plan['rows']['rejected']:,} rows would be rejected, usually {usual['rejected']:,.0f}."
        yield Danger("rejected", text, "Send the others")
    if added := plan.get("identical_value"):
        values = " and ".join(f"{value} {currency}" for currency, value in added.items())
        count = plan["warnings"].get("identical_rows", 0)
        text = f"{count:,} rows repeat another row of their event and add {values}. A join usually does that."
        yield Danger("identical", text, "Send them all the same")
    yield from _audience_dangers(plan, audience)


def _audience_dangers(plan: Mapping[str, Any], audience: Audience | None) -> Iterator[Danger]:
    """Yield what is to be agreed to of changes at the platform, the loss of members first."""
    members = plan.get("members") or {}
    removed, known = members.get("removed", 0), members.get("removed", 0) + members.get("unchanged", 0)
    if audience and removed and 100 * removed > audience.max_change_percent * known:
        text = f"The audience loses {removed:,} of {known:,} identifiers, more than {audience.max_change_percent:g} %."
        yield Danger("audience", text, f'Type the name of the audience, "{audience.name}"', audience.name)
    if plan["changes"]:
        yield Danger("changes", " ".join(plan["changes"]), "Make these changes at TikTok")
    if would_be_empty(plan):
        yield Danger("empty", "The audience would be empty.", "Empty the audience")


def would_be_empty(plan: Mapping[str, Any]) -> bool:
    """Return whether a run of the plan would leave an audience without members."""
    members = plan.get("members") or {}
    return bool(members.get("removed")) and not members.get("added") and not members.get("unchanged")


def missing(found: list[Danger], form: Mapping[str, Any]) -> list[Danger]:
    """Return what the user has not agreed to."""
    return [
        one
        for one in found
        if (str(form.get(one.key, "")).strip() != one.typed if one.typed else form.get(one.key) != "yes")
    ]
