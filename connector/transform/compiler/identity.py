"""Compile the identifiers of an event's person: e-mail, phone and external id, each of several columns or lists."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from connector.catalogue import IDENTIFIERS, PARAMETERS, Kind, Parameter
from connector.core.hashed_rows import PERSON_DIGITS
from connector.core.outcomes import Reason, RowWarning
from connector.transform.binding import WITHOUT_PLACEHOLDERS, Field, is_list
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.phone_regions import put_country_of_phones, put_unknown_country, region_placeholders
from connector.transform.packed import DIGEST_LENGTH, INVALID, PLACEHOLDER
from connector.transform.sql.identity import (
    digest_list,
    digests_in,
    has_invalid,
    has_placeholder,
    identifier_text,
    number_of_column,
    packed_email,
    packed_phone,
    packed_text,
    phone_number,
    split_digests,
)

_WARNINGS = {
    Kind.EMAIL: RowWarning.INVALID_EMAIL,
    Kind.PHONE: RowWarning.INVALID_PHONE,
    Kind.EXTERNAL_ID: RowWarning.INVALID_EXTERNAL_ID,
}

MOST_COLUMNS = 16
"""Of phone numbers, for which it is counted how many are invalid."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """The columns and conditions of one identifier."""

    parameter: Parameter
    json: str
    """Its JSON: a digest, or an array of digests."""
    sorted_json: str
    """Its sorted digests as a JSON array."""
    given: str
    """The condition that something was given."""
    present: str
    """The condition that there is a digest."""
    invalid: str
    """The condition that something invalid was given."""
    placeholder: str
    """The condition that something given stands for no value."""
    persons: str
    """The first digits of its digests, one after the other."""
    columns: dict[str, tuple[str, str]]
    """By column of the result, the conditions that it gave something, and something invalid."""

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name


@dataclass(frozen=True, slots=True)
class _Packed:
    """The columns of one packed text: its digests, and flags for an invalid part and for a placeholder."""

    digests: str
    invalid: str
    placeholder: str

    @property
    def given(self) -> str:
        """The condition that a value is given, valid or not."""
        return f"({self.digests} IS NOT NULL OR {self.invalid})"


def compile_identities(context: Context) -> list[Identifier]:
    """Put the digests of every identifier that something fills."""
    parameters = (parameter for parameter in PARAMETERS if parameter.kind in IDENTIFIERS)
    identifiers = [identifier for parameter in parameters if (identifier := _identifier(context, parameter))]
    given = " OR ".join(identifier.given for identifier in identifiers) or "false"
    present = " OR ".join(identifier.present for identifier in identifiers) or "false"
    context.reject(Reason.MISSING_IDENTITY, f"NOT ({given})")
    context.reject(Reason.INVALID_IDENTITY, f"NOT ({present})")
    _warn(context, identifiers)
    return identifiers


def compile_persons(context: Context, identifiers: list[Identifier]) -> None:
    """Put persons: the first 16 digits of every digest, by which a suppressed person is found."""
    parts = [one.persons for one in identifiers]
    context.layers.put(Level.LAST, "persons", f"concat({', '.join(parts)})" if parts else "''")


def compile_phones(context: Context, identifiers: list[Identifier]) -> tuple[str, ...]:
    """Put phones: for column n, bit 2n is set if it gives a number, bit 2n + 1 if an invalid one.

    Return the names of the columns.
    """
    phones = (identifier for identifier in identifiers if identifier.parameter.kind is Kind.PHONE)
    columns = {name: conditions for phone in phones for name, conditions in phone.columns.items()}
    context.layers.put(Level.OUTCOME, "phones", phone_bits(columns))
    return tuple(columns)[:MOST_COLUMNS]


def phone_bits(columns: Mapping[str, tuple[str, str]]) -> str:
    """Return the bits of columns of phone numbers, by whether each gives one, and an invalid one."""
    bits = [
        f"CASE WHEN {condition} THEN {1 << 2 * number + place} ELSE 0 END"
        for number, conditions in enumerate([*columns.values()][:MOST_COLUMNS])
        for place, condition in enumerate(conditions)
    ]
    return f"({' + '.join(bits) or '0'})::UINTEGER"


def _warn(context: Context, identifiers: list[Identifier]) -> None:
    """Add warnings for dropped identifiers, and for phone numbers with an unknown country."""
    for identifier in identifiers:
        kind, fields = identifier.parameter.kind, context.fields(identifier.name)
        if kind is not Kind.EXTERNAL_ID or any(_is_floating(field.kind) for field in fields):
            context.warn(_WARNINGS[kind], identifier.invalid)
    given = [one.given for one in identifiers if one.parameter.kind is Kind.PHONE]
    # The country of a web event warns by itself.
    is_sent = context.web is True and not context.binding.has("phone_region")
    if given and not is_sent and (unknown := put_unknown_country(context.layers, context.binding)):
        context.warn(RowWarning.UNKNOWN_COUNTRY, f"({unknown} AND {given[0] if len(given) == 1 else _any(given)})")


def _any(conditions: list[str]) -> str:
    return f"({' OR '.join(conditions)})"


def _is_floating(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind.value_type if is_list(kind) else kind))


def compile_placeholders(context: Context, identifiers: list[Identifier]) -> None:
    """Add a warning for placeholder words given as an identifier, an id of the event, a place or a page.

    Put item_placeholder, the same of the ids of the row's item, which lines of one event need not share.
    """
    others = [one for one in PARAMETERS if one.kind in WITHOUT_PLACEHOLDERS and context.text(one.name)]
    names = sorted(one.name for one in others if one.name in context.placeholders)
    of_items = {one.name for one in others if one.in_contents}
    for identifier in identifiers:
        context.warn(RowWarning.PLACEHOLDER_VALUE, identifier.placeholder)
    for name in names:
        if name not in of_items:
            context.warn(RowWarning.PLACEHOLDER_VALUE, context.placeholders[name])
    if context.web is not True and context.binding.has("phone"):
        for condition in region_placeholders(context.binding):
            context.warn(RowWarning.PLACEHOLDER_VALUE, condition)
    conditions = [context.placeholders[name] for name in names if name in of_items]
    item_placeholder = f"coalesce({' OR '.join(conditions)}, false)" if conditions else "false"
    context.layers.put(Level.OUTCOME, "item_placeholder", item_placeholder)


def _identifier(context: Context, parameter: Parameter) -> Identifier | None:
    fields = context.fields(parameter.name)
    if parameter.name in context.binding.constants:
        text = context.text(parameter.name)
        return _of_scalars(context, parameter, {text: None}) if text else None
    if not fields:
        return None
    if any(is_list(field.kind) for field in fields):
        return _of_lists(context, parameter, fields)
    texts = {f"given_{parameter.name}_{number}": field for number, field in enumerate(fields)}
    for name, field in texts.items():
        text = context.source_text(field, parameter)
        context.layers.put(Level.GIVEN, name, context.for_source(parameter, text))
    return _of_scalars(context, parameter, texts)


def _of_scalars(context: Context, parameter: Parameter, texts: "dict[str, Field] | dict[str, None]") -> Identifier:
    layers, name = context.layers, parameter.name
    packed = {text: _put_packed(context, text, _pack(context, parameter, text, field)) for text, field in texts.items()}
    columns = {field.name: (packed[text].given, packed[text].invalid) for text, field in texts.items() if field}
    every = [*packed.values()]
    digests = [one.digests for one in every]
    several = " OR ".join(f"strlen({digest}) > {DIGEST_LENGTH}" for digest in digests)
    if len(every) == 1:
        digest = digests[0]
        json = layers.put(Level.LIST, f"json_{name}", _scalar_json(digest))
        return Identifier(
            parameter,
            json,
            _sorted_json(digest, json),
            every[0].given,
            f"{digest} IS NOT NULL",
            every[0].invalid,
            every[0].placeholder,
            f"CASE WHEN {several} THEN {_starts(split_digests(digest))} ELSE {_start(digest)} END",
            columns,
        )
    joined = split_digests(f"concat({', '.join(digests)})")
    each = f"list_filter([{', '.join(digests)}], lambda x: x IS NOT NULL)"
    layers.put(Level.LIST, f"digests_{name}", f"CASE WHEN {several} THEN {joined} ELSE {each} END")
    given, invalid, placeholder = (
        f"({' OR '.join(conditions)})"
        for conditions in (
            [one.given for one in every],
            [one.invalid for one in every],
            [one.placeholder for one in every],
        )
    )
    return _of_digest_list(context, parameter, _Packed("", invalid, placeholder), given, columns)


def _put_packed(context: Context, name: str, packed: str) -> _Packed:
    """Put a packed text and what it comes to, once for each row."""
    put, column = context.layers.put, f"{name}_packed"
    put(Level.DIGEST, column, packed)
    return _Packed(
        put(Level.PACKED, f"{name}_digests", digests_in(column)),
        put(Level.PACKED, f"{name}_invalid", has_invalid(column)),
        put(Level.PACKED, f"{name}_placeholder", has_placeholder(column)),
    )


def _of_lists(context: Context, parameter: Parameter, fields: tuple[Field, ...]) -> Identifier:
    layers, name = context.layers, parameter.name
    lists = ", ".join(_as_list(field, parameter) for field in fields)
    texts = layers.put(Level.GIVEN, f"texts_{name}", context.for_source(parameter, f"flatten([{lists}])"))
    packed = f"array_to_string(list_transform({texts}, lambda x: {_packed_expression(context, parameter, 'x')}), '')"
    column = layers.put(Level.DIGEST, f"{name}_packed", packed)
    invalid = layers.put(Level.PACKED, f"{name}_invalid", f"coalesce(contains({column}, '{INVALID}'), false)")
    placeholder = layers.put(
        Level.PACKED, f"{name}_placeholder", f"coalesce(contains({column}, '{PLACEHOLDER}'), false)"
    )
    layers.put(Level.LIST, f"digests_{name}", digest_list(column))
    given = f"(coalesce(len(digests_{name}), 0) > 0 OR {invalid})"
    columns = {", ".join(field.name for field in fields): (given, invalid)}
    return _of_digest_list(context, parameter, _Packed(column, invalid, placeholder), given, columns)


def _as_list(field: Field, parameter: Parameter) -> str:
    column, number = f"c{field.index}", parameter.kind is Kind.PHONE
    if is_list(field.kind):
        texts = f"list_transform({column}, lambda x: {identifier_text('x', field.kind.value_type, number=number)})"
        return f"coalesce({texts}, []::VARCHAR[])"
    return f"[{identifier_text(column, field.kind, number=number)}]"


def _of_digest_list(
    context: Context, parameter: Parameter, packed: _Packed, given: str, columns: dict[str, tuple[str, str]]
) -> Identifier:
    layers, name = context.layers, parameter.name
    distinct = f"distinct_{name}"
    every = f"digests_{name}"
    layers.put(Level.JSON, distinct, f"list_filter({every}, lambda x, i: list_position({every}, x) = i)")
    json = layers.put(
        Level.ID,
        f"json_{name}",
        f"CASE len({distinct}) WHEN 0 THEN NULL WHEN 1 THEN '\"' || {distinct}[1] || '\"' ELSE {_array(distinct)} END",
    )
    sorted_json = f"CASE WHEN len({distinct}) > 0 THEN {_array(f'list_sort({distinct})')} ELSE '[]' END"
    present = f"coalesce(len({every}), 0) > 0"
    return Identifier(
        parameter, json, sorted_json, given, present, packed.invalid, packed.placeholder, _starts(distinct), columns
    )


def _scalar_json(digests: str) -> str:
    """Return the JSON of the digests in a packed text: nearly all have one."""
    array = _array(split_digests(digests))
    return f"CASE WHEN strlen({digests}) > {DIGEST_LENGTH} THEN {array} ELSE '\"' || {digests} || '\"' END"


def _sorted_json(digests: str, json: str) -> str:
    array = _array(f"list_sort({split_digests(digests)})")
    return f"CASE WHEN strlen({digests}) > {DIGEST_LENGTH} THEN {array} ELSE coalesce('[' || {json} || ']', '[]') END"


def _array(digests: str) -> str:
    return f"'[\"' || array_to_string({digests}, '\",\"') || '\"]'"


def _start(digest: str) -> str:
    return f"substr({digest}, 1, {PERSON_DIGITS})"


def _starts(digests: str) -> str:
    return f"array_to_string(list_transform({digests}, lambda x: {_start('x')}), '')"


def _pack(context: Context, parameter: Parameter, text: str, field: Field | None) -> str:
    """Return the packed digests of `text`, which comes from a column of the result, or is a constant."""
    if parameter.kind is not Kind.PHONE or not field:
        return _packed_expression(context, parameter, text)
    country = put_country_of_phones(context.layers, context.binding)
    number = number_of_column(text, field.index, field.kind, context.rules.default_region, country)
    return packed_phone(text, context.layers.put(Level.CLEAN, f"{text}_number", number), country)


def _packed_expression(context: Context, parameter: Parameter, text: str) -> str:
    if parameter.kind is Kind.EMAIL:
        return packed_email(text)
    if parameter.kind is Kind.PHONE:
        country = put_country_of_phones(context.layers, context.binding)
        return packed_phone(text, f"({phone_number(text, context.rules.default_region, country)})", country)
    return packed_text(text)
