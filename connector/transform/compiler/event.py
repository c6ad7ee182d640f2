"""Compile the required parts of an event: its event source, name, time, id and key."""

import pyarrow as pa

from connector.catalogue import BY_NAME
from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.core.outcomes import Reason, RowWarning
from connector.transform.compiler.context import Context, Level, literal
from connector.transform.compiler.identity import Identifier
from connector.transform.compiler.values import read_of
from connector.transform.orphans import order_number
from connector.transform.sql.identity import is_inexact
from connector.transform.sql.json import json_text
from connector.transform.sql.text import ID_LENGTH, is_one_of, is_text, number_text, quote, text_of
from connector.transform.sql.times import is_day, local_day, unix_seconds

_ID_FORMS = "CASE event_source WHEN 'web' THEN '[A-Za-z0-9]+' ELSE '[0-9]+' END"
_SEPARATOR = "chr(31)"


def compile_route(context: Context) -> str | None:
    """Put event_source and event_source_id if rows name them.

    Return the condition that the row's event source cannot be right; None if no row names one.
    """
    if not context.binding.has("event_source", "event_source_id"):
        return None
    layers, rules = context.layers, context.rules
    layers.put(Level.NORMAL, "event_source", _given(context, "event_source", rules.event_source))
    layers.put(Level.NORMAL, "event_source_id", _given(context, "event_source_id", rules.event_source_id))
    known = ", ".join(map(quote, BY_NAME["event_source"].choices))
    wrong = f"event_source NOT IN ({known}) OR NOT regexp_full_match(event_source_id, {_ID_FORMS})"
    layers.put(Level.CLEAN, "wrong_route", wrong + _lost(context))
    context.reject(Reason.INVALID_EVENT_SOURCE_ID, "wrong_route")
    return "wrong_route"


def _lost(context: Context) -> str:
    """Return the condition, after an OR, that the id is a number that may have lost digits."""
    fields = [field for field in context.fields("event_source_id") if pa.types.is_floating(field.kind)]
    return "".join(f" OR {is_inexact(f'c{field.index}')}" for field in fields[:1])


def put_is_web(context: Context) -> None:
    """Put is_web if rows choose between web and offline."""
    if context.web is None:
        source = context.binding.fields["event_source"][0]
        named = f"coalesce({text_of(f'c{source.index}', source.kind)}, {quote(context.rules.event_source)})"
        context.layers.put(Level.ROUTE, "is_web", f"{named} = 'web'")


def _given(context: Context, name: str, default: str) -> str:
    constant = context.binding.constants.get(name)
    text = literal(constant.value) if constant else context.text(name)
    return f"coalesce({text}, {quote(default)})" if text else quote(default)


def compile_name(context: Context) -> None:
    """Put event, the event's name."""
    given, fixed = context.text("event"), context.rules.fixed_event_name
    parts = [part for part in (given, quote(fixed) if fixed else None) if part]
    context.layers.put(Level.NORMAL, "event", f"coalesce({', '.join(parts)}, NULL)" if parts else "NULL::VARCHAR")
    known = is_one_of("event", (*STANDARD_EVENTS, *LEGACY_EVENTS))
    if context.rules.custom_events and (custom := context.on_web(is_one_of("event", context.rules.custom_events))):
        known = f"({known} OR {custom})"
    context.reject(Reason.MISSING_EVENT, "event IS NULL")
    context.reject(Reason.UNKNOWN_EVENT, f"NOT {known}")
    legacy = f"coalesce({is_one_of('event', LEGACY_EVENTS)}, false)"
    context.warn(RowWarning.LEGACY_EVENT_NAME, legacy)


def compile_time(context: Context) -> None:
    """Put event_time, in Unix seconds."""
    put, rules, given = context.layers.put, context.rules, context.text("timestamp")
    if not given:
        put(Level.NORMAL, "event_time", "NULL::BIGINT")
        return context.reject(Reason.MISSING_TIMESTAMP, "true")
    column, kind, level, zone = read_of(context, BY_NAME["timestamp"], given)
    missing = f"{given} IS NULL" if is_text(kind) else put(Level.TEXT, "time_missing", f"{column} IS NULL")
    put(level, "event_time", unix_seconds(column, kind, zone))
    too_old_day = f"CASE WHEN event_time >= {rules.oldest_day(zone)} THEN NOT ({is_day(column, kind)}) ELSE true END"
    too_old = f"CASE WHEN event_time < {rules.oldest} THEN {too_old_day} ELSE false END"
    context.reject(Reason.MISSING_TIMESTAMP, missing)
    context.reject(Reason.INVALID_TIMESTAMP, "event_time IS NULL")
    context.reject(Reason.EVENT_TOO_OLD, too_old)
    context.reject(Reason.EVENT_IN_FUTURE, f"event_time > {rules.newest}")
    return None


def compile_event_id(context: Context, identifiers: list[Identifier]) -> None:
    """Put event_id: the one given, else the first 36 hex digits of the SHA-256 of a compact JSON array.

    With an order_id in a column the array is `["order", event, day, order_id, shop_id or null]`, the day being that of
    event_time in the destination's time zone: an address added later makes no second event of an order. Without one
    it is `[e-mail digests sorted, phone digests sorted, external id digests sorted, event, event_time]`, followed by
    the row's amount (or null) where the result has no content_id either.
    """
    of_person = _derived(_person_parts(context, identifiers))
    order = context.text("order_id") if context.fields("order_id") else None
    derived = f"CASE WHEN {order} IS NULL THEN {of_person} ELSE {_derived(_order_parts(context))} END"
    derivable = "event IS NOT NULL AND event_time IS NOT NULL"
    given = context.text("event_id")
    own_id = f"WHEN {given} IS NOT NULL THEN {given} " if given else ""
    event_id = f"CASE {own_id}WHEN {derivable} THEN {derived if order else of_person} END"
    context.layers.put(Level.OUTCOME, "event_id", event_id)


def _derived(parts: list[str]) -> str:
    array = ", ',', ".join(parts)
    return f"substr(sha256(concat('[', {array}, ']')), 1, {ID_LENGTH})"


def _order_parts(context: Context) -> list[str]:
    order, shop = context.text("order_id") or "NULL", context.text("shop_id")
    shop_json = f"coalesce({json_text(shop)}, 'null')" if shop else "'null'"
    day = f"'\"' || {local_day('event_time', context.rules.timezone)} || '\"'"
    return ["'\"order\"'", json_text("event"), day, json_text(order), shop_json]


def _person_parts(context: Context, identifiers: list[Identifier]) -> list[str]:
    sorted_json = {one.name: one.sorted_json for one in identifiers}
    people = [sorted_json.get(name, quote("[]")) for name in ("email", "phone", "external_id")]
    amount = [] if context.fields("content_id") else [f"coalesce({number_text('amount')}, 'null')"]
    return [*people, json_text("event"), "event_time", *amount]


def compile_key(context: Context, wrong_route: str | None) -> None:
    """Put key: 128 bits of (event source, event source id, event, event_id), NULL if one is missing."""
    text = f"concat({f', {_SEPARATOR}, '.join((*_route(context, wrong_route), 'event', 'event_id'))})"
    known = "event IS NOT NULL AND event_id IS NOT NULL" + (f" AND NOT {wrong_route}" if wrong_route else "")
    context.layers.put(Level.PAYLOAD, "key", f"CASE WHEN {known} THEN md5_number({text}) END")


def compile_orphan(context: Context, wrong_route: str | None) -> bool:
    """Put orphan: the number of a row's order if its day is not known, see orphans.py; tell if any can be."""
    order, given = context.text("order_id") if context.fields("order_id") else None, context.text("event_id")
    if not order or not context.rules.line_items:
        return False
    number = order_number(*_route(context, wrong_route), "event", order, context.text("shop_id") or "NULL")
    conditions = ["event_time IS NULL", "event IS NOT NULL", f"{order} IS NOT NULL"]
    conditions += [f"{given} IS NULL"] if given else []
    conditions += [f"NOT {wrong_route}"] if wrong_route else []
    context.layers.put(Level.PAYLOAD, "orphan", f"CASE WHEN {' AND '.join(conditions)} THEN {number} END")
    return True


def _route(context: Context, wrong_route: str | None) -> tuple[str, str]:
    if wrong_route:
        return "event_source", "event_source_id"
    return quote(context.rules.event_source), quote(context.rules.event_source_id)
