"""Compile the amount that a row adds to its event's value, from price, quantity and value."""

from connector.catalogue import BY_NAME, NUMBERS, OWN_PROPERTY, PARAMETERS, Kind
from connector.transform.binding import Field
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.values import put_number
from connector.transform.sql.numbers import WIDE, either, is_bad, product

_NAMES = ("price", "quantity", "value")
_SHOWN = frozenset(
    parameter.name
    for parameter in PARAMETERS
    if parameter.kind in NUMBERS | {Kind.EVENT, Kind.ID, Kind.CURRENCY, Kind.CHOICE} or parameter.in_contents
) - {"event_id", "value"}
"""Parameters that an event's head, or a row's item, holds as they count; an event_id it holds even if none is given."""


def compile_amounts(context: Context) -> None:
    """Put amount, what the row adds to its event's value; bad_amount, a reason to reject it; priced and reduces.

    `priced` is described at LINE.
    A `value` counts only if it is used: price x quantity goes before it unless the template puts it first. A row that
    reduces is no item. It is subtracted from the event's value, whatever signs it has: a return may come with a
    negative quantity, or with a negative price too. A CASE around items would cost a fifth of this query: what follows
    sees to the few.
    """
    texts = ((name, context.text(name)) for name in _NAMES)
    read = {name: put_number(context, BY_NAME[name], text) for name, text in texts if text}
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
    alone = " OR ".join(f"{read[name]}_given IS NOT NULL" for name in ("price", "quantity") if context.fields(name))
    unvalued = f" WHEN ({alone}) AND amount IS NULL THEN NULL" if alone else ""
    put(Level.OUTCOME, "priced", f"CASE WHEN {priced} THEN true{unvalued} ELSE false END" if unvalued else "false")
    used = dict.fromkeys(read, "true") | ({"value": f"NOT {priced}"} if pair and not first else {})
    bad = [f"({used[name]} AND {_is_bad(context, name, column)})" for name, column in read.items() if name in used]
    put(Level.OUTCOME, "bad_amount", f"coalesce({' OR '.join(bad)}, false)" if bad else "false")
    negative = [f"{read[name]}_negative" for name in ("price", "quantity") if name in read]
    negative += [f"({read['value']}_negative AND {used['value']})"] if "value" in read else []
    put(Level.OUTCOME, "reduces", f"coalesce({' OR '.join(negative) or 'false'}, false)")


def _value_first(context: Context) -> bool:
    fields = context.fields("value")
    return bool(fields and fields[0].first)


def _is_bad(context: Context, name: str, column: str) -> str:
    """Return the condition that a value is no number, too large, or negative in an event without negative lines."""
    rules = context.rules
    subtracts = rules.line_items and rules.negative_lines == "subtract"
    negative = "false" if subtracts else f"{column}_negative"
    return is_bad(f"{column}_given", column, negative, BY_NAME[name].below)


def digested(context: Context, columns: list[str]) -> list[str]:
    """Return what identifies identical rows besides their head and item: the others of these columns, and a value.

    Numbers count by what they come to, as 1.0 and 1.00.
    """
    names = {column: _filled_by(context, column) for column in columns}
    values = {column for column, filled in names.items() if filled == {"value"}}
    numbers = ["number_value", "number_value_wide"] if values else []
    return [*(column for column in columns if column not in values and not names[column] <= _SHOWN), *numbers]


def _filled_by(context: Context, column: str) -> set[str]:
    """Return the parameters and properties that a column of the result fills."""
    own = {OWN_PROPERTY + key: (one,) for key, one in context.binding.own.items() if isinstance(one, Field)}
    filled = {**context.binding.fields, **own}
    return {name for name, fields in filled.items() if column in {f"c{field.index}" for field in fields}}
