"""Build the excluded rows of events that are not sent, with the same parameters as those of a rejected row."""

import pyarrow as pa

from connector.catalogue import CONTENTS, IDENTIFIERS, PARAMETERS
from connector.core.duckdb_connection import connect_isolated
from connector.core.hashed_rows import EXCLUDED_ROW, excluded_rows
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
"""The platform's answer to an event."""


def excluded_event_rows(
    events: pa.Table, *, outcome: str, reason: str, answers: pa.Table | None = None, brief: bool = False
) -> pa.Table:
    """Return an excluded row for each row of each event (schema EVENTS).

    `answers` (schema ANSWER) has one for each event. With `brief`, the rows have only the members that identify the
    event, which is much faster.
    """
    if not events.num_rows:
        return EXCLUDED_ROW.empty_table()
    columns = "shared" if brief else f"concat('{{', concat_ws(',', nullif(shared, ''), nullif({_own()}, '')), '}}')"
    made = f"{_brief()} AS shared" if brief else f"unnest(lines) AS line, {_shared()} AS shared"
    each = f"SELECT unnest(rows) AS row, {made}, code, message FROM events"
    every = f"SELECT row, {columns} AS columns, code, message FROM ({each})"
    sql = f"SELECT row, {redacted_json('columns')} AS columns, code, message FROM ({every})"
    answers = answers or pa.table([pa.nulls(events.num_rows, field.type) for field in ANSWER], schema=ANSWER)
    columns_of_event = {name: events[name] for name in ("rows", "lines", "head")}
    with connect_isolated() as connection:
        register_redaction(connection)
        table = pa.table({**columns_of_event, "code": answers["code"], "message": answers["message"]})
        connection.register("events", table)
        rows = connection.sql(sql).to_arrow_table()
    return excluded_rows(
        rows["row"], outcome, reason, codes=rows["code"], messages=rows["message"], columns=rows["columns"]
    )


def _brief() -> str:
    return f"regexp_replace(split_part(head, '{_AFTER_ID}', 1), {_TIME}) || '}}'"


def _shared() -> str:
    """Return the members that all rows of an event share; none if its head is not JSON."""
    digests = [f"'\"{name}\":' || json_extract(head || '}}}}', '{path}')" for name, path in _IDENTIFIERS.items()]
    members = ", ".join([*digests, *(_text(name, "head || '}}'", path) for name, path in _OF_EVENT.items())])
    return f"CASE WHEN json_valid(head || '}}}}') THEN concat_ws(',', {members}) ELSE '' END"


def _own() -> str:
    """Return a row's own members: those of its item, and its amount unless price and quantity give it."""
    members = [_text(name, "line.item", path) for name, path in _OF_ITEM.items()]
    amount = f"'\"value\":\"' || {number_text('line.amount')} || '\"'"
    members.append(f"CASE WHEN line.priced THEN NULL ELSE {amount} END")
    return f"CASE WHEN json_valid(coalesce(line.item, '{{}}')) THEN concat_ws(',', {', '.join(members)}) END"


def _text(name: str, json: str, path: str) -> str:
    return f"'\"{name}\":' || to_json(json_extract_string({json}, '{path}'))::VARCHAR"
