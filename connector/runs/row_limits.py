"""Refuse to send a result with too few rows, only rejected rows, or too many rejected rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connector.config.orchestration import Orchestration
from connector.errors import AllRejected, NothingSent, TooFewRows, TooManyRejects
from connector.ledger.run_records import RunRecord

_UNSENT, _UNDELIVERED = "nothing was sent", "nothing was delivered"


class CountedRows(Protocol):
    """The counts of a result whose rows were read and checked."""

    @property
    def read(self) -> int:
        """Rows that were read."""

    @property
    def rejects(self) -> Mapping[str, int]:
        """Rejected rows by reason."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of rows that were read."""

    read: int
    rejects: Mapping[str, int] = field(default_factory=dict)


def refuse_rows(
    orchestration: Orchestration,
    rows: CountedRows,
    limit: int | None,
    *,
    has_input: bool = True,
    effect: str | None = None,
) -> None:
    """Raise NothingSent if a run must not send these rows; `effect` replaces the end of the sentence.

    Without `has_input`, for instance because every file was sent before or only what is new is read, `min_rows` is not
    applied.
    """
    if has_input:
        _refuse_too_few(orchestration.min_rows, rows.read, limit, effect or _UNSENT)
    refuse_all_rejected(rows.read, rows.rejects, effect or _UNDELIVERED)
    _refuse_too_many_rejects(orchestration.max_reject_percent, rows.read, rows.rejects, effect or _UNSENT)


def refuse_recorded_rows(orchestration: Orchestration, record: RunRecord) -> None:
    """Check the rows of a staged run of which no request has left yet, as `refuse_rows` does."""
    if record.requests_sent or record.retry_of is not None:
        return
    counted = Counts(record.rows.read, record.rejects)
    is_whole = not record.cursor or record.cursor["since"] is None
    has_input = is_whole and (orchestration.file is None or bool(record.rows.read))
    refuse_rows(orchestration, counted, record.row_limit, has_input=has_input)


def failure_of(orchestration: Orchestration, rows: CountedRows, *, has_input: bool = True) -> NothingSent | None:
    """Return the error that a run with these rows would end with, if any, under the limit of the orchestration."""
    try:
        refuse_rows(orchestration, rows, orchestration.limit, has_input=has_input, effect="nothing would be sent")
    except NothingSent as error:
        return error
    return None


def failure_of_slice(orchestration: Orchestration, first: CountedRows | None, *, is_whole: bool) -> str | None:
    """Return the sentence of `failure_of` for the first slice of a result, if it is the whole result."""
    error = failure_of(orchestration, first or Counts(0))
    return error.message if error and is_whole else None


def min_rows_note(orchestration: Orchestration, limit: int | None) -> str | None:
    """Return the sentence on a `min_rows` that a smaller limit keeps from being applied."""
    wanted = orchestration.min_rows
    if wanted is None or limit is None or limit >= wanted:
        return None
    return f"min_rows ({wanted:,}) is not applied, because the limit of {limit:,} reads fewer rows."


def refuse_all_rejected(read: int, rejects: Mapping[str, int], effect: str = _UNDELIVERED) -> None:
    """Raise AllRejected if rows were read and every one was rejected."""
    if not read or sum(rejects.values()) < read:
        return
    subject = f"All {read:,} rows were" if read > 1 else "The only row was"
    raise AllRejected(f"{subject} rejected ({_reasons(rejects)}): {effect}.")


def _reasons(rejects: Mapping[str, int]) -> str:
    ordered = sorted(rejects.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered if count)


def _refuse_too_few(wanted: int | None, read: int, limit: int | None, effect: str) -> None:
    if wanted is None or (limit is not None and limit < wanted) or read >= wanted:
        return
    rows = "1 row was" if read == 1 else f"{read:,} rows were"
    raise TooFewRows(f"Only {rows} read, fewer than min_rows asks for ({wanted:,}): {effect}.")


def _refuse_too_many_rejects(limit: float | None, read: int, rejects: Mapping[str, int], effect: str) -> None:
    if limit is None or not read:
        return
    rejected = sum(rejects.values())
    percent = 100 * rejected / read
    if percent > limit:
        raise TooManyRejects(
            f"{rejected:,} of {read:,} rows ({percent:.1f} %) were rejected ({_reasons(rejects)}), more than "
            f"max_reject_percent allows ({limit:g} %): {effect}."
        )
