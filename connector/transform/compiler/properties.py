"""What an event was about: currency, amounts, the items, properties of the user's own."""

import json

import pyarrow as pa

from connector.catalogue import BY_NAME, OWN_PROPERTY, PARAMETERS, Kind, Plain
from connector.outcomes import Reason, RowWarning
from connector.redaction import anonymous
from connector.transform.binding import Field
from connector.transform.compiler.context import Context, Level, literal
from connector.transform.sql.json import json_text, later_members, members
from connector.transform.sql.numbers import WIDE, either, is_bad, is_negative, json_number, narrow, product, wide
from connector.transform.sql.text import guarded, is_code, is_one_of, is_text, quote, text_of
from connector.transform.template import Constant
from connector.vocabulary import EVENT_CHANNELS, ISO_CURRENCIES, LISTED_CURRENCIES

_LIMITS = {"price": 10**14, "quantity": 10**12, "value": None}
"""What keeps price x quantity within DECIMAL(38, 6); a value is within it if it could be read at all."""

_OFTEN_PAID = ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "BRL", "MXN", "IDR")
_SHOWN = frozenset(
    one.name
    for one in PARAMETERS
    if one.kind in {Kind.EVENT, Kind.ID, Kind.CURRENCY, Kind.CHANNEL} or one.path[:2] == ("properties", "contents")
) - {"event_id"}
"""Parameters that stand in an event's head, or a row's item, if they are given; an event_id stands there anyway."""

_ITEM_TEXTS = ("content_id", "content_name", "content_category", "brand")

TEXTS_SQL = f"SELECT {json_text('guarded')} AS json FROM (SELECT {guarded('text', Plain.TEXT)} AS guarded FROM texts)"
"""The JSON strings of plain texts."""


def compile_properties(context: Context) -> list[str]:
    """Pieces of JSON, NULL, or with a comma before what they write, to follow `"properties":{` and content_type."""
    pieces = _currency(context)
    plain = ((name, context.json(name)) for name in ("order_id", "shop_id", "description", "event_channel"))
    pieces += later_members((name, json) for name, json in plain if json)
    for number, item in enumerate(context.binding.own.items()):
        pieces += _own(context, number, *item)
    return pieces


def content_type(context: Context) -> str:
    """The JSON string of content_type, which always stands first."""
    text = context.text("content_type")
    return f"coalesce({json_text(text)}, '\"product\"')" if text else "'\"product\"'"


def compile_currency(context: Context) -> tuple[dict[Reason, str], dict[RowWarning, str]]:
    """Puts the column currency; gives when it is a reason to reject and when to warn."""
    text = context.text("currency")
    if not text:
        return {}, {}
    context.layers.put(Level.NORMAL, "currency", f"coalesce(upper({text}), 'USD')")
    is_listed = is_code("currency", dict.fromkeys((*_OFTEN_PAID, *LISTED_CURRENCIES)))
    is_other = is_code("currency", sorted({*ISO_CURRENCIES} - {*LISTED_CURRENCIES}))
    return (
        {Reason.INVALID_CURRENCY: f"CASE WHEN {is_listed} THEN false ELSE NOT {is_other} END"},
        {RowWarning.CURRENCY_NOT_LISTED: f"CASE WHEN {is_listed} THEN false ELSE {is_other} END"},
    )


def compile_channel(context: Context) -> dict[Reason, str]:
    """When event_channel is a reason to reject."""
    text = context.text("event_channel")
    return {Reason.INVALID_EVENT_CHANNEL: f"NOT {is_one_of(text, EVENT_CHANNELS)}"} if text else {}


def compile_amounts(context: Context) -> None:
    """Put amount, what the row adds to the event's value; bad_amount, a reason to reject it; and priced (see LINE).

    A `value` counts only where it is used: price x quantity stands before it unless the template puts it first.
    """
    read = {name: column for name in _LIMITS if (column := _read(context, name))}
    pair = {"price", "quantity"} <= read.keys()
    priced = f"({read['price']}_given IS NOT NULL AND {read['quantity']}_given IS NOT NULL)" if pair else "false"
    sources = [
        product(read["price"], read["quantity"]) if pair else None,
        either(read["value"]) if "value" in read else None,
    ]
    if first := _value_first(context):
        sources.reverse()
    known = [source for source in sources if source]
    put = context.layers.put
    put(Level.DIGEST, "amount", f"coalesce({', '.join(known)}, NULL)" if known else f"NULL::{WIDE}")
    alone = " OR ".join(f"{read[name]}_given IS NOT NULL" for name in ("price", "quantity") if name in read)
    unvalued = f" WHEN ({alone}) AND amount IS NULL THEN NULL" if alone else ""
    put(Level.OUTCOME, "priced", f"CASE WHEN {priced} THEN true{unvalued} ELSE false END" if unvalued else "false")
    used = dict.fromkeys(read, "true") | ({"value": f"NOT {priced}"} if pair and not first else {})
    bad = [f"({used[name]} AND {_is_bad(context, name, column)})" for name, column in read.items() if name in used]
    put(Level.OUTCOME, "bad_amount", f"coalesce({' OR '.join(bad)}, false)" if bad else "false")


def _value_first(context: Context) -> bool:
    fields = context.fields("value")
    return bool(fields and fields[0].first)


def _is_bad(context: Context, name: str, column: str) -> str:
    """Return the condition that a value is no number, too large, or negative where no line may be."""
    rules = context.rules
    subtracts = rules.line_items and rules.negative_lines == "subtract"
    return is_bad(f"{column}_given", column, "false" if subtracts else f"{column}_negative", _LIMITS[name])


def compile_item(context: Context) -> None:
    """Put item: this row's element of `contents`, NULL where it has nothing for one; and reduces: such a row has none.

    Such a row is taken off the event's value, whatever signs it has: a return may come with a negative quantity, or
    with a negative price too. A CASE around items would cost a fifth of this query: what follows sees to the few.
    """
    put = context.layers.put
    found = [(name, json) for name in _ITEM_TEXTS if (json := _json_of_texts(context, name) or context.json(name))]
    found += [
        (name, put(Level.JSON, f"json_{name}", json_number(f"number_{name}")))
        for name in ("price", "quantity")
        if context.binding.has(name)
    ]
    put(Level.OUTCOME, "item", f"nullif(concat('{{', {members(found)}, '}}'), '{{}}')" if found else "NULL::VARCHAR")
    put(Level.OUTCOME, "reduces", f"coalesce({_reduces(context)}, false)")


def _reduces(context: Context) -> str:
    """Return the condition that a row has a negative price or quantity, or a negative value that is used."""
    negative = [f"number_{name}_negative" for name in ("price", "quantity") if context.text(name)]
    if context.text("value"):
        unused = "priced" if not _value_first(context) else "false"
        negative.append(f"(number_value_negative AND NOT {unused})")
    return " OR ".join(negative) or "false"


def digested(context: Context, columns: list[str]) -> list[str]:
    """What identical rows are told by, beside their head and item: the others of these columns, and a value.

    Numbers count by what they come to, as 1.0 and 1.00.
    """
    names = {column: _filled_by(context, column) for column in columns}
    values = {column for column, found in names.items() if found == {"value"}}
    numbers = ["number_value", "number_value_wide"] if values else []
    return [*(one for one in columns if one not in values and not names[one] <= _SHOWN), *numbers]


def _filled_by(context: Context, column: str) -> set[str]:
    """The parameters and properties that a column of the result fills."""
    own = {OWN_PROPERTY + key: (one,) for key, one in context.binding.own.items() if isinstance(one, Field)}
    filled = {**context.binding.fields, **own}
    return {name for name, fields in filled.items() if column in {f"c{field.index}" for field in fields}}


def text_columns(context: Context) -> dict[str, str]:
    """By the name under which `items` has the JSON strings of a column of texts: that column."""
    found = ((_json_of_texts(context, name), context.fields(name)[:1]) for name in _ITEM_TEXTS)
    return {name: f"c{field.index}" for name, fields in found if name for field in fields}


def _json_of_texts(context: Context, name: str) -> str | None:
    """Where the parameter takes its texts from a column, most of them time and again, as names of goods are."""
    fields = context.fields(name)
    if BY_NAME[name].plain is not Plain.TEXT or name in context.binding.constants or not fields:
        return None
    return f"json_of_c{fields[0].index}" if is_text(fields[0].kind) else None


def _read(context: Context, name: str) -> str | None:
    """Puts the number that a parameter gives, as a pair of columns, and gives the name of the first."""
    given, fields = context.text(name), context.fields(name)
    if not given:
        return None
    column, put = f"number_{name}", context.layers.put
    if fields and not is_text(fields[0].kind):
        source, kind, level = f"c{fields[0].index}", fields[0].kind, Level.TEXT
    else:
        source, kind, level = given, pa.string(), Level.NORMAL
    put(level, f"{column}_given", source)
    put(level, f"{column}_negative", is_negative(source, kind))
    put(level, column, narrow(source, kind))
    put(Level.CLEAN, f"{column}_wide", wide(f"{column}_given", kind, column))
    return column


def _currency(context: Context) -> list[str]:
    if context.text("currency"):
        return [quote(',"currency":"'), "currency", quote('"')]
    return [quote(',"currency":"USD"')]


def _own(context: Context, number: int, key: str, source: Field | Constant) -> list[str]:
    if isinstance(source, Constant):
        return [quote(f",{json.dumps(key, ensure_ascii=False)}:{_constant_json(source)}")] if _says(source) else []
    column, kind = f"c{source.index}", source.kind
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_floating(kind)
    ):
        value = text_of(column, kind)
    elif pa.types.is_nested(kind):
        nested = context.layers.put(Level.TEXT, f"own_{number}", f"to_json({column})::VARCHAR")
        value = context.layers.put(Level.GUARDED, f"own_{number}_text", context.guarded_json(nested, source))
    else:
        text = context.layers.put(Level.TEXT, f"own_{number}", text_of(column, kind))
        value = json_text(
            context.layers.put(Level.GUARDED, f"own_{number}_text", context.guarded(text, Plain.TEXT, source))
        )
    kept = context.layers.put(Level.NORMAL, f"own_{number}_json", value)
    return later_members([(key, kept)])


def _says(source: Constant) -> bool:
    return literal(source.value) != "NULL::VARCHAR"


def _constant_json(source: Constant) -> str:
    value = anonymous(source.value.strip()) if isinstance(source.value, str) else source.value
    return json.dumps(value, ensure_ascii=False)
