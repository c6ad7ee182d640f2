"""Compile the JSON of an event, with each value at its path in the catalogue, without the closing part."""

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa

from connector.catalogue import CONTENTS, PARAMETERS, PROPERTIES, USER, Kind, Parameter, Plain
from connector.core.redaction import anonymous
from connector.transform.binding import Field
from connector.transform.compiler.context import Context, Level, literal
from connector.transform.compiler.identity import Identifier
from connector.transform.compiler.values import ELSEWHERE, Value
from connector.transform.sql.json import json_text, later_members, members
from connector.transform.sql.text import guarded, is_text, quote, text_of
from connector.transform.template import Constant

_AS_IT_IS = ("""'"'""", "event_id", """'"'""")

TEXTS_SQL = f"SELECT {json_text('guarded')} AS json FROM (SELECT {guarded('text', Plain.TEXT)} AS guarded FROM texts)"
"""The JSON strings of plain texts."""


def compile_head(context: Context, identifiers: list[Identifier], values: Mapping[str, Value]) -> None:
    """Put head: the event's JSON object up to where `contents` and `value` are added, still open."""
    limited = context.on_web("true") if context.rules.limited_data_use else None
    user = {one.name: one.json for one in identifiers} | {name: value.json for name, value in values.items()}
    before = ["""'{"event":'""", json_text("event"), """',"event_time":'""", "event_time", """',"event_id":'"""]
    after = [
        *([f"""CASE WHEN {limited} THEN ',"limited_data_use":true' END"""] if limited else []),
        f"""',"{USER}":{{'""",
        members((one.path[-1], user[one.name]) for one in _members_of(USER) if one.name in user),
        "'}'",
        *later_members((one.path[0], values[one.name].json) for one in _members_of() if one.name in values),
        *_objects(context, values),
        f"""',"{PROPERTIES}":{{'""",
        *_properties(context, values),
    ]
    if context.fields("event_id") or not context.text("event_id"):
        # One that is plain, or derived, holds nothing that JSON escapes.
        context.layers.put_usual("head", f"concat({', '.join([*before, *_AS_IT_IS, *after])})")
    context.layers.put(Level.PAYLOAD, "head", f"concat({', '.join([*before, json_text('event_id'), *after])})")


def _members_of(*place: str) -> Iterator[Parameter]:
    """Yield the parameters that are members of an object of the event, or of the event itself."""
    return (one for one in PARAMETERS if one.path and one.path[:-1] == place and one.name not in ELSEWHERE)


def _objects(context: Context, values: Mapping[str, Value]) -> Iterator[str]:
    """Put the objects beside `user` and `properties`, such as `page`; each is absent if it has no member."""
    names = dict.fromkeys(one.path[0] for one in PARAMETERS if len(one.path) == 2)
    for name in (name for name in names if name not in {USER, PROPERTIES}):
        filled = [one for one in _members_of(name) if one.name in values]
        columns = [(one.path[-1], values[one.name].json) for one in filled]
        begin = f',"{name}":{{'
        if not columns:
            continue
        if filled[0].missing and all(one.sources <= filled[0].sources for one in filled):
            (key, first), *others = columns
            pieces = [quote(f'{begin}"{key}":'), first, *later_members(others), "'}'"]
            written = f"CASE WHEN {first} IS NOT NULL THEN concat({', '.join(pieces)}) END"
        else:
            empty = quote(begin + "}")
            written = f"nullif(concat({quote(begin)}, {members(columns)}, '}}'), {empty})"
        yield context.layers.put(Level.OUTCOME, f"object_{name}", written)


def _properties(context: Context, values: Mapping[str, Value]) -> Iterator[str]:
    """Return pieces of JSON, or NULL. Every event has a value for the first property, so the others follow a comma."""
    comma = ""
    for parameter in _members_of(PROPERTIES):
        value = values.get(parameter.name)
        if value is None:
            continue
        key, comma = f'{comma}"{parameter.path[-1]}":', ","
        if value.code:
            yield from (quote(key + '"'), value.code, quote('"'))
        elif parameter.default is not None and context.is_for_all(parameter):
            constant = json.dumps(parameter.default)
            yield from [quote(key + constant)] if value.json == quote(constant) else [quote(key), value.json]
        else:
            yield from later_members([(parameter.path[-1], value.json)])
    for number, item in enumerate(context.binding.own.items()):
        yield from _own(context, number, *item)


def compile_item(context: Context, values: Mapping[str, Value]) -> None:
    """Put item: this row's element of `contents`, NULL if it has nothing for one."""
    texts = {one.name: column for one in _members_of(*CONTENTS) if (column := _json_of_texts(context, one))}
    filled = {**{name: value.json for name, value in values.items()}, **texts}
    columns = [(one.path[-1], filled[one.name]) for one in _members_of(*CONTENTS) if one.name in filled]
    item = f"nullif(concat('{{', {members(columns)}, '}}'), '{{}}')" if columns else "NULL::VARCHAR"
    context.layers.put(Level.OUTCOME, "item", item)


def text_columns(context: Context) -> dict[str, str]:
    """Return the columns of texts by the names under which `items` has their JSON strings."""
    texts = {column: one.name for one in _members_of(*CONTENTS) if (column := _json_of_texts(context, one))}
    return {column: f"c{context.fields(name)[0].index}" for column, name in texts.items()}


def _json_of_texts(context: Context, parameter: Parameter) -> str | None:
    """Name the JSON strings of a parameter's column if it holds texts, most of them time and again, as names do."""
    fields = context.fields(parameter.name)
    is_free = parameter.kind is Kind.TEXT and parameter.plain is Plain.TEXT and parameter.default is None
    if not is_free or not context.is_for_all(parameter) or parameter.name in context.binding.constants or not fields:
        return None
    return f"json_of_c{fields[0].index}" if is_text(fields[0].kind) else None


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
    column = context.layers.put(Level.NORMAL, f"own_{number}_json", value)
    return later_members([(key, column)])


def _says(source: Constant) -> bool:
    return literal(source.value) != "NULL::VARCHAR"


def _constant_json(source: Constant) -> str:
    value = anonymous(source.value.strip()) if isinstance(source.value, str) else source.value
    return json.dumps(value, ensure_ascii=False)
