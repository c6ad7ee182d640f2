"""What is kept of an event that, once built, is not sent."""

import duckdb
import pyarrow as pa

from connector.hashed import LEFT_OUT
from connector.redaction import EMAIL_LIKE, WRITTEN_PHONE
from connector.transform.grouping import payloads
from connector.transform.sql.text import redacted

_MEMBERS = {
    "email": "$.user.email",
    "phone": "$.user.phone",
    "external_id": "$.user.external_id",
    "event": "$.event",
    "event_time": "$.event_time",
    "event_id": "$.event_id",
    "properties": "$.properties",
}


def left_out_rows(
    events: pa.Table, *, outcome: str, reason: str, code: int | None = None, message: str | None = None
) -> pa.Table:
    """A row (schema LEFT_OUT) for each row of each event (schema EVENTS), saying why it is not sent."""
    if not events.num_rows:
        return LEFT_OUT.empty_table()
    members = ", ".join(f"'\"{name}\":' || json_extract(payload, '{path}')" for name, path in _MEMBERS.items())
    kept = f"concat('{{', concat_ws(',', {members}), '}}')"
    sql = f"SELECT unnest(rows) AS row, {redacted(kept, EMAIL_LIKE, WRITTEN_PHONE)} AS columns FROM events"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", pa.table({"rows": events["rows"], "payload": payloads(events)}))
        rows = connection.sql(sql).to_arrow_table()
    count = rows.num_rows
    return pa.table(
        [
            rows["row"],
            pa.repeat(outcome, count),
            pa.repeat(reason, count),
            pa.repeat(pa.scalar(code, pa.int32()), count),
            pa.repeat(pa.scalar(message, pa.string()), count),
            rows["columns"],
        ],
        schema=LEFT_OUT,
    )
