"""What is told of a run: counts, its id and what to do; never a value of a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.ledger.records import RunRecord
from connector.outcomes import RunStatus

Note = Callable[[str], None]
"""Takes a sentence for the user."""

_IN_WORDS = {
    "failed": "failed",
    "too_many_rejects": "sent nothing because of its rows",
    "completed": "completed",
    "recovered": "completed again, after it had failed",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A text of a title and a body, and the object that a webhook gets. `endings` are the words it is told under."""

    endings: tuple[str, ...]
    title: str
    body: str
    json: Mapping[str, object]

    @property
    def is_good(self) -> bool:
        """Whether it is good news."""
        return "completed" in self.endings


def message_of(record: RunRecord, *, was_failing: bool, no_rows: str | None = None) -> Message | None:
    """What is told of a run that has ended; None where it was interrupted, which somebody asked for.

    `no_rows` says why it read no rows, if it read none.
    """
    endings = _endings(record, was_failing=was_failing)
    if not endings:
        return None
    title = f"{record.orchestration} {_IN_WORDS[endings[0]]} (target {record.target})"
    return Message(endings, title, "\n".join(_body(record, no_rows)), {"ending": endings[0], **record.as_json()})


def message_without_run(orchestration: str, target: str, why: str) -> Message:
    """What is told of an orchestration that was due, and of whose run nothing is known."""
    title = f"{orchestration} {_IN_WORDS['failed']} (target {target})"
    known = {"orchestration": orchestration, "target": target, "status": RunStatus.FAILED.value, "error": why}
    return Message(("failed",), title, why, {"ending": "failed", "run_id": None, **known})


def _endings(record: RunRecord, *, was_failing: bool) -> tuple[str, ...]:
    if record.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return ("recovered", "completed") if was_failing else ("completed",)
    if record.status is not RunStatus.FAILED:
        return ()
    # Of all failures this alone cannot be resumed, and only where nothing was sent.
    has_too_many_rejects = not record.resumable and not record.requests_sent
    return ("too_many_rejects", "failed") if has_too_many_rejects else ("failed",)


def _body(record: RunRecord, no_rows: str | None) -> list[str]:
    rows = record.rows
    lines = [
        f"Run {record.run_id}: {record.status} in {record.seconds:.1f} s.",
        f"{rows.read:,} rows read: {rows.delivered:,} delivered, {rows.rejected:,} rejected, {rows.skipped:,} skipped, "
        f"{rows.pending:,} pending.",
    ]
    if record.rejects:
        ordered = sorted(record.rejects.items(), key=lambda item: (-item[1], item[0]))
        lines.append("Rejected: " + ", ".join(f"{count:,} {reason}" for reason, count in ordered) + ".")
    if no_rows:
        lines.append(no_rows)
    if record.error:
        lines.append(record.error)
    if record.status is RunStatus.FAILED and record.resumable:
        lines.append(f"To go on once the cause is fixed: connector resume {record.run_id}")
    elif rows.rejected:
        lines.append(f"Which rows, and why: connector rejects {record.run_id}")
    return lines
