"""JSON Schema of tests of queries, for editors: rows, and what is expected of them."""

import re
from collections.abc import Iterable
from enum import StrEnum

from connector.catalogue import CATALOGUES, OWN_PROPERTY, Parameter
from connector.config.field_docs import field_docs
from connector.config.fields import TEXT_SCHEMA, JsonSchema
from connector.config.json_schema import DRAFT, any_case
from connector.config.query_test import ExpectSettings, QueryTestFile, QueryTestSettings, lines, moment
from connector.config.settings import Settings
from connector.core.outcomes import Reason, RowWarning, Skip

_NUMBER: JsonSchema = {"type": "integer", "minimum": 0}
_ROW_NUMBER: JsonSchema = {"type": "integer", "minimum": 1}
_ROW_NUMBERS: JsonSchema = {"anyOf": [_ROW_NUMBER, {"type": "array", "items": _ROW_NUMBER}]}
_ROWS: JsonSchema = {"type": "array", "items": {"type": "object"}}
_TYPES: JsonSchema = {"type": ["object", "null"], "additionalProperties": {"type": "string"}}
_TABLE: JsonSchema = {
    "anyOf": [
        {**_ROWS, "minItems": 1},
        {
            "type": "object",
            "properties": {
                "rows": {
                    **_ROWS,
                    "type": ["array", "null"],
                    "description": "The rows; a column that one lacks is NULL.",
                },
                "columns": {
                    **_TYPES,
                    "description": "The types of columns, in the SQL of the query; else they follow from the values.",
                },
            },
            "additionalProperties": False,
        },
    ]
}
_TEXT: JsonSchema = {"anyOf": [TEXT_SCHEMA, {"type": "null"}]}


def query_test_schema() -> JsonSchema:
    """Return the schema of `tests/NAME.yaml`."""
    rows: dict[str, JsonSchema] = {
        "description": _TEXT,
        "started_at": _or_null(moment.__dict__["json_schema"]({})),
        "last_success_at": _or_null(moment.__dict__["json_schema"]({})),
        "parameters": {"type": ["object", "null"]},
        "given": {"type": ["object", "null"], "additionalProperties": _TABLE},
        "lines": _or_null(lines.__dict__["json_schema"]({})),
        "result": _or_null(_TABLE),
    }
    test = _object(QueryTestSettings, {**rows, "expect": {"$ref": "#/definitions/expect"}}, ["expect"])
    tests = {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/test"}}
    whole = _object(QueryTestFile, {**rows, "orchestration": _TEXT, "tests": tests}, ["tests"])
    return {
        "$schema": DRAFT,
        "title": "tests of a query",
        **whole,
        "definitions": {"test": test, "expect": _expect(), "event": _event(), "member": _member()},
    }


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(model: type[Settings], properties: dict[str, JsonSchema], required: list[str]) -> JsonSchema:
    docs = field_docs(model)
    described = {key: {"description": docs[key], **schema} for key, schema in properties.items()}
    return {"type": "object", "properties": described, "required": required, "additionalProperties": False}


def _expect() -> JsonSchema:
    def records(name: str) -> JsonSchema:
        return {"anyOf": [_NUMBER, {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}, {"type": "null"}]}

    row = {"type": "object", "properties": {"row": {"description": "The number of the row, from 1.", **_ROW_NUMBER}}}
    count_or_rows: JsonSchema = {"anyOf": [_NUMBER, {"type": "array", "items": row}]}
    properties = {
        "events": records("event"),
        "members": records("member"),
        "rejects": _by_reason(Reason, count_or_rows),
        "skips": _by_reason(Skip, count_or_rows),
        "warnings": _by_reason(RowWarning, _NUMBER),
    }
    return _object(ExpectSettings, properties, [])


def _by_reason(reasons: type[StrEnum], value: JsonSchema) -> JsonSchema:
    docs = field_docs(reasons)
    properties = {reason.value: {"description": docs.get(reason.name, ""), **value} for reason in reasons}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _event() -> JsonSchema:
    events = CATALOGUES[0].parameters
    items = [one for one in events if one.in_contents]
    sent = [one for one in events if one.path or one.name in {"event_source", "event_source_id"}]
    contents = {
        "description": "The line items of the event, in any order.",
        "type": "array",
        "items": _parameters(items, {}),
    }
    rows = {"description": "The rows of the result that the event is made of, from 1.", **_ROW_NUMBERS}
    schema = _parameters(sent, {"rows": rows, "contents": contents})
    return {**schema, "patternProperties": {**schema["patternProperties"], rf"^{re.escape(OWN_PROPERTY)}.": {}}}


def _member() -> JsonSchema:
    sent = [one for one in CATALOGUES[1].parameters if one.path]
    return _parameters(sent, {"row": {"description": "The row of the result, from 1.", **_ROW_NUMBERS}})


def _parameters(parameters: Iterable[Parameter], further: dict[str, JsonSchema]) -> JsonSchema:
    named = {one.name: {"description": f"{one.rule[:1].upper()}{one.rule[1:]}."} for one in parameters}
    words = "|".join(
        "".join(map(any_case, word)) for one in parameters for word in dict.fromkeys((one.name, *one.columns))
    )
    return {
        "type": "object",
        "properties": {**further, **named},
        "patternProperties": {rf"^(?:{words})$": {}},
        "additionalProperties": False,
    }
