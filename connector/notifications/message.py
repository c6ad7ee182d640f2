"""The text of a notification: counts, the run's id and what to do; never a value of a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connector.core.outcomes import RunStatus
from connector.ledger.run_records import RunRecord

Note = Callable[[str], None]
"""Shows a sentence to the user."""

_ENDING_LABELS = {
    "failed": "failed",
    "too_many_rejects": "sent nothing because of its rows",
    "completed": "completed",
    "recovered": "completed again, after it had failed",
    "degraded": "completed, but not as usual",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A title and a body, and the JSON object for a webhook."""

    endings: tuple[str, ...]
    """The endings under which subscribers get it, the most specific first."""
    title: str
    body: str
    json: Mapping[str, object]

    @property
    def is_good(self) -> bool:
        """Whether it is good news."""
        return "completed" in self.endings and "degraded" not in self.endings

    @property
    def summary(self) -> str:
        """The title, and why it is so, in one line."""
        degraded = self.json.get("degraded")
        reason = " ".join(degraded) if isinstance(degraded, list) else self.json.get("error")
        return f"{self.title}: {reason}" if reason else f"{self.title}."

    def degraded(self, sentences: Sequence[str]) -> "Message":
        """Return the message with sentences on what is far from earlier runs."""
        title = self.title.replace(_ENDING_LABELS[self.endings[0]], _ENDING_LABELS["degraded"])
        body = "\n".join([*sentences, self.body])
        json = {**self.json, "ending": "degraded", "degraded": list(sentences)}
        return Message(("degraded", *self.endings), title, body, json)


def run_message(record: RunRecord, *, recovers: bool, no_rows: str | None = None) -> Message | None:
    """Build the message about an ended run; None if it was interrupted, which somebody asked for.

    `no_rows` says why it read no rows, if it read none.
    """
    endings = _endings(record, recovers=recovers)
    if not endings:
        return None
    title = f"{record.orchestration} {_ENDING_LABELS[endings[0]]} (target {record.target})"
    return Message(endings, title, "\n".join(_body(record, no_rows)), {"ending": endings[0], **record.as_json()})


def missing_run_message(orchestration: str, target: str, reason: str) -> Message:
    """Build the message about an orchestration that was due and whose run is unknown."""
    title = f"{orchestration} {_ENDING_LABELS['failed']} (target {target})"
    fields = {"orchestration": orchestration, "target": target, "status": RunStatus.FAILED.value, "error": reason}
    return Message(("failed",), title, reason, {"ending": "failed", "run_id": None, **fields})


def _endings(record: RunRecord, *, recovers: bool) -> tuple[str, ...]:
    if record.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return ("recovered", "completed") if recovers else ("completed",)
    if record.status is not RunStatus.FAILED:
        return ()
    # The only failure that cannot be resumed although nothing was sent.
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
        reasons = sorted(record.rejects.items(), key=lambda item: (-item[1], item[0]))
        lines.append("Rejected: " + ", ".join(f"{count:,} {reason}" for reason, count in reasons) + ".")
    if no_rows:
        lines.append(no_rows)
    if record.error:
        lines.append(record.error)
    if record.status is RunStatus.FAILED and record.resumable:
        lines.append(f"When the cause is fixed: connector resume {record.run_id}")
    elif rows.rejected:
        lines.append(f"Which rows, and why: connector rejects {record.run_id}")
    return lines
