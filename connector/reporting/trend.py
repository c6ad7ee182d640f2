"""How a run compares with those before it."""

from dataclasses import asdict, dataclass

from connector.ledger.ledger import Ledger
from connector.ledger.records import RunRecord, RunSize

BEFORE = 7
"""With how many earlier runs one is compared, at most."""


@dataclass(frozen=True, slots=True)
class Change:
    """A number of this run beside the median of `runs` earlier ones; `percent` is None where that is zero."""

    now: float
    median: float
    percent: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Rows and seconds of a run against those of earlier whole runs of the orchestration under the same target.

    `history` are the runs compared, oldest first, this one last.
    """

    runs: int
    rows: Change
    seconds: Change
    history: tuple[RunSize, ...]

    def as_json(self) -> dict[str, object]:
        """The object `trend` of a run in `connector runs list --json`."""
        return {"runs": self.runs, "rows": asdict(self.rows), "seconds": asdict(self.seconds)}


def trend_of(ledger: Ledger, run: RunRecord) -> Trend | None:
    """The trend of a run; None where there is no earlier one, and for runs that do not read the whole result."""
    if run.retry_of is not None or run.row_limit is not None:
        return None
    found = ledger.runs.sizes_until(run, BEFORE + 1)
    now, before = found[0], found[1:]
    if now.run_id != run.run_id or not before:
        return None
    return Trend(
        runs=len(before),
        rows=_change(now.rows, [one.rows for one in before]),
        seconds=_change(now.seconds, [one.seconds for one in before]),
        history=tuple(reversed(found)),
    )


def _change(now: float, before: list[int] | list[float]) -> Change:
    from statistics import median

    usual = median(before)
    return Change(now, usual, round(100 * (now - usual) / usual, 1) if usual else None)
