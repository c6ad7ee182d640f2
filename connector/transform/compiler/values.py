"""Compile the value of a parameter: read, checked and written as JSON by the rule of its kind."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from connector.catalogue import PARAMETERS, Kind, Parameter, Plain
from connector.catalogue.vocabulary import ISO_CURRENCIES, LISTED_CURRENCIES
from connector.core.outcomes import RowWarning
from connector.transform.compiler.context import Context, Level
from connector.transform.sql.functions import is_public, without_prefix
from connector.transform.sql.identity import (
    cleaned_name,
    cleaned_place,
    cleaned_zip,
    country_code,
    is_digest,
    text_digest,
    without_empty_digest,
)
from connector.transform.sql.json import json_text
from connector.transform.sql.numbers import is_bad, is_negative, json_number, narrow, wide
from connector.transform.sql.text import guarded, is_code, is_one_of, is_text, lower, quote, strip
from connector.transform.sql.times import unix_seconds

_OFTEN_PAID = ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "BRL", "MXN", "IDR")

_US_ZIP_LENGTH = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BEHIND_STATE = "[a-z]{2,3}[0-9]{5}([0-9]{4})?"
"""An American postal code behind its state or country, which is not part of it."""
_STATES = (
    "a[klrz]|c[aot]|dc|fl|ga|hi|i[adln]|k[sy]|la|m[adeinost]|n[cdehjmvy]|o[hkr]|pa|ri|s[cd]|t[nx]|ut|v[at]|w[aivy]|usa?"
)
"""American ones, without Delaware, whose letters stand before Germany's postal codes."""

ELSEWHERE = frozenset({"event", "timestamp", "event_id", "value"})
"""Parameters that make up what every event has, or that are computed of all its rows."""
_OF_LINES = frozenset({"price", "quantity"})
"""Numbers that reject a row for what it adds to its event's value, and not by themselves."""


@dataclass(frozen=True, slots=True)
class Value:
    """The expressions of a value."""

    json: str
    """Its JSON, NULL if there is no value."""
    present: str
    """The condition that there is a valid value."""
    code: str | None = None
    """The column of a value that is always there and holds nothing that JSON escapes."""


def compile_values(context: Context) -> dict[str, Value]:
    """Put the values of all parameters that are members of the event; return those that something fills, by name."""
    return {
        parameter.name: value
        for parameter in PARAMETERS
        if parameter.name not in ELSEWHERE and parameter.kind in _RULES and (value := _value(context, parameter))
    }


def _value(context: Context, parameter: Parameter) -> Value | None:
    if not context.takes(parameter):
        return None
    text = context.text(parameter.name)
    if parameter.missing:
        context.reject(parameter.missing, context.on_source(parameter, f"{text} IS NULL" if text else "true"))
    value = _RULES[parameter.kind](context, parameter, text) if text else None
    if parameter.default is None:
        return value
    default = quote(json.dumps(parameter.default))
    given = f"coalesce({value.json}, {default})" if value else default
    return Value(context.for_source(parameter, given), "true", value.code if value else None)


def _text(context: Context, parameter: Parameter, text: str) -> Value:
    if parameter.hashed:
        return _digest(context, parameter, _known(context, parameter, text))
    return Value(context.json(parameter.name) or "NULL", f"{text} IS NOT NULL")


def _choice(context: Context, parameter: Parameter, text: str) -> Value:
    context.reject(parameter.invalid, f"NOT {is_one_of(text, parameter.choices)}")
    return _text(context, parameter, text)


def _currency(context: Context, parameter: Parameter, text: str) -> Value:
    code = f"upper({text})"
    if is_certain := parameter.default is not None and context.is_for_all(parameter):
        code = f"coalesce({code}, {quote(parameter.default or '')})"
    column = context.layers.put(Level.NORMAL, parameter.name, code)
    is_listed = is_code(column, dict.fromkeys((*_OFTEN_PAID, *LISTED_CURRENCIES)))
    is_other = is_code(column, sorted({*ISO_CURRENCIES} - {*LISTED_CURRENCIES}))
    context.reject(parameter.invalid, f"CASE WHEN {is_listed} THEN false ELSE NOT {is_other} END")
    context.warn(RowWarning.CURRENCY_NOT_LISTED, f"CASE WHEN {is_listed} THEN false ELSE {is_other} END")
    return Value(_quoted(column), f"{column} IS NOT NULL", column if is_certain else None)


def _ip(context: Context, parameter: Parameter, text: str) -> Value:
    address = context.layers.put(Level.GUARDED, f"{parameter.name}_address", without_prefix(text))
    usable = f"CASE WHEN {is_public(address)} THEN {address} END"
    column = context.layers.put(Level.NORMAL, f"usable_{parameter.name}", usable)
    context.warn(RowWarning.INVALID_IP, f"({text} IS NOT NULL AND {column} IS NULL)")
    return Value(_put_json(context, parameter, json_text(column)), f"{column} IS NOT NULL")


def _country(context: Context, parameter: Parameter, text: str) -> Value:
    small = context.layers.put(Level.NORMAL, f"{parameter.name}_small", lower(text))
    column = context.layers.put(Level.CLEAN, f"usable_{parameter.name}", country_code(small))
    context.warn(RowWarning.UNKNOWN_COUNTRY, f"({text} IS NOT NULL AND {column} IS NULL)")
    return Value(_put_json(context, parameter, json_text(column)), f"{column} IS NOT NULL")


def _place(context: Context, parameter: Parameter, text: str) -> Value:
    given = _known(context, parameter, text) if parameter.hashed else text
    clean = context.layers.put(Level.NORMAL, f"{parameter.name}_clean", cleaned_place(given))
    if parameter.hashed:
        return _digest(context, parameter, clean)
    # Without its punctuation a text may be a number that it was not before.
    column = context.layers.put(Level.CLEAN, f"{parameter.name}_kept", guarded(clean, Plain.WHOLE))
    return Value(_put_json(context, parameter, json_text(column)), f"{column} IS NOT NULL")


def _name(context: Context, parameter: Parameter, text: str) -> Value:
    clean = context.layers.put(Level.CLEAN, f"{parameter.name}_clean", cleaned_name(_known(context, parameter, text)))
    return _digest(context, parameter, context.layers.put(Level.DIGEST, f"{parameter.name}_kept", strip(clean)))


def _zip(context: Context, parameter: Parameter, text: str) -> Value:
    put, name = context.layers.put, parameter.name
    clean = put(Level.CLEAN, f"{name}_clean", cleaned_zip(_known(context, parameter, text)))
    american = put(Level.DIGEST, f"{name}_american", _is_american(context, clean))
    digits = (
        f"CASE WHEN regexp_full_match({clean}, '{_BEHIND_STATE}') THEN ltrim({clean}, '{_LETTERS}') ELSE {clean} END"
    )
    cut = f"CASE WHEN {clean} >= 'a' THEN left({digits}, {_US_ZIP_LENGTH}) ELSE left({clean}, {_US_ZIP_LENGTH}) END"
    return _digest(
        context, parameter, put(Level.PACKED, f"{name}_kept", f"CASE WHEN {american} THEN {cut} ELSE {clean} END")
    )


def _is_american(context: Context, clean: str) -> str:
    """Return the condition that a postal code is American: by the row's country, else by the region and its form."""
    at_home = "false"
    if context.rules.default_region == "US":
        at_home = f"regexp_full_match({clean}, '(?:{_STATES})?[0-9]{{5}}([0-9]{{4}})?')"
    country = context.text("country")
    by_country = f"WHEN {country} IS NOT NULL THEN coalesce(usable_country = 'us', false)" if country else ""
    return f"CASE WHEN {is_digest(clean)} THEN false {by_country} ELSE {at_home} END"


def _number(context: Context, parameter: Parameter, text: str) -> Value:
    column = put_number(context, parameter, text)
    if parameter.name not in _OF_LINES:
        context.reject(parameter.invalid, is_bad(f"{column}_given", column, "false", parameter.below))
    return Value(_put_json(context, parameter, json_number(column)), f"{column}_given IS NOT NULL")


def _time(context: Context, parameter: Parameter, text: str) -> Value:
    source, kind, level, zone = read_of(context, parameter, text)
    column = context.layers.put(level, f"seconds_{parameter.name}", unix_seconds(source, kind, zone))
    context.reject(parameter.invalid, f"({source} IS NOT NULL AND {column} IS NULL)")
    return Value(_put_json(context, parameter, f"{column}::VARCHAR"), f"{column} IS NOT NULL")


def put_number(context: Context, parameter: Parameter, text: str) -> str:
    """Put the number that a parameter gives, as a pair of columns, and return the name of the first."""
    source, kind, level, _ = read_of(context, parameter, text)
    column, put = f"number_{parameter.name}", context.layers.put
    put(level, f"{column}_given", source)
    put(level, f"{column}_negative", is_negative(source, kind))
    put(level, column, narrow(source, kind))
    put(Level.CLEAN, f"{column}_wide", wide(f"{column}_given", kind, column))
    return column


def read_of(context: Context, parameter: Parameter, text: str) -> tuple[str, pa.DataType, Level, str]:
    """Return what a number or a time is read from: a column, its type, the level of what uses it, and the time zone.

    Columns of numbers and times are read as they are, others by their text.
    """
    fields = context.fields(parameter.name)
    zone = (fields[0].timezone if fields else None) or context.rules.timezone
    if fields and not is_text(fields[0].kind):
        column = context.for_source(parameter, f"c{fields[0].index}")
        return column, fields[0].kind, Level.TEXT, zone
    return text, pa.string(), Level.NORMAL, zone


def _known(context: Context, parameter: Parameter, text: str) -> str:
    """Put what is to be hashed: nothing if the digest of nothing was given."""
    return context.layers.put(Level.GUARDED, f"{parameter.name}_known", without_empty_digest(text))


def _digest(context: Context, parameter: Parameter, column: str) -> Value:
    digest = context.layers.put(Level.LIST, f"{parameter.name}_digest", text_digest(column))
    return Value(_put_json(context, parameter, _quoted(digest)), f"{digest} IS NOT NULL")


def _put_json(context: Context, parameter: Parameter, expression: str) -> str:
    return context.layers.put(Level.JSON, f"json_{parameter.name}", expression)


def _quoted(column: str) -> str:
    return f"'\"' || {column} || '\"'"


_RULES: Mapping[Kind, Callable[[Context, Parameter, str], Value]] = {
    Kind.ID: _text,
    Kind.TEXT: _text,
    Kind.URL: _text,
    Kind.CHOICE: _choice,
    Kind.CURRENCY: _currency,
    Kind.IP: _ip,
    Kind.COUNTRY: _country,
    Kind.PLACE: _place,
    Kind.NAME: _name,
    Kind.ZIP: _zip,
    Kind.AMOUNT: _number,
    Kind.QUANTITY: _number,
    Kind.TIMESTAMP: _time,
}
