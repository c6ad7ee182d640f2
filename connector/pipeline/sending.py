"""Staged batches leave for the service; the ledger is told of each before and after."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.ledger.ledger import Ledger
from connector.ledger.left_out import LeftOutWriter
from connector.ledger.records import BatchRecord, OpenBatch, RequestRecord
from connector.outcomes import Reason
from connector.stage.reader import StageReader
from connector.transform.events import left_out_rows
from connector.transform.grouping import payloads

_COMMA = pa.scalar(",")

Delivered = Callable[[int], None]
"""Told of each number of events that were just delivered."""


class StagedBatches:
    """What is open of a stage, as delivery takes it: batches, and parts of those that were cut before."""

    def __init__(self, directory: Path, open_batches: Iterable[OpenBatch]) -> None:
        self._open = {batch.record.number: batch for batch in open_batches}
        self._stage = StageReader(directory)
        self._lock = Lock()

    def __iter__(self) -> Iterator[Batch]:
        for number, batch in self._open.items():
            events = self.events(number)
            for first, count in batch.gaps():
                yield self._batch(batch.record, events.slice(first, count), first)

    def split(self, batch: Batch, at: int) -> tuple[Batch, Batch]:
        """The first `at` events of a batch, and the others."""
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
            return self._stage.events(record.file, record.place)

    def close(self) -> None:
        """Closes the files."""
        self._stage.close()

    @staticmethod
    def _batch(record: BatchRecord, events: pa.RecordBatch, offset: int) -> Batch:
        rows = pc.sum(pc.list_value_length(events["rows"])).as_py()
        joined = pc.binary_join(pa.ListArray.from_arrays([0, events.num_rows], payloads(events)), _COMMA)
        return Batch(record.number, record.route, events.num_rows, rows, memoryview(joined[0].as_buffer()), offset)


class LedgerRecorder:
    """Writes down what delivery tells; called from several threads at once."""

    def __init__(self, ledger: Ledger, run_id: str, batches: StagedBatches, directory: Path, told: Delivered) -> None:
        self._ledger, self._run_id, self._batches, self._told = ledger, run_id, batches, told
        self._refused = LeftOutWriter(directory, "refused")
        self._settling: dict[tuple[int, int], RequestRecord] = {}
        self._lock = Lock()

    def sending(self, batch: Batch) -> None:
        """See `Recorder.sending`."""
        self._ledger.batch_state(self._run_id, batch.number, BatchState.SENDING)

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
            self._ledger.request(self._run_id, record)

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        """See `Recorder.outcome`."""
        if state not in {BatchState.DELIVERED, BatchState.REFUSED}:
            self._ledger.batch_state(self._run_id, batch.number, state)
            return
        refused = state is BatchState.REFUSED
        self._ledger.batch_result(
            self._run_id,
            batch.number,
            state,
            refused=refused,
            events=batch.events,
            rows=batch.rows,
            first_event=batch.offset if self._batches.is_part(batch) else None,
            request=self._settling.pop((batch.number, batch.offset), None),
        )
        if refused:
            self._refuse(batch, answer)
        self._told(batch.events)

    def close(self) -> None:
        """Puts the refused rows in their place."""
        with self._lock:
            self._refused.close()

    def _refuse(self, batch: Batch, answer: Answer | None) -> None:
        events = pa.Table.from_batches([self._batches.events(batch.number).slice(batch.offset, batch.events)])
        rows = left_out_rows(
            events,
            outcome="rejected",
            reason=Reason.REFUSED_BY_TIKTOK,
            code=answer.code if answer else None,
            message=answer.message if answer else None,
        )
        with self._lock:
            self._refused.add(rows)
        self._ledger.count_left_out(self._run_id, rejects={Reason.REFUSED_BY_TIKTOK.value: rows.num_rows})
