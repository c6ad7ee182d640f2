"""Files in place of a query: which of them are new, and what is wrong with them by the end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from connector.core.hashed import HashedRows
from connector.core.outcomes import Reason
from connector.errors import FileRefused, Problem
from connector.files.file_source import FileSource
from connector.files.file_store import FileInfo
from connector.files.problem_log import MAX_LISTED
from connector.files.scan_report import PreviousFile, ScanReport
from connector.ledger.ledger import Ledger
from connector.ledger.records import FileRecord, Scope, SentFile
from connector.runs.job import Job


@dataclass(frozen=True, slots=True)
class SentFiles:
    """The files that an orchestration has sent, by size and digest, and the day on which more would be sent."""

    files: Mapping[tuple[int, str], SentFile]
    fingerprint: str
    timezone: str
    last: PreviousFile | None = None
    is_skipped: bool = True
    """Whether files that were sent are skipped: a destination that mirrors its result compares them again."""

    def of(self, source: FileSource, file: FileInfo) -> SentFile | None:
        """The same file, where it was sent before. Only one of which the size is known is gone through for that."""
        if all(size != file.size for size, _ in self.files):
            return None
        return self.files.get((file.size, source.digest(file)))

    def is_of_today(self, file: SentFile) -> bool:
        """Whether a file was sent on the present day, in the destination's time zone."""
        zone = ZoneInfo(self.timezone)
        return file.sent_at.astimezone(zone).date() == datetime.now(UTC).astimezone(zone).date()


def files_before(ledger: Ledger, job: Job, target: str, test_event_code: str | None) -> SentFiles | None:
    """What earlier runs sent; None where that does not matter, as for a query, and for test events."""
    if job.file is None or test_event_code is not None:
        return None
    sent = ledger.files.sent(job.orchestration.name, Scope(target, job.settings.address))
    files = {(one.size, one.digest): one for one in sent}
    skipped = job.destination.capabilities.deduplication
    return SentFiles(files, job.fingerprint, job.destination.timezone, last_sent(ledger, job, target), skipped)


def last_sent(ledger: Ledger, job: Job, target: str) -> PreviousFile | None:
    """Return the file that the orchestration sent last; None for a query, or when its columns were not recorded."""
    if job.file is None:
        return None
    found = ledger.files.last_columns(job.orchestration.name, Scope(target, job.settings.address))
    return PreviousFile(found.name, found.run_id, found.columns) if found else None


def leave_out_sent(source: FileSource, job: Job, before: SentFiles, *, limit: int | None) -> None:
    """Leaves out the files that were sent before, and says so.

    One that was sent under other settings is read again: what was delivered of it is known row by row. More files of
    the program's than it takes in a day are `refused`, once it is known what else is wrong with them.
    """
    if not before.is_skipped:
        source.compare_with(before.last)
        return
    known = {file: before.of(source, file) for file in source.files}
    gone = [file for file, sent in known.items() if sent and sent.fingerprint == before.fingerprint]
    new = sum(sent is None for sent in known.values())
    source.select(lambda file: file not in gone)
    source.compare_with(before.last)
    if gone:
        source.reading.notes.append(_sent_before([(file, known[file]) for file in gone]))
    if job.file and job.file.format.is_conversions and new and limit is None:
        source.reading.refusals += _too_many(new, before, job.file.format.files_a_day)


def _sent_before(gone: list[tuple[FileInfo, SentFile | None]]) -> str:
    file, sent = gone[0]
    if len(gone) > 1:
        return f"{len(gone):,} files were sent before and are not read again, among them {file.display_name}."
    return f"{file.display_name} was sent before, by run {sent.run_id if sent else '?'}, and is not read again."


def _too_many(new: int, before: SentFiles, allowed: int) -> Iterator[Problem]:
    today = sum(map(before.is_of_today, before.files.values()))
    if today + new > allowed:
        already = f"besides {today} that went today" if today else "at once"
        yield Problem(
            f"LiveRamp's program takes {allowed} file{'s' * (allowed != 1)} a day, and {new} would be sent {already}: "
            "wait for tomorrow, name fewer, or set files_a_day in the format."
        )


def watched(rows: Iterable[HashedRows], reading: ScanReport, limit: int | None = None) -> Iterator[HashedRows]:
    """The rows as they come; notes on which lines of the files those stand that are rejected for their own sake.

    Rows beyond a `limit` are no neighbours in the files, so that it cannot be told on which lines they stand.
    """
    read = 0
    for part in rows:
        rejected = part.left_out.filter(pc.equal(part.left_out["outcome"], "rejected"))
        if limit is not None:
            rejected = rejected.filter(pc.less_equal(rejected["row"], limit))
        for reason in sorted(set(pc.unique(rejected["reason"]).to_pylist()) - {Reason.INCOMPLETE_EVENT.value}):
            numbers = rejected.filter(pc.equal(rejected["reason"], reason))["row"].to_numpy()
            _note(reading, reason, numbers)
        read += part.read
        reading.lines.discard_until(read)
        yield part


def _note(reading: ScanReport, reason: str, numbers: npt.NDArray[np.int64]) -> None:
    places = reading.lines.locate(numbers)
    for file in dict.fromkeys(file for file, _ in places):
        lines = [line for name, line in places if name == file]
        first = lines[:MAX_LISTED]
        told = [f"the row is rejected: {reason}." for _ in first]
        reading.rejections.add(file, f"rows rejected as {reason}", first, told, len(lines))


def refuse_wrong(reading: ScanReport) -> None:
    """Raises FileRefused where the files are not as they have to be, with what is wrong with single rows as well."""
    if reading.problems or reading.refusals:
        raise FileRefused([*reading.refusals, *reading.problems.entries(), *reading.rejections.entries()])


def rejected_lines(reading: ScanReport) -> Iterator[str]:
    """For each reason on which lines rows are rejected."""
    for (file, kind), count in reading.rejections.counts.items():
        lines = reading.rejections.lines(file, kind)
        more = f" and {count - len(lines):,} more" if count > len(lines) else ""
        yield f"{file}: {kind}: line{'s' * (count > 1)} {', '.join(map(str, lines))}{more}."


def file_notes(ledger: Ledger, job: Job, target: str, reading: ScanReport) -> list[str]:
    """Return what is worth knowing about the files that were read. Raises FileRefused if one is wrong."""
    refuse_wrong(reading)
    is_compared = job.destination.capabilities.mirrors
    sent_before = _unchanged(ledger, job, target, reading) if is_compared else ()
    return [*sent_before, *reading.notes, *rejected_lines(reading)]


def _unchanged(ledger: Ledger, job: Job, target: str, reading: ScanReport) -> Iterator[str]:
    """A sentence on each file of an audience that was sent before. It is compared again: the audience may differ."""
    sent = ledger.files.sent(job.orchestration.name, Scope(target, job.settings.address))
    known = {(one.size, one.digest): one.run_id for one in sent}
    for file in reading.files:
        if run_id := known.get((file.size, file.digest)):
            yield (
                f"{file.name} was sent before, by run {run_id}, and has not changed: it is read again and compared "
                "with the audience."
            )


def records(reading: ScanReport) -> list[FileRecord]:
    """The files that were read to their ends, for the ledger."""
    return [FileRecord(one.name, one.size, one.digest, reading.columns) for one in reading.files]
