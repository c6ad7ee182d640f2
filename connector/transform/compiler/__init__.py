"""Compile a bound data template and the rules of a run to DuckDB queries.

The queries run over a slice of the query's result whose columns are named c0, c1, … by their position, plus
row_number. Each gives a row for each row, in the same order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.catalogue import BY_NAME, PARAMETERS, Kind
from connector.core.hashed_rows import MATCHED_BY
from connector.core.outcomes import REASONS, WARNINGS, RowWarning
from connector.transform.binding import Binding
from connector.transform.compiler import amounts, event, identity, payload, rejected_columns
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.values import Value, compile_values
from connector.transform.rules import EventRules
from connector.transform.stripped import Cleaning
from connector.transform.template import Constant

_OF_EVENTS = ("reason", "warnings", "key", "head", "head_digest", "persons", "phones")
_OF_FIGURES = ("event_time", "currency", "marks")
"""What a run's figures are counted by: when the event was, its currency, and by what it can be matched."""
_OF_ITEMS = ("row_number", "item", "amount", "bad_amount", "priced", "reduces", "item_placeholder")
_LINE_IDS = ("event_id", "order_id", "content_id")
"""What says that rows are line items of one event; without any of them, each row is an event."""
_ROUTE = ("event_source", "event_source_id")


@dataclass(frozen=True, slots=True)
class CompiledTransform:
    """The queries of a transform, each named after the relation that it reads, and the columns that they read.

    Of rows in which all ids are plain (see plain_ids.py), the queries over usual rows make the same with less to try.
    """

    events_sql: str
    """Over `events`: what the rows of an event have in common, from the columns `event_columns`."""
    usual_events_sql: str
    """Over `usual_events`: the same of rows in which all ids in the columns `event_ids` are plain."""
    items_sql: str
    """Over `items`: what each row adds to its event. `text_columns` are in it as JSON strings."""
    usual_items_sql: str
    """Over `usual_items`: the same of rows in which all ids in the columns `item_ids` are plain."""
    event_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    event_columns: tuple[str, ...]
    texts_sql: str
    """Over `texts`: the JSON strings of texts."""
    text_columns: Mapping[str, str]
    """By the name of its JSON strings: a column of texts."""
    rejected_sql: str
    """Over `rejected`: what is stored of rejected rows."""
    ids_sql: str
    """Over `identified`: the ids by which rows are found again, from the columns `id_columns`."""
    id_columns: tuple[str, ...]
    """With row_number, so that there are rows at all."""
    keys_sql: str
    """Over `keyed`: the keys of their events, from the columns `key_columns`."""
    key_columns: tuple[str, ...]
    """With row_number likewise."""
    orphans_sql: str
    """Over `orphans`: the orders of orphan rows (see orphans.py), from `orphan_columns`; empty if no row can be one."""
    orphan_columns: tuple[str, ...]
    """With row_number likewise."""
    cleaning: Mapping[int, Cleaning]
    """The columns that are read, by their position."""
    routed: bool
    """Whether rows name their own event source."""
    phone_columns: tuple[str, ...]
    """The names of the columns of phone numbers."""
    rules: EventRules


def compile_events(binding: Binding, rules: EventRules) -> CompiledTransform:
    """Compile the queries for the events of a destination."""
    rules = replace(rules, line_items=rules.line_items and any(name in binding.fields for name in _LINE_IDS))
    context = Context(binding, rules, _web(binding, rules))
    event.put_is_web(context)
    wrong_route = event.compile_route(context)
    phone_columns = _put_columns(context, wrong_route)
    return _compiled(context, wrong_route, phone_columns)


def _put_columns(context: Context, wrong_route: str | None) -> tuple[str, ...]:
    """Put all columns that the queries select; return the names of the columns of phone numbers."""
    identifiers, values = identity.compile_identities(context), compile_values(context)
    event.compile_name(context)
    event.compile_time(context)
    amounts.compile_amounts(context)
    identity.compile_placeholders(context, identifiers)
    event.compile_event_id(context, identifiers)
    event.compile_key(context, wrong_route)
    _reject_lost_ids(context)
    _warn_of_limited_use(context, values)
    _put_outcome(context)
    payload.compile_head(context, identifiers, values)
    payload.compile_item(context, values)
    identity.compile_persons(context, identifiers)
    _put_figures(context, identifiers, values)
    rejected_columns.compile_rejected(context, identifiers)
    return identity.compile_phones(context, identifiers)


def _compiled(context: Context, wrong_route: str | None, phone_columns: tuple[str, ...]) -> CompiledTransform:
    binding, rules = context.binding, context.rules
    of_events = (*_OF_EVENTS, *_OF_FIGURES, *(_ROUTE if wrong_route else ()))
    context.layers.put(Level.LAST, "head_digest", "hash(head)" if rules.line_items else "0::UBIGINT")
    read = context.layers.read(of_events)
    columns = [f"c{index}" for index in binding.indices()]
    of_event = [column for column in columns if column in read]
    of_items = [column for column in columns if column not in read]
    event_digest = _digest(amounts.digested(context, of_event), rules)
    item_digest = _digest(["item", *amounts.digested(context, of_items)], rules)
    context.layers.put(Level.LAST, "event_digest", event_digest)
    context.layers.put(Level.LAST, "item_digest", item_digest)
    events, items = (*of_events, "event_digest"), (*_OF_ITEMS, "item_digest")
    events_sql, items_sql = context.layers.select(events, "events"), context.layers.select(items, "items")
    ids = [f"c{index}" for index in sorted(context.ids)]
    ids_sql = context.layers.select(rejected_columns.ids(context), "identified")
    keys_sql = context.layers.select(("key",), "keyed")
    has_orphans = event.compile_orphan(context, wrong_route)
    orphans_sql = context.layers.select(("orphan",), "orphans") if has_orphans else ""
    return CompiledTransform(
        events_sql=events_sql,
        usual_events_sql=context.layers.select(events, "usual_events", usual=True),
        items_sql=items_sql,
        usual_items_sql=context.layers.select(items, "usual_items", usual=True),
        event_ids=_columns_in(events_sql, ids),
        item_ids=_columns_in(items_sql, ids),
        event_columns=tuple(of_event),
        texts_sql=payload.TEXTS_SQL,
        text_columns=payload.text_columns(context),
        rejected_sql=context.layers.select(("row_number", "columns"), "rejected"),
        ids_sql=ids_sql,
        id_columns=(*_columns_in(ids_sql, columns), "row_number"),
        keys_sql=keys_sql,
        key_columns=(*_columns_in(keys_sql, columns), "row_number"),
        orphans_sql=orphans_sql,
        orphan_columns=(*_columns_in(orphans_sql, columns), "row_number"),
        cleaning=binding.cleaning(),
        routed=wrong_route is not None,
        phone_columns=phone_columns,
        rules=rules,
    )


def _columns_in(sql: str, columns: list[str]) -> tuple[str, ...]:
    """Return which of these columns a query reads, or something derived from them."""
    return tuple(column for column in columns if re.search(rf"\b{column}(?![0-9])", sql))


def _digest(columns: list[str], rules: EventRules) -> str:
    """Return 64 bits of the columns, by which identical rows of an event are found; 0 if each row is an event."""
    return f"hash({', '.join(columns)})" if columns and rules.line_items else "0::UBIGINT"


def _reject_lost_ids(context: Context) -> None:
    """Reject ids that are numbers that may have lost digits: two orders, or two goods, might be taken for one."""
    for parameter in PARAMETERS:
        if parameter.kind is Kind.ID and context.text(parameter.name) is not None:
            context.reject(parameter.invalid, context.inexact.get(parameter.name))


def _warn_of_limited_use(context: Context, values: Mapping[str, Value]) -> None:
    """Add a warning for limited data use without an IP address, without which it has no effect."""
    if context.rules.limited_data_use:
        missing = f"NOT ({values['ip'].present})" if "ip" in values else "true"
        context.warn(RowWarning.MISSING_IP_FOR_LDU, context.on_web(missing))


def _put_outcome(context: Context) -> None:
    """Put reason: 1 + the index in REASONS of the first that applies, or 0; and warnings: bit n is WARNINGS[n]."""
    reasons = [(number, context.reasons.get(reason)) for number, reason in enumerate(REASONS, 1)]
    warnings = [(number, context.warnings.get(warning)) for number, warning in enumerate(WARNINGS)]
    branches = " ".join(f"WHEN {' OR '.join(any_of)} THEN {number}" for number, any_of in reasons if any_of)
    bits = " + ".join(f"CASE WHEN {' OR '.join(any_of)} THEN {1 << n} ELSE 0 END" for n, any_of in warnings if any_of)
    context.layers.put(Level.OUTCOME, "reason", f"(CASE {branches} ELSE 0 END)::UTINYINT")
    context.layers.put(Level.OUTCOME, "warnings", f"({bits or '0'})::UINTEGER")


def _put_figures(context: Context, identifiers: list[identity.Identifier], values: Mapping[str, Value]) -> None:
    """Put marks, bit n of which is set if the row has MATCHED_BY[n], and currency if no column gives one."""
    has = {one.name: one.present for one in identifiers} | {name: value.present for name, value in values.items()}
    bits = " + ".join(
        f"CASE WHEN {has[name]} THEN {1 << number} ELSE 0 END" for number, name in enumerate(MATCHED_BY) if name in has
    )
    context.layers.put(Level.OUTCOME, "marks", f"({bits or '0'})::UTINYINT")
    if not context.text("currency"):
        context.layers.put(Level.NORMAL, "currency", f"'{BY_NAME['currency'].default}'")


def _web(binding: Binding, rules: EventRules) -> bool | None:
    constant = binding.constants.get("event_source")
    if isinstance(constant, Constant):
        return constant.value == "web"
    return None if "event_source" in binding.fields else rules.event_source == "web"
