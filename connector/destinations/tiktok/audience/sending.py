"""Staged changes of an audience leave for TikTok; the ledger is told of each before and after."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connector.config.destination import AudienceDestination
from connector.delivery.answer import Answer
from connector.delivery.batch import Batch, BatchState
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.sender import deliver
from connector.destinations.tiktok.mapping import MappingClient
from connector.destinations.tiktok.service import retry_policy
from connector.hashed import ID_TYPES, LEFT_OUT
from connector.ledger.records import MemberChange, OpenBatch, Part
from connector.observer import IDENTIFIER
from connector.route import Action
from connector.runs.context import Execution
from connector.staging.sending import LedgerRecorder, StagedBatches

Audiences = Mapping[str, int | None]
"""By id at TikTok, the number of an audience in the ledger; None where nothing is kept of its members."""


class StagedChanges(StagedBatches):
    """What is open of a stage of units (schema UNITS), and what each batch does to its audience."""

    def __init__(self, directory: Path, open_batches: Iterable[OpenBatch], audiences: Audiences) -> None:
        super().__init__(directory, open_batches)
        self._audiences = audiences
        self._changes: dict[int, list[MemberChange]] = {}

    def changes(self, number: int) -> list[MemberChange]:
        """What a batch does; nothing once it was handed out."""
        return self._changes.pop(number, [])

    def members(self, batch: Batch) -> int:
        """How many identifiers a batch, or a part of one, holds."""
        units = self.events(batch.number).slice(batch.offset, batch.events)
        return pc.sum(pc.list_value_length(units["digests"])).as_py() or 0

    def _note(self, batch: OpenBatch, events: pa.RecordBatch) -> None:
        route = batch.record.route
        audience, action = self._audiences.get(route.resource_id), route.operation.action
        if audience is None or action is Action.RESEND:
            return
        self._changes[batch.record.number] = [
            _change(audience, action, first, events.slice(first, count)) for first, count in batch.gaps()
        ]

    @staticmethod
    def _payload(events: pa.RecordBatch) -> memoryview:
        rows = pc.binary_join(pa.ListArray.from_arrays([0, events.num_rows], events["payload"]), ",")
        return memoryview(rows[0].as_buffer())


class ChangeRecorder(LedgerRecorder):
    """Writes down what delivery tells of changes."""

    _batches: StagedChanges

    def sending(self, batch: Batch) -> None:
        """See `Recorder.sending`."""
        changes = self._batches.changes(batch.number)
        self._ledger.batches.sending(self._run_id, batch.number, holder=self._holder, changes=changes)

    def _size(self, batch: Batch) -> int:
        return self._batches.members(batch)

    def _part(self, batch: Batch, state: BatchState, answer: Answer | None) -> Part:
        part = super()._part(batch, state, answer)
        return replace(part, members=self._batches.members(batch))


def send_changes(
    at: Execution,
    run_id: str,
    destination: AudienceDestination,
    client: MappingClient,
    open_batches: list[OpenBatch],
    audiences: Audiences,
) -> None:
    """Sends batches until the fate of each is known. Raises StopResumable, LockedError."""
    batches = StagedChanges(at.directory(run_id), open_batches, audiences)
    told = partial(at.observer.settled, noun=IDENTIFIER)
    try:
        deliver(
            batches,
            client.attempt,
            policy=retry_policy(destination),
            limiter=AdaptiveLimiter(destination.requests_per_second),
            max_in_flight=destination.max_in_flight,
            record=ChangeRecorder(at.ledger, run_id, batches, at.lock.holder, told),
            stop=at.stop,
            split=batches.split,
        )
    finally:
        batches.close()


def refused_rows(events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
    """A row (schema LEFT_OUT) for each row of each unit (schema UNITS) that TikTok refused, with its digests."""
    rows = [
        (number, outcome, reason, said["code"], said["message"], _kept(kinds, digests))
        for numbers, kinds, digests, said in zip(
            events["rows"].to_pylist(),
            events["id_types"].to_pylist(),
            events["digests"].to_pylist(),
            answers.to_pylist(),
            strict=True,
        )
        for number in numbers
    ]
    return pa.Table.from_pylist([dict(zip(LEFT_OUT.names, row, strict=True)) for row in rows], schema=LEFT_OUT)


def _kept(kinds: list[int], digests: list[bytes]) -> str:
    found: dict[str, list[str]] = {}
    for kind, digest in zip(kinds, digests, strict=True):
        found.setdefault(ID_TYPES[kind], []).append(digest.hex())
    return json.dumps(found)


def _change(audience: int, action: Action, first: int, units: pa.RecordBatch) -> MemberChange:
    counts = pc.list_value_length(units["digests"]).to_numpy().astype("<u2").tobytes()
    kinds = units["id_types"].flatten().to_numpy().tobytes()
    flat = units["digests"].flatten()
    digests = flat.buffers()[1][32 * flat.offset : 32 * (flat.offset + len(flat))].to_pybytes() if len(flat) else b""
    return MemberChange(audience, first, action, counts, kinds, digests)
