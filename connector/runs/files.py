"""Skip files that were sent before, and report the problems of the files that are read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from connector.core.hashed_rows import HashedRows
from connector.core.outcomes import Reason
from connector.errors import FileRefused, Problem
from connector.files.file_source import FileSource
from connector.files.file_store import FileInfo
from connector.files.problem_log import MAX_LISTED
from connector.files.scan_report import PreviousFile, ScanReport
from connector.ledger.ledger import Ledger
from connector.ledger.read_files import FileRecord, SentFile
from connector.ledger.run_records import Scope
from connector.runs.job import Job


@dataclass(frozen=True, slots=True)
class SentFiles:
    """The files that an orchestration has sent."""

    files: Mapping[tuple[int, str], SentFile]
    """By size and digest."""
    fingerprint: str
    """The fingerprint of the present job."""
    timezone: str
    """The time zone in which days count."""
    last: PreviousFile | None = None
    """The file that was sent last."""
    is_skipped: bool = True
    """Skip files that were sent; a destination that mirrors its result compares them again."""

    def find(self, source: FileSource, file: FileInfo) -> SentFile | None:
        """Find the same file among the sent ones; compute its digest only if one of the same size was sent."""
        if all(size != file.size for size, _ in self.files):
            return None
        return self.files.get((file.size, source.digest(file)))

    def was_sent_today(self, file: SentFile) -> bool:
        """Return whether a file was sent today, in the destination's time zone."""
        zone = ZoneInfo(self.timezone)
        return file.sent_at.astimezone(zone).date() == datetime.now(UTC).astimezone(zone).date()


def sent_files(ledger: Ledger, job: Job, target: str, test_event_code: str | None) -> SentFiles | None:
    """Return the files that earlier runs sent; None for a query, and for test events."""
    if job.file is None or test_event_code is not None:
        return None
    sent = ledger.files.sent(job.orchestration.name, Scope(target, job.settings.address))
    files = {(file.size, file.digest): file for file in sent}
    skipped = job.destination.capabilities.deduplication
    return SentFiles(files, job.fingerprint, job.destination.timezone, last_sent(ledger, job, target), skipped)


def last_sent(ledger: Ledger, job: Job, target: str) -> PreviousFile | None:
    """Return the file that the orchestration sent last; None for a query, or when its columns were not recorded."""
    if job.file is None:
        return None
    found = ledger.files.last_columns(job.orchestration.name, Scope(target, job.settings.address))
    return PreviousFile(found.name, found.run_id, found.columns) if found else None


def skip_sent_files(source: FileSource, job: Job, sent_before: SentFiles, *, limit: int | None) -> None:
    """Skip the files that were sent before, and note it.

    A file that was sent under other settings is read again, and its delivered rows are skipped. A refusal is added if
    a program would get more files than it takes in a day; it is raised with the other problems of the files.
    """
    if not sent_before.is_skipped:
        source.compare_with(sent_before.last)
        return
    matches = {file: sent_before.find(source, file) for file in source.files}
    skipped = [file for file, sent in matches.items() if sent and sent.fingerprint == sent_before.fingerprint]
    new = sum(sent is None for sent in matches.values())
    source.select(lambda file: file not in skipped)
    source.compare_with(sent_before.last)
    if skipped:
        source.reading.notes.append(_skipped_note([(file, matches[file]) for file in skipped]))
    if job.file and job.file.format.is_conversions and new and limit is None:
        source.reading.refusals += _too_many(new, sent_before, job.file.format.files_a_day)


def _skipped_note(skipped: list[tuple[FileInfo, SentFile | None]]) -> str:
    file, sent = skipped[0]
    if len(skipped) > 1:
        return f"{len(skipped):,} files were sent before and are not read again, among them {file.display_name}."
    return f"{file.display_name} was sent before, by run {sent.run_id if sent else '?'}, and is not read again."


def _too_many(new: int, sent_before: SentFiles, allowed: int) -> Iterator[Problem]:
    today = sum(map(sent_before.was_sent_today, sent_before.files.values()))
    if today + new > allowed:
        already = f"besides {today} that went today" if today else "at once"
        yield Problem(
            f"LiveRamp's program takes {allowed} file{'s' * (allowed != 1)} a day, and {new} would be sent {already}: "
            "wait for tomorrow, name fewer, or set files_a_day in the format."
        )


def locate_rejected(rows: Iterable[HashedRows], reading: ScanReport, limit: int | None = None) -> Iterator[HashedRows]:
    """Yield the rows, and record the lines of rejected rows in `reading`, except rows of incomplete events.

    Rows beyond a `limit` are not adjacent in the files, so their lines are unknown.
    """
    read = 0
    for part in rows:
        rejected = part.excluded.filter(pc.equal(part.excluded["outcome"], "rejected"))
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
        messages = [f"the row is rejected: {reason}." for _ in first]
        reading.rejections.add(file, f"rows rejected as {reason}", first, messages, len(lines))


def refuse_faulty_files(reading: ScanReport) -> None:
    """Raise FileRefused if the files have problems; the error lists rejected rows as well."""
    if reading.problems or reading.refusals:
        raise FileRefused([*reading.refusals, *reading.problems.entries(), *reading.rejections.entries()])


def rejected_lines(reading: ScanReport) -> Iterator[str]:
    """Yield a sentence for each reason and file with the lines of the rejected rows."""
    for file, kind, count in reading.rejections.kinds():
        lines = reading.rejections.lines(file, kind)
        more = f" and {count - len(lines):,} more" if count > len(lines) else ""
        yield f"{file}: {kind}: line{'s' * (count > 1)} {', '.join(map(str, lines))}{more}."


def file_notes(ledger: Ledger, job: Job, target: str, reading: ScanReport) -> list[str]:
    """Return notes on the files that were read. Raises FileRefused if they have problems."""
    refuse_faulty_files(reading)
    is_compared = job.destination.capabilities.mirrors
    sent_before = _unchanged(ledger, job, target, reading) if is_compared else ()
    return [*sent_before, *reading.notes, *rejected_lines(reading)]


def _unchanged(ledger: Ledger, job: Job, target: str, reading: ScanReport) -> Iterator[str]:
    """Yield a note for each file of an audience that was sent before: it is compared again, the audience may differ."""
    sent = ledger.files.sent(job.orchestration.name, Scope(target, job.settings.address))
    run_ids = {(file.size, file.digest): file.run_id for file in sent}
    for file in reading.files:
        if run_id := run_ids.get((file.size, file.digest)):
            yield (
                f"{file.name} was sent before, by run {run_id}, and has not changed: it is read again and compared "
                "with the audience."
            )


def records(reading: ScanReport) -> list[FileRecord]:
    """Return the ledger's records of the files that were read to their ends."""
    return [FileRecord(file.name, file.size, file.digest, reading.columns) for file in reading.files]
