"""Who an event is about: e-mail, phone and external id, each of several columns or lists."""

from dataclasses import dataclass

from connector.catalogue import BY_NAME, Kind, Parameter
from connector.hashed import PERSON_DIGITS
from connector.outcomes import Reason, RowWarning
from connector.transform.binding import Field, is_list
from connector.transform.compiler.context import Context, Level
from connector.transform.sql.identity import (
    email_digest,
    is_digest,
    phone_digest,
    phone_number,
    text_digest,
    unspaced,
    without_empty_digest,
)
from connector.transform.sql.text import strip, text_of

_NAMES = ("email", "phone", "external_id")


@dataclass(frozen=True, slots=True)
class Identifier:
    """The columns and conditions of one identifier: its JSON value, its sorted digests as a JSON array,
    whether something was given, whether a digest came of it, whether something given was invalid, and the
    first digits of its digests, one after the other.
    """

    name: str
    json: str
    sorted_json: str
    given: str
    present: str
    invalid: str
    persons: str


def compile_identities(context: Context) -> list[Identifier]:
    """Puts the digests of every identifier that something fills."""
    return [found for name in _NAMES if (found := _identifier(context, BY_NAME[name]))]


def compile_persons(context: Context, identifiers: list[Identifier]) -> None:
    """Puts persons: the first 16 digits of every digest, by which a person can be found again and forgotten."""
    parts = [one.persons for one in identifiers]
    context.layers.put(Level.LAST, "persons", f"concat({', '.join(parts)})" if parts else "''")


def reasons(identifiers: list[Identifier]) -> dict[Reason, str]:
    """When a row says nothing of whom it is about, or nothing valid."""
    given = " OR ".join(one.given for one in identifiers) or "false"
    present = " OR ".join(one.present for one in identifiers) or "false"
    return {Reason.MISSING_IDENTITY: f"NOT ({given})", Reason.INVALID_IDENTITY: f"NOT ({present})"}


def warnings(identifiers: list[Identifier]) -> dict[RowWarning, str]:
    """When an identifier was given and dropped."""
    words = {"email": RowWarning.INVALID_EMAIL, "phone": RowWarning.INVALID_PHONE}
    return {words[one.name]: one.invalid for one in identifiers if one.name in words}


def _identifier(context: Context, parameter: Parameter) -> Identifier | None:
    fields = context.fields(parameter.name)
    if parameter.name in context.binding.constants:
        text = context.text(parameter.name)
        return _of_scalars(context, parameter, [text]) if text else None
    if not fields:
        return None
    if any(is_list(field.kind) for field in fields):
        return _of_lists(context, parameter, fields)
    names = [f"given_{parameter.name}_{number}" for number in range(len(fields))]
    return _of_scalars(
        context,
        parameter,
        [context.column_text(name, field, parameter) for name, field in zip(names, fields, strict=True)],
    )


def _of_scalars(context: Context, parameter: Parameter, given: list[str]) -> Identifier:
    layers, name = context.layers, parameter.name
    texts = [layers.put(Level.NORMAL, f"{column}_value", without_empty_digest(column)) for column in given]
    digests = [_digest(context, parameter, text, column) for text, column in zip(texts, given, strict=True)]
    given_any = " OR ".join(f"{text} IS NOT NULL" for text in texts)
    invalid = " OR ".join(f"({t} IS NOT NULL AND {d} IS NULL)" for t, d in zip(texts, digests, strict=True))
    if len(digests) == 1:
        digest = digests[0]
        json = layers.put(Level.LIST, f"json_{name}", f"'\"' || {digest} || '\"'")
        return Identifier(
            name,
            json,
            f"coalesce('[' || {json} || ']', '[]')",
            given_any,
            f"{digest} IS NOT NULL",
            invalid,
            _start(digest),
        )
    layers.put(Level.LIST, f"digests_{name}", f"list_filter([{', '.join(digests)}], lambda x: x IS NOT NULL)")
    return _of_digest_list(context, name, f"({given_any})", f"({invalid})")


def _of_lists(context: Context, parameter: Parameter, fields: tuple[Field, ...]) -> Identifier:
    layers, name = context.layers, parameter.name
    lists = ", ".join(_as_list(field) for field in fields)
    raw = layers.put(Level.TEXT, f"texts_{name}", context.for_web(name, f"flatten([{lists}])"))
    stripped = layers.put(Level.GIVEN, f"stripped_{name}", f"list_transform({raw}, lambda x: {strip('x')})")
    known = layers.put(
        Level.NORMAL,
        f"values_{name}",
        f"list_filter(list_transform({stripped}, lambda x: {without_empty_digest('x')}), lambda x: x IS NOT NULL)",
    )
    digest = _digest_expression(context, parameter, "x")
    layers.put(
        Level.DIGEST,
        f"all_{name}",
        f"list_filter(list_transform({known}, lambda x: {digest}), lambda x: x IS NOT NULL)",
    )
    layers.put(Level.LIST, f"digests_{name}", f"all_{name}")
    given = f"coalesce(len({known}), 0) > 0"
    return _of_digest_list(context, name, given, f"coalesce(len({known}), 0) > coalesce(len(all_{name}), 0)")


def _as_list(field: Field) -> str:
    column = f"c{field.index}"
    if is_list(field.kind):
        texts = f"list_transform({column}, lambda x: {text_of('x', field.kind.value_type)})"
        return f"coalesce({texts}, []::VARCHAR[])"
    return f"[{text_of(column, field.kind)}]"


def _of_digest_list(context: Context, name: str, given: str, invalid: str) -> Identifier:
    layers, distinct = context.layers, f"distinct_{name}"
    every = f"digests_{name}"
    layers.put(Level.JSON, distinct, f"list_filter({every}, lambda x, i: list_position({every}, x) = i)")
    joined = f"array_to_string({distinct}, '\",\"')"
    json = layers.put(
        Level.ID,
        f"json_{name}",
        f"CASE len({distinct}) WHEN 0 THEN NULL WHEN 1 THEN '\"' || {distinct}[1] || '\"'"
        f" ELSE '[\"' || {joined} || '\"]' END",
    )
    ordered = f"array_to_string(list_sort({distinct}), '\",\"')"
    sorted_json = f"CASE WHEN len({distinct}) > 0 THEN '[\"' || {ordered} || '\"]' ELSE '[]' END"
    persons = f"array_to_string(list_transform({distinct}, lambda x: {_start('x')}), '')"
    return Identifier(name, json, sorted_json, given, f"coalesce(len({every}), 0) > 0", invalid, persons)


def _start(digest: str) -> str:
    return f"substr({digest}, 1, {PERSON_DIGITS})"


def _digest(context: Context, parameter: Parameter, text: str, given: str) -> str:
    layers = context.layers
    if parameter.kind is Kind.PHONE:
        plain = layers.put(Level.NORMAL, f"{given}_unspaced", unspaced(given))
        number = layers.put(Level.CLEAN, f"{text}_number", phone_number(text, context.rules.default_region, plain))
        return layers.put(Level.DIGEST, f"{text}_digest", phone_digest(text, number))
    return layers.put(Level.DIGEST, f"{text}_digest", _digest_expression(context, parameter, text))


def _digest_expression(context: Context, parameter: Parameter, text: str) -> str:
    if parameter.kind is Kind.EMAIL:
        return email_digest(text)
    if parameter.kind is Kind.PHONE:
        number = phone_number(text, context.rules.default_region)
        return f"CASE WHEN {is_digest(text)} THEN lower({text}) ELSE sha256({number}) END"
    return text_digest(text)
