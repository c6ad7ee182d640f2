"""Encode events as JSON lines or Parquet."""

import io

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.route import Route
from connector.staging.sending import EventCodec
from connector.transform.grouping import payloads
from connector.transform.texts import in_memory

_NOTHING, _NEWLINE = pa.scalar(""), pa.scalar("\n")
_READ = pa.schema([("event", pa.string()), ("event_id", pa.string()), ("event_time", pa.int64())])
_MOMENT = pa.timestamp("ms", "UTC")
SUFFIXES = {"json": "jsonl", "parquet": "parquet"}
"""The endings of file names by format."""


class LineCodec(EventCodec):
    """Events as lines: the JSON object of each, as it stands in a request, and a line feed."""

    def encode(self, events: pa.RecordBatch) -> memoryview:
        """Return a line for each event."""
        bounds, text = in_memory(pc.binary_join_element_wise(payloads(events), _NOTHING, _NEWLINE))
        return text[bounds[0] : bounds[-1]]


def as_request(lines: bytes) -> bytes:
    """Return lines of events as the body of a request: JSON contains no line feed that is not escaped."""
    return b'{"data":[' + lines.removesuffix(b"\n").replace(b"\n", b",") + b"]}"


def as_parquet(lines: bytes, route: Route) -> bytes:
    """Return lines of events as a Parquet file: a row for each, with what it is found by, and its JSON as text."""
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    found = pj.read_json(
        io.BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=_READ, unexpected_field_behavior="ignore"),
    )
    count = found.num_rows
    table = pa.table(
        {
            "event_source": pa.repeat(route.resource_type, count),
            "event_source_id": pa.repeat(route.resource_id, count),
            "event": found["event"],
            "event_id": found["event_id"],
            "event_time": found["event_time"].cast(pa.timestamp("s", "UTC")).cast(_MOMENT),
            "payload": lines.decode().removesuffix("\n").split("\n"),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())
