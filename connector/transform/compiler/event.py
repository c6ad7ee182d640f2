"""The event's name and time."""

import pyarrow as pa

from connector.outcomes import Reason, RowWarning
from connector.transform.compiler.context import Context, Level
from connector.transform.sql.text import is_one_of, is_text, quote
from connector.transform.sql.times import is_day, unix_seconds
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

Conditions = dict[Reason, str]
Notes = dict[RowWarning, str]


def compile_event(context: Context) -> tuple[Conditions, Notes]:
    """Puts the column event; gives when it is a reason to reject and when to warn."""
    given, fixed = context.text("event"), context.rules.fixed_event_name
    parts = [part for part in (given, quote(fixed) if fixed else None) if part]
    context.layers.put(Level.NORMAL, "event", f"coalesce({', '.join(parts)}, NULL)" if parts else "NULL::VARCHAR")
    known = is_one_of("event", (*STANDARD_EVENTS, *LEGACY_EVENTS))
    if context.rules.custom_events and (custom := context.on_web(is_one_of("event", context.rules.custom_events))):
        known = f"({known} OR {custom})"
    return (
        {Reason.MISSING_EVENT: "event IS NULL", Reason.UNKNOWN_EVENT: f"NOT {known}"},
        {RowWarning.LEGACY_EVENT_NAME: f"coalesce({is_one_of('event', LEGACY_EVENTS)}, false)"},
    )


def compile_time(context: Context) -> Conditions:
    """Puts the column event_time, in Unix seconds; gives when it is a reason to reject."""
    layers, rules = context.layers, context.rules
    given = context.text("timestamp")
    fields = context.fields("timestamp")
    if not given:
        layers.put(Level.NORMAL, "event_time", "NULL::BIGINT")
        return {Reason.MISSING_TIMESTAMP: "true"}
    zone = (fields[0].timezone if fields else None) or rules.timezone
    if fields and not is_text(fields[0].kind):
        kind, column, level = fields[0].kind, f"c{fields[0].index}", Level.TEXT
        missing = layers.put(Level.TEXT, "time_missing", f"{column} IS NULL")
    else:
        kind, column, level = pa.string(), given, Level.NORMAL
        missing = f"{given} IS NULL"
    layers.put(level, "event_time", unix_seconds(column, kind, zone))
    too_old_day = f"CASE WHEN event_time >= {rules.oldest_day(zone)} THEN NOT ({is_day(column, kind)}) ELSE true END"
    return {
        Reason.MISSING_TIMESTAMP: missing,
        Reason.INVALID_TIMESTAMP: "event_time IS NULL",
        Reason.EVENT_TOO_OLD: f"CASE WHEN event_time < {rules.oldest} THEN {too_old_day} ELSE false END",
        Reason.EVENT_IN_FUTURE: f"event_time > {rules.newest}",
    }
