"""What is kept of an event that, once built, is not sent."""

import pyarrow as pa

from connector.catalogue import IDENTIFIERS, PARAMETERS
from connector.embedded import connect_isolated
from connector.hashed import LEFT_OUT
from connector.transform.grouping import payloads
from connector.transform.sql.functions import register_redaction
from connector.transform.sql.text import redacted_json

_IDENTIFIERS = (one.path for one in PARAMETERS if one.kind in IDENTIFIERS)
_OF_EVENTS = (one.path for one in PARAMETERS if len(one.path) == 1 and not one.personal)
_PERSONAL = {one.path[0] for one in PARAMETERS if one.path and one.personal}
_OBJECTS = ((one.path[0],) for one in PARAMETERS if len(one.path) > 1 and one.path[0] not in _PERSONAL)
_MEMBERS = {path[-1]: ".".join(("$", *path)) for path in (*_IDENTIFIERS, *_OF_EVENTS, *_OBJECTS)}
"""What is stored of an event: digests, and objects in which nothing identifies a person."""
_AFTER_ID = ',"user":{'
"""What follows upon event, time and id in a head. Within a text its quotation marks would be escaped."""


ANSWER = pa.schema([pa.field("code", pa.int32()), pa.field("message", pa.string())])
"""What the service said of an event."""


def left_out_rows(
    events: pa.Table, *, outcome: str, reason: str, answers: pa.Table | None = None, brief: bool = False
) -> pa.Table:
    """A row (schema LEFT_OUT) for each row of each event (schema EVENTS), saying why it is not sent.

    `answers` (schema ANSWER) are those to each event; `brief` keeps of it only what says which event it is, and
    is much faster.
    """
    if not events.num_rows:
        return LEFT_OUT.empty_table()
    kept = f"split_part(text, '{_AFTER_ID}', 1) || '}}'" if brief else _members()
    kept = f"SELECT rows, {kept} AS columns, code, message FROM events"
    sql = f"SELECT unnest(rows) AS row, {redacted_json('columns')} AS columns, code, message FROM ({kept})"
    texts = events["head"] if brief else payloads(events)
    said = answers or pa.table([pa.nulls(events.num_rows, field.type) for field in ANSWER], schema=ANSWER)
    named = {"rows": events["rows"], "text": texts, "code": said["code"], "message": said["message"]}
    with connect_isolated() as connection:
        register_redaction(connection)
        connection.register("events", pa.table(named))
        rows = connection.sql(sql).to_arrow_table()
    count = rows.num_rows
    same = [pa.repeat(outcome, count), pa.repeat(reason, count)]
    return pa.table([rows["row"], *same, rows["code"], rows["message"], rows["columns"]], schema=LEFT_OUT)


def _members() -> str:
    members = ", ".join(f"'\"{name}\":' || json_extract(text, '{path}')" for name, path in _MEMBERS.items())
    return f"CASE WHEN json_valid(text) THEN concat('{{', concat_ws(',', {members}), '}}') ELSE '{{}}' END"
