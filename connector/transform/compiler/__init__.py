"""The compiler from a bound data template and the rules of a run to one DuckDB query.

The queries run over a slice of the query's result whose columns are named c0, c1, … by their position, plus
row_number. Each gives a row for each row, in the same order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.outcomes import Reason
from connector.transform.binding import Binding
from connector.transform.compiler import event, identity, outcome, payload, properties, route, traits, web
from connector.transform.compiler.context import Context, Level
from connector.transform.rules import EventRules
from connector.transform.stripped import Cleaning
from connector.transform.template import Constant

_OF_EVENTS = ("reason", "warnings", "key", "head", "head_digest", "persons", "phones", *traits.NAMES)
_OF_ITEMS = ("row_number", "item", "amount", "bad_amount", "priced", "reduces", "item_placeholder")
_LINE_IDS = ("event_id", "order_id", "content_id")
"""What says that rows are line items of one event; without any of them, each row is an event."""
_ROUTE = ("event_source", "event_source_id")


@dataclass(frozen=True, slots=True)
class CompiledTransform:
    """`events_sql` makes of the relation `events` what the rows of an event have in common, from the columns
    `event_columns`; `items_sql` makes of `items` what each row adds to its event, where `text_columns` stand as
    JSON strings under the names they go by, as `texts_sql` makes them of `texts`. Where all ids in the columns
    `event_ids` are plain (see plain_ids.py), `usual_events_sql` makes the same of `usual_events`, with less to try;
    likewise `item_ids` and `usual_items_sql`. `rejected_sql` gives what is kept of rejected rows, over `rejected`,
    `ids_sql` the ids by which rows are found again, over `identified`, `keys_sql` the keys of their events, over
    `keyed`, and `orphans_sql` the numbers of orphan rows, over `orphans`, empty where no row can be one; these read
    `id_columns`, `key_columns` and `orphan_columns` alone, with row_number, so that there are rows at all.
    `routed` says whether rows name their own event source. `cleaning` names the columns that are read, by their
    position, and `phone_columns` those of phone numbers.
    """

    events_sql: str
    usual_events_sql: str
    items_sql: str
    usual_items_sql: str
    event_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    event_columns: tuple[str, ...]
    texts_sql: str
    text_columns: Mapping[str, str]
    rejected_sql: str
    ids_sql: str
    id_columns: tuple[str, ...]
    keys_sql: str
    key_columns: tuple[str, ...]
    orphans_sql: str
    orphan_columns: tuple[str, ...]
    cleaning: Mapping[int, Cleaning]
    routed: bool
    phone_columns: tuple[str, ...]
    rules: EventRules


def compile_events(binding: Binding, rules: EventRules) -> CompiledTransform:
    """Compile the queries for the events of a destination."""
    rules = replace(rules, line_items=rules.line_items and any(name in binding.fields for name in _LINE_IDS))
    context = Context(binding, rules, _web(binding, rules))
    route.put_is_web(context)
    wrong_route = route.compile_route(context)
    identifiers = identity.compile_identities(context)
    user, (page, page_reasons) = web.compile_user(context), web.compile_page(context)
    _compile_outcome(context, identifiers, page_reasons, wrong_route)
    payload.compile_head(
        context, identifiers, user, page, properties.content_type(context), properties.compile_properties(context)
    )
    properties.compile_item(context)
    identity.compile_item_placeholder(context)
    identity.compile_persons(context, identifiers)
    phone_columns = identity.compile_phones(context, identifiers)
    traits.compile_traits(context, identifiers)
    rejected = f"{payload.rejected_columns(context, identifiers)} AS columns"
    of_events = (*_OF_EVENTS, *(_ROUTE if wrong_route else ()))
    context.layers.put(Level.LAST, "head_digest", "hash(head)" if rules.line_items else "0::UBIGINT")
    read = context.layers.read(of_events)
    columns = [f"c{index}" for index in binding.indices()]
    of_event = [column for column in columns if column in read]
    of_items = [column for column in columns if column not in read]
    context.layers.put(Level.LAST, "event_digest", _digest(properties.digested(context, of_event), rules))
    context.layers.put(
        Level.LAST,
        "item_digest",
        _digest(["item", *properties.digested(context, of_items)], rules),
    )
    events, items = (*of_events, "event_digest"), (*_OF_ITEMS, "item_digest")
    events_sql, items_sql = context.layers.select(events, "events"), context.layers.select(items, "items")
    ids = [f"c{index}" for index in sorted(context.ids)]
    ids_sql = context.layers.select(payload.ids(context), "identified")
    keys_sql = context.layers.select(("key",), "keyed")
    has_orphans = outcome.compile_orphan(context, wrong_route)
    orphans_sql = context.layers.select(("orphan",), "orphans") if has_orphans else ""
    return CompiledTransform(
        events_sql=events_sql,
        usual_events_sql=context.layers.select(events, "usual_events", usual=True),
        items_sql=items_sql,
        usual_items_sql=context.layers.select(items, "usual_items", usual=True),
        event_ids=_columns_in(events_sql, ids),
        item_ids=_columns_in(items_sql, ids),
        event_columns=tuple(of_event),
        texts_sql=properties.TEXTS_SQL,
        text_columns=properties.text_columns(context),
        rejected_sql=context.layers.select(("row_number", rejected), "rejected"),
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
    """Which of these columns a query reads, or something derived from them."""
    return tuple(column for column in columns if re.search(rf"\b{column}(?![0-9])", sql))


def _digest(columns: list[str], rules: EventRules) -> str:
    """64 bits of the columns, by which identical rows of an event are found; 0 where each row is an event."""
    return f"hash({', '.join(columns)})" if columns and rules.line_items else "0::UBIGINT"


def _compile_outcome(
    context: Context,
    identifiers: list[identity.Identifier],
    page_reasons: dict[Reason, str],
    wrong_route: str | None,
) -> None:
    name_reasons, name_warnings = event.compile_event(context)
    currency_reasons, currency_warnings = properties.compile_currency(context)
    reasons = (
        route.reasons(wrong_route)
        | name_reasons
        | event.compile_time(context)
        | currency_reasons
        | properties.compile_channel(context)
        | outcome.id_reasons(context)
        | page_reasons
        | identity.reasons(identifiers)
    )
    properties.compile_amounts(context)
    warnings = name_warnings | currency_warnings | identity.warnings(context, identifiers)
    for warning, condition in web.warnings(context).items():
        warnings[warning] = f"({warnings[warning]} OR {condition})" if warning in warnings else condition
    warnings |= identity.placeholders(context, identifiers)
    outcome.compile_event_id(context, identifiers)
    outcome.compile_key(context, wrong_route)
    outcome.compile_reason(context, reasons)
    outcome.compile_warnings(context, warnings)


def _web(binding: Binding, rules: EventRules) -> bool | None:
    constant = binding.constants.get("event_source")
    if isinstance(constant, Constant):
        return constant.value == "web"
    return None if "event_source" in binding.fields else rules.event_source == "web"
