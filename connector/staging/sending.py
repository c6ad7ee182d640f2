"""Read staged batches for delivery, and record each in the ledger before it is sent and after it is answered."""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from connector.core.hashed_rows import PERSON_DIGITS
from connector.core.outcomes import Reason
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.ledger.batch_records import BatchKeys, BatchRecord, BatchSlice, OpenBatch, RequestRecord
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import MemberChange
from connector.staging.event_metrics import batch_metrics
from connector.staging.skip_suppressed import suppression_filter
from connector.staging.storage.keys import as_uint64_pairs
from connector.staging.storage.reader import StageReader
from connector.transform.excluded_events import ANSWER
from connector.transform.grouping import payload
from connector.transform.texts import in_memory

OnAcknowledged = Callable[[int], None]
"""Called with the number of units that were just delivered or refused."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The data that the ledger records of a batch before it is sent."""

    keys: BatchKeys | None = None
    """The keys of its events."""
    changes: Sequence[MemberChange] = ()
    """Its changes of an audience's members."""


NO_RECEIPT = Receipt()


class BatchCodec(Protocol):
    """Converts staged events to requests and receipts. May change."""

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return events as they stand in a request, joined by commas."""

    def receipt(self, batch: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return what the ledger keeps of a batch; `events` are all of it."""

    def members(self, events: pa.RecordBatch) -> int | None:
        """Return the identifiers of events; None for a destination that counts events."""


class EventCodec:
    """Events (schema EVENTS), whose keys are kept until a moment; None: they are not kept."""

    def __init__(self, keep_until: datetime | None = None) -> None:
        self._keep_until = keep_until

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return the JSON of events, joined by commas."""
        return payload(events)

    def receipt(self, _: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return the keys of all events of a batch."""
        return Receipt(batch_keys(events, self._keep_until)) if self._keep_until else NO_RECEIPT

    def members(self, _: pa.RecordBatch) -> None:
        """Return None: events are counted."""


class StagedBatches:
    """The open batches of a stage, and the open parts of batches of which others were sent.

    The receipt of each batch is returned once.
    """

    def __init__(self, directory: Path, open_batches: Iterable[OpenBatch], codec: BatchCodec) -> None:
        self._coming, self._open = open_batches, dict[int, OpenBatch]()
        self._stage = StageReader(directory)
        self._codec = codec
        self._receipts: dict[int, Receipt] = {}
        self._metrics: dict[tuple[int, int, int], Mapping[str, Any] | None] = {}
        self._members: dict[tuple[int, int, int], int | None] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._coming:
            self._open[batch.record.number] = batch
            events = self.events(batch.record.number)
            self._receipts[batch.record.number] = self._codec.receipt(batch, events)
            for first, count in batch.pending_ranges():
                yield self._batch(batch.record, events.slice(first, count), first)

    def receipt(self, number: int) -> Receipt:
        """Return the receipt of a batch once, and an empty one afterwards."""
        return self._receipts.pop(number, NO_RECEIPT)

    def members(self, batch: Batch) -> int | None:
        """Return the identifiers of a batch, or a part of one, once; None for a destination that counts events."""
        return self._members.pop((batch.number, batch.offset, batch.events), None)

    def metrics(self, batch: Batch) -> Mapping[str, Any] | None:
        """Return the metrics of a batch, or a part of one, once."""
        return self._metrics.pop((batch.number, batch.offset, batch.events), None)

    def split(self, batch: Batch, at: int) -> tuple[Batch, Batch]:
        """Split a batch after its first `at` events."""
        self.metrics(batch)
        self.members(batch)
        record = self._open[batch.number].record
        events = self.events(batch.number).slice(batch.offset, batch.events)
        return (
            self._batch(record, events.slice(0, at), batch.offset),
            self._batch(record, events.slice(at), batch.offset + at),
        )

    def is_part(self, batch: Batch) -> bool:
        """Return whether this is less than the batch as it was staged."""
        return batch.events < self._open[batch.number].record.events

    def events(self, number: int) -> pa.RecordBatch:
        """Return the events (schema EVENTS) of a whole batch."""
        record = self._open[number].record
        with self._lock:
            return self._stage.events(record.file, record.position, record.events)

    def close(self) -> None:
        """Close the files."""
        self._stage.close()

    def _batch(self, record: BatchRecord, events: pa.RecordBatch, offset: int) -> Batch:
        part = record.number, offset, events.num_rows
        self._metrics[part] = batch_metrics(events, datetime.now(UTC))
        self._members[part] = self._codec.members(events)
        ends = events["rows"].offsets
        rows = ends[-1].as_py() - ends[0].as_py()
        row_numbers = events["rows"]
        return Batch(
            record.number,
            record.route,
            events.num_rows,
            rows,
            self._codec.encode(events),
            offset,
            lambda event: row_numbers[event].as_py() or [],
        )


class BatchProgress(Protocol):
    """Records what becomes of batches while they are sent; see `Batches` of the ledger."""

    def sending(
        self, run_id: str, number: int, *, holder: str, keys: BatchKeys | None, changes: Sequence[MemberChange]
    ) -> None:
        """Record that a request with events of a batch is about to be sent."""

    def reopen(self, run_id: str, number: int, state: str) -> None:
        """Set the state of a batch back."""

    def settled(self, run_id: str, part: BatchSlice, request: RequestRecord | None = None) -> None:
        """Record the outcome of a part of a batch."""

    def request(self, run_id: str, record: RequestRecord) -> None:
        """Record a request and its answer."""


class LedgerRecorder:
    """Records the progress of delivery in the ledger; used from several threads at once.

    Raises LockedError once another process holds the run, or these batches of it.
    """

    def __init__(
        self,
        progress: BatchProgress,
        run_id: str,
        batches: StagedBatches,
        holder: str,
        on_acknowledged: OnAcknowledged,
        on_answered: Callable[[RequestRecord], None] | None = None,
        *,
        refused: Reason = Reason.REFUSED,
    ) -> None:
        self._progress, self._run_id, self._batches, self._holder = progress, run_id, batches, holder
        self._on_acknowledged, self._on_answered, self._refused = on_acknowledged, on_answered, refused
        self._accepted: dict[tuple[int, int], RequestRecord] = {}
        """Requests that are written together with the outcome of their batch."""

    def sending(self, batch: Batch) -> None:
        """See `Recorder.sending`."""
        receipt = self._batches.receipt(batch.number)
        self._progress.sending(
            self._run_id, batch.number, holder=self._holder, keys=receipt.keys, changes=receipt.changes
        )

    def answered(self, batch: Batch, answer: Answer, attempts: int) -> None:
        """See `Recorder.answered`."""
        record = RequestRecord(
            batch=batch.number,
            first_event=batch.offset,
            events=batch.events,
            attempt=attempts,
            verdict=answer.verdict,
            http_status=answer.http_status,
            code=answer.code,
            message=answer.message,
            request_id=answer.request_id,
            seconds=round(answer.seconds, 4),
        )
        if self._on_answered:
            self._on_answered(record)
        if answer.verdict is Verdict.ACCEPTED:
            # Its outcome follows at once, and writing both together saves an fsync.
            self._accepted[batch.number, batch.offset] = record
        else:
            self._progress.request(self._run_id, record)

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        """See `Recorder.outcome`."""
        if state not in {BatchState.DELIVERED, BatchState.REFUSED}:
            self._progress.reopen(self._run_id, batch.number, state)
            return
        request = self._accepted.pop((batch.number, batch.offset), None)
        members = self._batches.members(batch)
        self._progress.settled(self._run_id, self._part(batch, state, answer, members or 0), request)
        self._on_acknowledged(batch.events if members is None else members)

    def _part(self, batch: Batch, state: BatchState, answer: Answer | None, members: int) -> BatchSlice:
        refused = answer if state is BatchState.REFUSED else None
        metrics = self._batches.metrics(batch)
        return BatchSlice(
            number=batch.number,
            first_event=batch.offset,
            events=batch.events,
            rows=batch.rows,
            state=state,
            reason=self._refused if state is BatchState.REFUSED else None,
            code=refused.code if refused else None,
            message=refused.message if refused else None,
            whole=not self._batches.is_part(batch),
            metrics=metrics if state is BatchState.DELIVERED else None,
            members=members,
        )


def batch_keys(events: pa.RecordBatch, keep_until: datetime) -> BatchKeys:
    """Return what the ledger keeps of the events (schema EVENTS) of a batch that is sent."""
    ends, digits = in_memory(events["persons"])
    numbers = (np.diff(ends) // PERSON_DIGITS).astype("<u2")
    persons = numbers.tobytes() + unhexlify(digits[ends[0] : ends[-1]])
    return BatchKeys(as_uint64_pairs(events["key"]).tobytes(), persons, keep_until)


class ExcludedRows(Protocol):
    """Makes excluded rows (schema EXCLUDED_ROW) of staged events."""

    def __call__(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """Return a row for each row of each event; `answers` has one entry for each event."""


def write_excluded(ledger: Ledger, run_id: str, directory: Path, make_rows: ExcludedRows) -> None:
    """Write the rows that were excluded since the run was staged, as the ledger knows them."""
    writer, suppressed = ExcludedRowWriter(directory, "sending"), suppression_filter(ledger)
    with StageReader(directory) as stage:
        for record, parts in ledger.batches.excluded(run_id):
            events = pa.Table.from_batches([stage.events(record.file, record.position, record.events)])
            for state, reason in sorted({(part.state, part.reason or "") for part in parts}):
                same_fate = [part for part in parts if (part.state, part.reason) == (state, reason)]
                outcome = "rejected" if state == BatchState.REFUSED else "skipped"
                writer.add(suppressed.redact(_excluded(events, same_fate, outcome, reason, make_rows)))
    writer.close()


def _excluded(
    events: pa.Table, parts: list[BatchSlice], outcome: str, reason: str, make_rows: ExcludedRows
) -> pa.Table:
    positions = [place for part in parts for place in range(part.first_event, part.first_event + part.events)]
    messages = [{"code": part.code, "message": part.message} for part in parts for _ in range(part.events)]
    answers = pa.Table.from_pylist(messages, schema=ANSWER)
    return make_rows(events.take(pa.array(positions)), outcome=outcome, reason=reason, answers=answers)
