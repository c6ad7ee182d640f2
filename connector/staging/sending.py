"""Staged batches leave for the service; the ledger is told of each before and after."""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.hashed import PERSON_DIGITS
from connector.ledger.ledger import Ledger
from connector.ledger.left_out import LeftOutWriter
from connector.ledger.records import BatchKeys, BatchRecord, OpenBatch, Part, RequestRecord
from connector.outcomes import Reason
from connector.stage.keys import halves
from connector.stage.reader import StageReader
from connector.staging.event_metrics import figures_of
from connector.staging.skip_suppressed import forgotten_by
from connector.transform.events import ANSWER, left_out_rows
from connector.transform.grouping import payload
from connector.transform.texts import in_memory

Delivered = Callable[[int], None]
"""Told of each number of events that were just delivered."""


class StagedBatches:
    """What is open of a stage, as delivery takes it: batches, and parts of those that were cut before.

    With `keep_until` the keys of each batch are handed out once, to be kept for so long.
    """

    def __init__(
        self, directory: Path, open_batches: Iterable[OpenBatch], *, keep_until: datetime | None = None
    ) -> None:
        self._coming, self._open = open_batches, dict[int, OpenBatch]()
        self._stage = StageReader(directory)
        self._keep_until = keep_until
        self._keys: dict[int, BatchKeys] = {}
        self._figures: dict[tuple[int, int, int], Mapping[str, Any] | None] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._coming:
            self._open[batch.record.number] = batch
            events = self.events(batch.record.number)
            self._note(batch, events)
            for first, count in batch.gaps():
                yield self._batch(batch.record, events.slice(first, count), first)

    def keys(self, number: int) -> BatchKeys | None:
        """The keys of a batch; None where they are not kept, or were handed out."""
        return self._keys.pop(number, None)

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

    def _note(self, batch: OpenBatch, events: pa.RecordBatch) -> None:
        """Takes down what has to be kept of a batch before it leaves."""
        if self._keep_until:
            self._keys[batch.record.number] = keys_of(events, self._keep_until)

    @staticmethod
    def _payload(events: pa.RecordBatch) -> memoryview:
        """The JSON of all events, joined by commas."""
        return payload(events)

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
            self._payload(events),
            offset,
            lambda event: row_numbers[event].as_py() or [],
        )


class LedgerRecorder:
    """Writes down what delivery tells; called from several threads at once.

    What is written is that of the process that holds the run; once another does, LockedError is raised.
    """

    def __init__(self, ledger: Ledger, run_id: str, batches: StagedBatches, holder: str, told: Delivered) -> None:
        self._ledger, self._run_id, self._batches, self._holder, self._told = ledger, run_id, batches, holder, told
        self._settling: dict[tuple[int, int], RequestRecord] = {}

    def sending(self, batch: Batch) -> None:
        """See `Recorder.sending`."""
        keys = self._batches.keys(batch.number)
        self._ledger.batches.sending(self._run_id, batch.number, holder=self._holder, keys=keys)

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
        self._ledger.batches.settled(self._run_id, self._part(batch, state, answer), request)
        self._told(self._size(batch))

    def _size(self, batch: Batch) -> int:
        """How much of what the user is told of a batch holds."""
        return batch.events

    def _part(self, batch: Batch, state: BatchState, answer: Answer | None) -> Part:
        refused = answer if state is BatchState.REFUSED else None
        figures = self._batches.figures(batch)
        return Part(
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
        )


def keys_of(events: pa.RecordBatch, keep_until: datetime) -> BatchKeys:
    """What is kept of the events (schema EVENTS) of a batch once they have been sent."""
    ends, digits = in_memory(events["persons"])
    numbers = (np.diff(ends) // PERSON_DIGITS).astype("<u2")
    found = numbers.tobytes() + unhexlify(digits[ends[0] : ends[-1]])
    return BatchKeys(halves(events["key"]).tobytes(), found, keep_until)


class LeftOut(Protocol):
    """Makes rows (schema LEFT_OUT) of what is not sent."""

    def __call__(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """A row for each row of each event; `answers` are those to each event."""


def write_left_out(ledger: Ledger, run_id: str, directory: Path, rows: LeftOut = left_out_rows) -> None:
    """Writes the rows that were left out since the run was staged, as the ledger knows them."""
    writer, forgotten = LeftOutWriter(directory, "sending"), forgotten_by(ledger)
    with StageReader(directory) as stage:
        for record, parts in ledger.batches.left_out(run_id):
            events = pa.Table.from_batches([stage.events(record.file, record.place, record.events)])
            for state, reason in sorted({(part.state, part.reason or "") for part in parts}):
                alike = [part for part in parts if (part.state, part.reason) == (state, reason)]
                outcome = "rejected" if state == BatchState.REFUSED else "skipped"
                writer.add(forgotten.without(_left_out(events, alike, outcome, reason, rows)))
    writer.close()


def _left_out(events: pa.Table, parts: list[Part], outcome: str, reason: str, rows: LeftOut) -> pa.Table:
    places = [place for part in parts for place in range(part.first_event, part.first_event + part.events)]
    said = [{"code": part.code, "message": part.message} for part in parts for _ in range(part.events)]
    answers = pa.Table.from_pylist(said, schema=ANSWER)
    return rows(events.take(pa.array(places)), outcome=outcome, reason=reason, answers=answers)
