"""A row's event_id, its key, why it is rejected and what is odd about it."""

from collections.abc import Mapping

from connector.outcomes import REASONS, WARNINGS, Reason, RowWarning
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.sql.json import json_text
from connector.transform.sql.text import ID_LENGTH, quote

_SEPARATOR = "chr(31)"


def compile_event_id(context: Context, identifiers: list[Identifier]) -> None:
    """Puts event_id: the one given, else one derived from what the row is about.

    The derived id is the first 36 hex digits of the SHA-256 of the compact JSON array [e-mail digests
    sorted, phone digests sorted, external id digests sorted, event, event_time, order_id or null].
    """
    sorted_json = {one.name: one.sorted_json for one in identifiers}
    order = context.text("order_id")
    parts = [
        "'['",
        *(f"{sorted_json.get(name, quote('[]'))}, ','" for name in ("email", "phone", "external_id")),
        f"{json_text('event')}, ',', event_time, ','",
        f"coalesce({json_text(order)}, 'null')" if order else "'null'",
        "']'",
    ]
    derived = f"substr(sha256(concat({', '.join(parts)})), 1, {ID_LENGTH})"
    derivable = "event IS NOT NULL AND event_time IS NOT NULL"
    given = context.text("event_id")
    kept = f"WHEN {given} IS NOT NULL THEN {given} " if given else ""
    context.layers.put(Level.OUTCOME, "event_id", f"CASE {kept}WHEN {derivable} THEN {derived} END")


def compile_key(context: Context, wrong_route: str | None) -> None:
    """Puts key: 128 bits of (event source, event source id, event, event_id), NULL where one is missing."""
    rules = context.rules
    source = "event_source" if wrong_route else quote(rules.event_source)
    source_id = "event_source_id" if wrong_route else quote(rules.event_source_id)
    text = f"concat({source}, {_SEPARATOR}, {source_id}, {_SEPARATOR}, event, {_SEPARATOR}, event_id)"
    known = "event IS NOT NULL AND event_id IS NOT NULL" + (f" AND NOT {wrong_route}" if wrong_route else "")
    context.layers.put(Level.PAYLOAD, "key", f"CASE WHEN {known} THEN md5_number({text}) END")


def compile_reason(context: Context, conditions: Mapping[Reason, str]) -> None:
    """Puts reason: 1 + the index in REASONS of the first that applies, 0 where none does."""
    branches = " ".join(
        f"WHEN {conditions[reason]} THEN {number}" for number, reason in enumerate(REASONS, 1) if reason in conditions
    )
    context.layers.put(Level.OUTCOME, "reason", f"(CASE {branches} ELSE 0 END)::UTINYINT")


def compile_warnings(context: Context, conditions: Mapping[RowWarning, str]) -> None:
    """Puts warnings: bit n is set where WARNINGS[n] applies."""
    bits = " + ".join(
        f"CASE WHEN {conditions[warning]} THEN {1 << number} ELSE 0 END"
        for number, warning in enumerate(WARNINGS)
        if warning in conditions
    )
    context.layers.put(Level.OUTCOME, "warnings", f"({bits or '0'})::UINTEGER")
