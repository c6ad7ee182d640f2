"""Staged changes of an audience as TikTok gets them, and as the ledger keeps them."""

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed import EXCLUDED_ROW, ID_TYPES
from connector.core.route import Action
from connector.ledger.batch_records import OpenBatch
from connector.ledger.members import MemberChange
from connector.staging.sending import NO_RECEIPT, Receipt

Audiences = Mapping[str, int | None]
"""By id at TikTok, the number of an audience in the ledger; None where nothing is kept of its members."""


class ChangeCodec:
    """Units of an audience (schema UNITS), and what each batch of them does to its members."""

    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return the rows of `batch_data`, joined by commas."""
        rows = pc.binary_join(pa.ListArray.from_arrays([0, events.num_rows], events["payload"]), ",")
        return memoryview(rows[0].as_buffer())

    def receipt(self, batch: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return what the open parts of a batch do to the members that the ledger keeps."""
        route = batch.record.route
        audience, action = self._audiences.get(route.resource_id), route.operation.action
        if audience is None or action is Action.RESEND:
            return NO_RECEIPT
        parts = ((first, events.slice(first, count)) for first, count in batch.pending_ranges())
        return Receipt(changes=[_change(audience, action, first, units) for first, units in parts])

    def members(self, events: pa.RecordBatch) -> int:
        """Return how many identifiers units hold."""
        return pc.sum(pc.list_value_length(events["digests"])).as_py() or 0


def refused_rows(events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
    """A row (schema EXCLUDED_ROW) for each row of each unit (schema UNITS) that TikTok refused, with its digests."""
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
    return pa.Table.from_pylist([dict(zip(EXCLUDED_ROW.names, row, strict=True)) for row in rows], schema=EXCLUDED_ROW)


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
