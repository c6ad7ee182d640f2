"""What is stored of an event that, once built, is not sent: the same parameters as of a row that is rejected."""

import pyarrow as pa

from connector.catalogue import CONTENTS, IDENTIFIERS, PARAMETERS
from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed import EXCLUDED_ROW
from connector.transform.sql.functions import register_redaction
from connector.transform.sql.text import number_text, redacted_json

_PERSONAL = {one.path[0] for one in PARAMETERS if one.path and one.personal}
_STORED = [one for one in PARAMETERS if one.path and one.path[0] not in _PERSONAL and one.name != "content_type"]
"""Parameters in which nothing identifies a person. Every event has a content type, though hardly any row says one."""
_IDENTIFIERS = {one.name: ".".join(("$", *one.path)) for one in PARAMETERS if one.kind in IDENTIFIERS}
_OF_EVENT = {one.name: ".".join(("$", *one.path)) for one in _STORED if one.path[:2] != CONTENTS}
_OF_ITEM = {one.name: f"$.{one.path[-1]}" for one in _STORED if one.path[:2] == CONTENTS}
_AFTER_ID = ',"user":{'
"""What follows after event, time and id in a head. Within a text its quotation marks would be escaped."""
_TIME = """'"event_time":(-?[0-9]+)', '"timestamp":"\\1"'"""


ANSWER = pa.schema([pa.field("code", pa.int32()), pa.field("message", pa.string())])
"""What the service said of an event."""


def left_out_rows(
    events: pa.Table, *, outcome: str, reason: str, answers: pa.Table | None = None, brief: bool = False
) -> pa.Table:
    """A row (schema EXCLUDED_ROW) for each row of each event (schema EVENTS), saying why it is not sent.

    `answers` (schema ANSWER) are those to each event; `brief` keeps of it only what says which event it is, and
    is much faster.
    """
    if not events.num_rows:
        return EXCLUDED_ROW.empty_table()
    columns = "shared" if brief else f"concat('{{', concat_ws(',', nullif(shared, ''), nullif({_own()}, '')), '}}')"
    made = f"{_brief()} AS shared" if brief else f"unnest(lines) AS line, {_shared()} AS shared"
    each = f"SELECT unnest(rows) AS row, {made}, code, message FROM events"
    every = f"SELECT row, {columns} AS columns, code, message FROM ({each})"
    sql = f"SELECT row, {redacted_json('columns')} AS columns, code, message FROM ({every})"
    said = answers or pa.table([pa.nulls(events.num_rows, field.type) for field in ANSWER], schema=ANSWER)
    given = {"rows": events["rows"], "lines": events["lines"], "head": events["head"]}
    named = given | {"code": said["code"], "message": said["message"]}
    with connect_isolated() as connection:
        register_redaction(connection)
        connection.register("events", pa.table(named))
        rows = connection.sql(sql).to_arrow_table()
    count = rows.num_rows
    same = [pa.repeat(outcome, count), pa.repeat(reason, count)]
    return pa.table([rows["row"], *same, rows["code"], rows["message"], rows["columns"]], schema=EXCLUDED_ROW)


def _brief() -> str:
    return f"regexp_replace(split_part(head, '{_AFTER_ID}', 1), {_TIME}) || '}}'"


def _shared() -> str:
    """The members that all rows of an event have in common; none where its head is no JSON."""
    digests = [f"'\"{name}\":' || json_extract(head || '}}}}', '{path}')" for name, path in _IDENTIFIERS.items()]
    members = ", ".join([*digests, *(_text(name, "head || '}}'", path) for name, path in _OF_EVENT.items())])
    return f"CASE WHEN json_valid(head || '}}}}') THEN concat_ws(',', {members}) ELSE '' END"


def _own() -> str:
    """The members of a row's own: those of its item, and its amount where price and quantity do not give it."""
    members = [_text(name, "line.item", path) for name, path in _OF_ITEM.items()]
    amount = f"'\"value\":\"' || {number_text('line.amount')} || '\"'"
    members.append(f"CASE WHEN line.priced THEN NULL ELSE {amount} END")
    return f"CASE WHEN json_valid(coalesce(line.item, '{{}}')) THEN concat_ws(',', {', '.join(members)}) END"


def _text(name: str, json: str, path: str) -> str:
    return f"'\"{name}\":' || to_json(json_extract_string({json}, '{path}'))::VARCHAR"
