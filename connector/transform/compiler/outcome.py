"""A row's event_id, its key, why it is rejected and what is odd about it."""

from collections.abc import Mapping

from connector.catalogue import PARAMETERS, Kind
from connector.outcomes import REASONS, WARNINGS, Reason, RowWarning
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.orphans import number_by_event_id, number_by_order
from connector.transform.sql.json import json_text
from connector.transform.sql.text import ID_LENGTH, number_text, quote
from connector.transform.sql.times import local_day

_SEPARATOR = "chr(31)"


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
    kept = f"WHEN {given} IS NOT NULL THEN {given} " if given else ""
    event_id = f"CASE {kept}WHEN {derivable} THEN {derived if order else of_person} END"
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
    """Puts key: 128 bits of (event source, event source id, event, event_id), NULL where one is missing."""
    text = f"concat({f', {_SEPARATOR}, '.join((*_route(context, wrong_route), 'event', 'event_id'))})"
    known = "event IS NOT NULL AND event_id IS NOT NULL" + (f" AND NOT {wrong_route}" if wrong_route else "")
    context.layers.put(Level.PAYLOAD, "key", f"CASE WHEN {known} THEN md5_number({text}) END")


def compile_orphan(context: Context, wrong_route: str | None) -> bool:
    """Put orphan: the number of a row without a key by what is known of its event; tell whether any can have one."""
    given, shop = context.text("event_id"), context.text("shop_id") or "NULL"
    order = context.text("order_id") if context.fields("order_id") else None
    place = _route(context, wrong_route)
    branches = [f"WHEN {wrong_route} THEN NULL"] if wrong_route else []
    branches += [f"WHEN {given} IS NOT NULL THEN {number_by_event_id(*place, given)}"] if given else []
    if order:
        number = number_by_order(*place, "event", local_day("event_time", context.rules.timezone), order, shop)
        branches.append(f"WHEN {order} IS NOT NULL THEN {number}")
    known = context.rules.line_items and bool(given or order)
    context.layers.put(Level.PAYLOAD, "orphan", f"CASE {' '.join(branches)} END" if known else "NULL::UBIGINT")
    return known


def _route(context: Context, wrong_route: str | None) -> tuple[str, str]:
    if wrong_route:
        return "event_source", "event_source_id"
    return quote(context.rules.event_source), quote(context.rules.event_source_id)


def compile_reason(context: Context, conditions: Mapping[Reason, str]) -> None:
    """Puts reason: 1 + the index in REASONS of the first that applies, 0 where none does."""
    branches = " ".join(
        f"WHEN {conditions[reason]} THEN {number}" for number, reason in enumerate(REASONS, 1) if reason in conditions
    )
    context.layers.put(Level.OUTCOME, "reason", f"(CASE {branches} ELSE 0 END)::UTINYINT")


def id_reasons(context: Context) -> dict[Reason, str]:
    """When an id is a number that may have lost digits: two orders, or two goods, might be taken for one."""
    found = [context.inexact[one.name] for one in PARAMETERS if one.kind is Kind.ID and _is_inexact(context, one.name)]
    return {Reason.INVALID_ID: " OR ".join(found)} if found else {}


def _is_inexact(context: Context, name: str) -> bool:
    return context.text(name) is not None and name in context.inexact


def compile_warnings(context: Context, conditions: Mapping[RowWarning, str]) -> None:
    """Puts warnings: bit n is set where WARNINGS[n] applies."""
    bits = " + ".join(
        f"CASE WHEN {conditions[warning]} THEN {1 << number} ELSE 0 END"
        for number, warning in enumerate(WARNINGS)
        if warning in conditions
    )
    context.layers.put(Level.OUTCOME, "warnings", f"({bits or '0'})::UINTEGER")
