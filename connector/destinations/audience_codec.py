"""Encode staged changes of an audience for a request and for the ledger."""

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import ID_TYPES, excluded_rows
from connector.core.route import Action
from connector.ledger.batch_records import OpenBatch
from connector.ledger.member_records import MemberChange
from connector.staging.sending import NO_RECEIPT, Receipt

Audiences = Mapping[str, int | None]
"""The number of an audience in the ledger by its id; None if its members are not recorded."""


class ChangeCodec:
    """Encodes units of an audience (schema UNITS), and the changes of its members in each batch."""

    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return the payloads of units, joined by commas."""
        rows = pc.binary_join(pa.ListArray.from_arrays([0, events.num_rows], events["payload"]), ",")
        return memoryview(rows[0].as_buffer())

    def receipt(self, batch: OpenBatch, events: pa.RecordBatch) -> Receipt:
        """Return the changes of the recorded members in the open parts of a batch."""
        route = batch.record.route
        audience, action = self._audiences.get(route.resource_id), route.operation.action
        if audience is None or action is Action.RESEND:
            return NO_RECEIPT
        parts = ((first, events.slice(first, count)) for first, count in batch.pending_ranges())
        return Receipt(changes=[_change(audience, action, first, units) for first, units in parts])

    def members(self, events: pa.RecordBatch) -> int:
        """Return the number of identifiers of units."""
        return pc.sum(pc.list_value_length(events["digests"])).as_py() or 0


def refused_unit_rows(events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
    """Return an excluded row for each row of each unit (schema UNITS) that was refused, with its digests."""
    rows = [
        (number, answer["code"], answer["message"], _digests_by_type(kinds, digests))
        for numbers, kinds, digests, answer in zip(
            events["rows"].to_pylist(),
            events["id_types"].to_pylist(),
            events["digests"].to_pylist(),
            answers.to_pylist(),
            strict=True,
        )
        for number in numbers
    ]
    types = (pa.int64(), pa.int32(), pa.string(), pa.string())
    numbers, codes, messages, columns = (
        pa.array([row[place] for row in rows], type_) for place, type_ in enumerate(types)
    )
    return excluded_rows(numbers, outcome, reason, codes=codes, messages=messages, columns=columns)


def _digests_by_type(kinds: list[int], digests: list[bytes]) -> str:
    by_type: dict[str, list[str]] = {}
    for kind, digest in zip(kinds, digests, strict=True):
        by_type.setdefault(ID_TYPES[kind], []).append(digest.hex())
    return json.dumps(by_type)


def _change(audience: int, action: Action, first: int, units: pa.RecordBatch) -> MemberChange:
    counts = pc.list_value_length(units["digests"]).to_numpy().astype("<u2").tobytes()
    kinds = units["id_types"].flatten().to_numpy().tobytes()
    flat = units["digests"].flatten()
    digests = flat.buffers()[1][32 * flat.offset : 32 * (flat.offset + len(flat))].to_pybytes() if len(flat) else b""
    return MemberChange(audience, first, action, counts, kinds, digests)
