"""What an event was about: currency, amounts, the items, properties of the user's own."""

import json

import pyarrow as pa

from connector.outcomes import Reason, Warning
from connector.transform.binding import Field
from connector.transform.compiler.context import Context, Level, literal
from connector.transform.sql.numbers import AMOUNT, amount_of, is_bad, is_negative, product
from connector.transform.sql.text import is_text, json_text, number_text, quote, strip, text_of
from connector.transform.template import Constant
from connector.transform.vocabulary import EVENT_CHANNELS, ISO_CURRENCIES, LISTED_CURRENCIES

_LIMITS = {"price": 10**14, "quantity": 10**12, "value": None}
"""What keeps price x quantity within DECIMAL(38, 6); a value is within it if it could be read at all."""

_ITEM_TEXTS = ("content_id", "content_name", "content_category", "brand")


def compile_properties(context: Context) -> list[str]:
    """Pieces of JSON, each NULL or with a comma before it, that follow `"properties":{` and content_type."""
    pieces = [_defaulted(context, "currency", "currency")]
    for name in ("order_id", "shop_id", "description", "event_channel"):
        if text := context.text(name):
            pieces.append(_member(name, json_text(text)))
    pieces += [_own(context, number, *item) for number, item in enumerate(context.binding.own.items())]
    return pieces


def content_type(context: Context) -> str:
    """The JSON string of content_type, which always stands first."""
    text = context.text("content_type")
    return f"coalesce({json_text(text)}, '\"product\"')" if text else "'\"product\"'"


def compile_currency(context: Context) -> tuple[dict[Reason, str], dict[Warning, str]]:
    """Puts the column currency; gives when it is a reason to reject and when to warn."""
    text = context.text("currency")
    if not text:
        return {}, {}
    context.layers.put(Level.NORMAL, "currency", f"coalesce(upper({text}), 'USD')")
    iso = sorted({*ISO_CURRENCIES, *LISTED_CURRENCIES})
    return (
        {Reason.INVALID_CURRENCY: f"currency NOT IN ({_listed(iso)})"},
        {
            Warning.CURRENCY_NOT_LISTED: f"currency NOT IN ({_listed(LISTED_CURRENCIES)})"
            f" AND currency IN ({_listed(iso)})"
        },
    )


def compile_channel(context: Context) -> dict[Reason, str]:
    """When event_channel is a reason to reject."""
    text = context.text("event_channel")
    return {Reason.INVALID_EVENT_CHANNEL: f"{text} NOT IN ({_listed(EVENT_CHANNELS)})"} if text else {}


def compile_amounts(context: Context) -> dict[Reason, str]:
    """Puts the column amount, what the row adds to the event's value; gives when it is a reason to reject."""
    parsed = {name: column for name in _LIMITS if (column := _parsed(context, name))}
    pair = product(parsed["price"], parsed["quantity"]) if {"price", "quantity"} <= parsed.keys() else None
    sources = [pair, parsed.get("value")]
    fields = context.fields("value")
    if fields and fields[0].first:
        sources.reverse()
    known = [source for source in sources if source]
    context.layers.put(Level.CLEAN, "amount", f"coalesce({', '.join(known)}, NULL)" if known else f"NULL::{AMOUNT}")
    bad = [
        is_bad(f"{column}_given", column, f"{column}_negative", _LIMITS[name]) for name, column in parsed.items()
    ]
    return {Reason.INVALID_AMOUNT: " OR ".join(bad)} if bad else {}


def compile_item(context: Context) -> None:
    """Puts the column item: this row's element of `contents`, NULL where the row has nothing for one."""
    members = [_member(name, json_text(text)) for name in _ITEM_TEXTS if (text := context.text(name))]
    members += [
        _member(name, number_text(f"parsed_{name}")) for name in ("price", "quantity") if context.binding.has(name)
    ]
    if not members:
        context.layers.put(Level.OUTCOME, "item", "NULL::VARCHAR")
        return
    context.layers.put(Level.JSON, "members", f"concat({', '.join(members)})")
    context.layers.put(Level.OUTCOME, "item", "CASE WHEN members <> '' THEN '{' || members[2:] || '}' END")


def _parsed(context: Context, name: str) -> str | None:
    given, fields = context.text(name), context.fields(name)
    if not given:
        return None
    kind = fields[0].kind if fields else pa.string()
    column = f"parsed_{name}"
    if fields and not is_text(kind):
        raw = f"c{fields[0].index}"
        context.layers.put(Level.TEXT, f"{column}_given", raw)
        context.layers.put(Level.TEXT, f"{column}_negative", is_negative(raw, kind))
        return context.layers.put(Level.TEXT, column, amount_of(raw, kind))
    context.layers.put(Level.NORMAL, f"{column}_given", given)
    context.layers.put(Level.NORMAL, f"{column}_negative", is_negative(given, pa.string()))
    return context.layers.put(Level.NORMAL, column, amount_of(given, pa.string()))


def _defaulted(context: Context, name: str, column: str) -> str:
    if context.text(name):
        return f"concat(',\"{name}\":\"', {column}, '\"')"
    return quote(f',"{name}":"USD"')


def _own(context: Context, number: int, key: str, source: Field | Constant) -> str:
    if isinstance(source, Constant):
        return quote(f",{json.dumps(key, ensure_ascii=False)}:{_constant_json(source)}") if _says(source) else "NULL"
    column, kind = f"c{source.index}", source.kind
    if pa.types.is_boolean(kind):
        value = text_of(column, kind)
    elif pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        value = text_of(column, kind)
    elif pa.types.is_floating(kind):
        value = text_of(column, kind)
    elif pa.types.is_nested(kind):
        value = f"to_json({column})::VARCHAR"
    else:
        raw = context.layers.put(Level.TEXT, f"own_{number}", text_of(column, kind))
        value = json_text(context.layers.put(Level.GIVEN, f"own_{number}_stripped", strip(raw)))
    kept = context.layers.put(Level.NORMAL, f"own_{number}_json", value)
    return _member(key, kept)


def _says(source: Constant) -> bool:
    return literal(source.value) != "NULL::VARCHAR"


def _constant_json(source: Constant) -> str:
    value = source.value.strip() if isinstance(source.value, str) else source.value
    return json.dumps(value, ensure_ascii=False)


def _member(name: str, value: str) -> str:
    return f"{quote(f',{json.dumps(name, ensure_ascii=False)}:')} || {value}"


def _listed(words: object) -> str:
    return ", ".join(quote(word) for word in words)  # type: ignore[attr-defined]
