"""Read staged batches for delivery, and record in the ledger each before it leaves and after it was answered."""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from connector.core.hashed import PERSON_DIGITS
from connector.core.outcomes import Reason
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.ledger.ledger import Ledger
from connector.ledger.records import BatchKeys, BatchRecord, BatchSlice, MemberChange, OpenBatch, RequestRecord
from connector.staging.event_metrics import figures_of
from connector.staging.skip_suppressed import forgotten_by
from connector.staging.storage.keys import halves
from connector.staging.storage.reader import StageReader
from connector.transform.events import ANSWER
from connector.transform.grouping import payload
from connector.transform.texts import in_memory

OnSettled = Callable[[int], None]
"""Called with each number of units that were just delivered or refused."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the ledger keeps of a batch before it leaves: the keys of its events, or what it does to an audience."""

    keys: BatchKeys | None = None
    changes: Sequence[MemberChange] = ()


NO_RECEIPT = Receipt()


class BatchCodec(Protocol):
    """Converts staged events to requests and receipts."""

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return events as they stand in a request, joined by commas."""

    def receipt(self, batch: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return what the ledger keeps of a batch; `events` are all of it."""

    def members(self, events: pa.RecordBatch) -> int | None:
        """Return the identifiers of events; None for a destination that counts events."""


class EventCodec:
    """Events (schema EVENTS), whose keys are kept until a moment; None: not at all."""

    def __init__(self, keep_until: datetime | None = None) -> None:
        self._keep_until = keep_until

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return the JSON of events, joined by commas."""
        return payload(events)

    def receipt(self, _: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return the keys of all events of a batch."""
        return Receipt(keys_of(events, self._keep_until)) if self._keep_until else NO_RECEIPT

    def members(self, _: pa.RecordBatch) -> None:
        """Return None: events are counted."""


class StagedBatches:
    """What is open of a stage, as delivery takes it: batches, and parts of those that were cut before.

    The receipt of each batch is handed out once.
    """

    def __init__(self, directory: Path, open_batches: Iterable[OpenBatch], codec: BatchCodec) -> None:
        self._coming, self._open = open_batches, dict[int, OpenBatch]()
        self._stage = StageReader(directory)
        self._codec = codec
        self._receipts: dict[int, Receipt] = {}
        self._figures: dict[tuple[int, int, int], Mapping[str, Any] | None] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._coming:
            self._open[batch.record.number] = batch
            events = self.events(batch.record.number)
            self._receipts[batch.record.number] = self._codec.receipt(batch, events)
            for first, count in batch.gaps():
                yield self._batch(batch.record, events.slice(first, count), first)

    def receipt(self, number: int) -> Receipt:
        """Return what the ledger keeps of a batch, once; then nothing."""
        return self._receipts.pop(number, NO_RECEIPT)

    def members(self, batch: Batch) -> int | None:
        """Return the identifiers of a batch, or a part of one; None for a destination that counts events."""
        return self._codec.members(self.events(batch.number).slice(batch.offset, batch.events))

    def figures(self, batch: Batch) -> Mapping[str, Any] | None:
        """What is learnt of a batch, or a part of one, once it is delivered; handed out once."""
        return self._figures.pop((batch.number, batch.offset, batch.events), None)

    def split(self, batch: Batch, at: int) -> tuple[Batch, Batch]:
        """The first `at` events of a batch, and the others."""
        self.figures(batch)
        record = self._open[batch.number].record
        events = self.events(batch.number).slice(batch.offset, batch.events)
        return (
            self._batch(record, events.slice(0, at), batch.offset),
            self._batch(record, events.slice(at), batch.offset + at),
        )

    def is_part(self, batch: Batch) -> bool:
        """Whether this is less than the batch as it was staged."""
        return batch.events < self._open[batch.number].record.events

    def events(self, number: int) -> pa.RecordBatch:
        """The events (schema EVENTS) of a whole batch."""
        record = self._open[number].record
        with self._lock:
            return self._stage.events(record.file, record.place, record.events)

    def close(self) -> None:
        """Closes the files."""
        self._stage.close()

    def _batch(self, record: BatchRecord, events: pa.RecordBatch, offset: int) -> Batch:
        self._figures[record.number, offset, events.num_rows] = figures_of(events, datetime.now(UTC))
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


class LedgerRecorder:
    """Writes down what delivery tells; called from several threads at once.

    What is written is that of the process that holds the run; once another does, LockedError is raised.
    """

    def __init__(self, ledger: Ledger, run_id: str, batches: StagedBatches, holder: str, on_settled: OnSettled) -> None:
        self._ledger, self._run_id, self._batches, self._holder = ledger, run_id, batches, holder
        self._on_settled = on_settled
        self._settling: dict[tuple[int, int], RequestRecord] = {}

    def sending(self, batch: Batch) -> None:
        """See `Recorder.sending`."""
        receipt = self._batches.receipt(batch.number)
        self._ledger.batches.sending(
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
        if answer.verdict is Verdict.ACCEPTED:
            # Its outcome follows at once and is written with it: one wait for the disk less.
            self._settling[batch.number, batch.offset] = record
        else:
            self._ledger.batches.request(self._run_id, record)

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        """See `Recorder.outcome`."""
        if state not in {BatchState.DELIVERED, BatchState.REFUSED}:
            self._ledger.batches.not_settled(self._run_id, batch.number, state)
            return
        request = self._settling.pop((batch.number, batch.offset), None)
        members = self._batches.members(batch)
        self._ledger.batches.settled(self._run_id, self._part(batch, state, answer, members or 0), request)
        self._on_settled(batch.events if members is None else members)

    def _part(self, batch: Batch, state: BatchState, answer: Answer | None, members: int) -> BatchSlice:
        refused = answer if state is BatchState.REFUSED else None
        figures = self._batches.figures(batch)
        return BatchSlice(
            number=batch.number,
            first_event=batch.offset,
            events=batch.events,
            rows=batch.rows,
            state=state,
            reason=Reason.REFUSED_BY_TIKTOK if state is BatchState.REFUSED else None,
            code=refused.code if refused else None,
            message=refused.message if refused else None,
            whole=not self._batches.is_part(batch),
            figures=figures if state is BatchState.DELIVERED else None,
            members=members,
        )


def keys_of(events: pa.RecordBatch, keep_until: datetime) -> BatchKeys:
    """What is kept of the events (schema EVENTS) of a batch once they have been sent."""
    ends, digits = in_memory(events["persons"])
    numbers = (np.diff(ends) // PERSON_DIGITS).astype("<u2")
    found = numbers.tobytes() + unhexlify(digits[ends[0] : ends[-1]])
    return BatchKeys(halves(events["key"]).tobytes(), found, keep_until)


class ExcludedRows(Protocol):
    """Makes rows (schema EXCLUDED_ROW) of what is not sent."""

    def __call__(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """A row for each row of each event; `answers` are those to each event."""


def write_left_out(ledger: Ledger, run_id: str, directory: Path, rows: ExcludedRows) -> None:
    """Writes the rows that were left out since the run was staged, as the ledger knows them."""
    writer, forgotten = ExcludedRowWriter(directory, "sending"), forgotten_by(ledger)
    with StageReader(directory) as stage:
        for record, parts in ledger.batches.left_out(run_id):
            events = pa.Table.from_batches([stage.events(record.file, record.place, record.events)])
            for state, reason in sorted({(part.state, part.reason or "") for part in parts}):
                alike = [part for part in parts if (part.state, part.reason) == (state, reason)]
                outcome = "rejected" if state == BatchState.REFUSED else "skipped"
                writer.add(forgotten.without(_left_out(events, alike, outcome, reason, rows)))
    writer.close()


def _left_out(events: pa.Table, parts: list[BatchSlice], outcome: str, reason: str, rows: ExcludedRows) -> pa.Table:
    places = [place for part in parts for place in range(part.first_event, part.first_event + part.events)]
    said = [{"code": part.code, "message": part.message} for part in parts for _ in range(part.events)]
    answers = pa.Table.from_pylist(said, schema=ANSWER)
    return rows(events.take(pa.array(places)), outcome=outcome, reason=reason, answers=answers)
