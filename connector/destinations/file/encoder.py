"""Encode events, and changes of an audience, as JSON lines or Parquet."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.hashed_rows import ID_TYPES
from connector.core.route import Route
from connector.destinations.audience_codec import ChangeCodec
from connector.destinations.audience_payloads import Identifiers, Payloads, People, build_payloads, hex_text
from connector.staging.sending import EventCodec
from connector.transform.grouping import payloads
from connector.transform.texts import in_memory

_NOTHING, _NEWLINE, _QUOTE = pa.scalar(""), pa.scalar("\n"), pa.scalar('"')
_READ_EVENT = pa.schema([("event", pa.string()), ("event_id", pa.string()), ("event_time", pa.int64())])
_MOMENT = pa.timestamp("ms", "UTC")
DIGESTS = tuple(f"{name}_sha256" for name in ID_TYPES)
"""The keys of a person's digests, by the order of ID_TYPES."""
_READ_PERSON = pa.schema([("action", pa.string()), *((key, pa.list_(pa.string())) for key in DIGESTS)])
SUFFIXES = {"json": "jsonl", "parquet": "parquet"}
"""The endings of file names by format."""


class LineCodec(EventCodec):
    """Events as lines: the JSON object of each, as it stands in a request, and a line feed."""

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return a line for each event."""
        return _lines(payloads(events))


class ChangeLineCodec(ChangeCodec):
    """Changes of an audience as lines: a JSON object for each person, and a line feed."""

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return a line for each unit."""
        return _lines(events["payload"])


def _lines(texts: pa.Array) -> memoryview:
    bounds, text = in_memory(pc.binary_join_element_wise(texts, _NOTHING, _NEWLINE))
    return text[bounds[0] : bounds[-1]]


def people_as_json(people: People, rows: pa.ListArray, _: str, id_types: Sequence[str] = ID_TYPES) -> Payloads:
    """Build a unit for each person with an identifier: a JSON object with a list of digests for each type."""
    has_some = np.stack([people[name].counts for name in id_types]).sum(axis=0) > 0
    lists = [_digest_list(name, people[name]) for name in id_types]
    members = pc.binary_join_element_wise(*lists, _NOTHING).filter(pa.array(has_some))
    objects = pc.binary_join_element_wise(pc.binary_replace_slice(members, 0, 1, "{"), "}", _NOTHING)
    return build_payloads(people, rows, id_types, objects, has_some.astype(np.int64))


def _digest_list(id_type: str, identifiers: Identifiers) -> pa.Array:
    """Return the member of a person's object with the digests of a type, after a comma; empty for none."""
    quoted = pc.binary_join_element_wise(_QUOTE, hex_text(identifiers.digests), _QUOTE, _NOTHING)
    offsets = pa.array(np.r_[0, np.cumsum(identifiers.counts)].astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, quoted), ",")
    member = pc.binary_join_element_wise(f',"{id_type}_sha256":[', joined, "]", _NOTHING)
    return pc.if_else(pa.array(identifiers.counts > 0), member, _NOTHING)


def with_action(lines: bytes, route: Route) -> bytes:
    """Return lines of people of which each begins with what is done with its digests, such as `add`."""
    start = f'{{"action":"{route.operation.action}",'.encode()
    return b"".join(start + line[1:] for line in lines.splitlines(keepends=True))


def as_request(lines: bytes) -> bytes:
    """Return lines as the body of a request: JSON contains no line feed that is not escaped."""
    return b'{"data":[' + lines.removesuffix(b"\n").replace(b"\n", b",") + b"]}"


def as_parquet(lines: bytes, route: Route) -> bytes:
    """Return lines of events as a Parquet file: a row for each, with what it is found by, and its JSON as text."""
    events = _read(lines, _READ_EVENT)
    return _written(
        {
            "event_source": pa.repeat(route.resource_type, events.num_rows),
            "event_source_id": pa.repeat(route.resource_id, events.num_rows),
            "event": events["event"],
            "event_id": events["event_id"],
            "event_time": events["event_time"].cast(pa.timestamp("s", "UTC")).cast(_MOMENT),
            "payload": lines.decode().removesuffix("\n").split("\n"),
        }
    )


def people_as_parquet(lines: bytes, route: Route) -> bytes:
    """Return lines of people as a Parquet file: a row for each, with the audience and what is done with the digests."""
    people = _read(lines, _READ_PERSON)
    audience = pa.repeat(route.resource_id, people.num_rows)
    return _written({"audience": audience, **{name: people[name] for name in people.column_names}})


def _read(lines: bytes, schema: pa.Schema) -> pa.Table:
    import pyarrow.json as pj

    return pj.read_json(
        io.BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )


def _written(columns: dict[str, object]) -> bytes:
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return bytes(sink.getvalue())
