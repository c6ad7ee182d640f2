"""JSON Schema of data templates, for editors: the parameters of each kind of destination, and what fills them."""

import re

from connector.catalogue import CATALOGUES, OWN_PROPERTY, Catalogue, Kind, Parameter
from connector.config.addresses import zone
from connector.config.fields import JsonSchema
from connector.config.json_schema import DRAFT, any_case

_NAME: JsonSchema = {"type": "string", "pattern": r"\S"}
_VALUE: JsonSchema = {
    "type": "object",
    "properties": {
        "value": {
            "description": "The value of every row, also as {{ parameters.NAME }}.",
            "type": ["string", "number", "boolean", "null"],
        }
    },
    "required": ["value"],
    "additionalProperties": False,
}


def template_schema() -> JsonSchema:
    """Return the schema of `templates/NAME.yaml`."""
    parameters = {catalogue.identity: _parameters(catalogue) for catalogue in CATALOGUES}
    chosen: JsonSchema = {"properties": {"parameters": {"$ref": "#/definitions/any"}}}
    for identity in parameters:
        chosen = {
            "if": {"properties": {"extends": {"const": identity}}, "required": ["extends"]},
            "then": {"properties": {"parameters": {"$ref": f"#/definitions/{identity}"}}},
            "else": chosen,
        }
    return {
        "$schema": DRAFT,
        "title": "data template",
        "type": ["object", "null"],
        "properties": {
            "extends": {
                "description": "The template to start from. tiktok_events and tiktok_audience take each parameter from "
                "the column of its own name.",
                "anyOf": [{"enum": list(parameters)}, {"type": "string"}],
            },
            "description": {"description": "A text for people."},
            "parameters": {"description": "For each parameter, the columns or the constant that fill it."},
        },
        "additionalProperties": False,
        **chosen,
        "definitions": {**parameters, "any": _any_parameters(), "zone": zone.__dict__["json_schema"]({})},
    }


def _parameters(catalogue: Catalogue) -> JsonSchema:
    """Return the schema of the parameters of one kind of destination."""
    properties = {one.name: _source(one) for one in catalogue.parameters}
    spellings = {
        _spellings(one): {"$ref": f"#/definitions/{catalogue.identity}/properties/{one.name}"}
        for one in catalogue.parameters
    }
    own = {rf"^{re.escape(OWN_PROPERTY)}.": _column_or_value("A property of your own.")}
    return {
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": spellings | own if catalogue.own_properties else spellings,
        "additionalProperties": False,
    }


def _any_parameters() -> JsonSchema:
    """Return the schema of the parameters of a template that does not say of which kind it is."""
    properties, patterns = {}, {}
    for catalogue in reversed(CATALOGUES):
        for one in catalogue.parameters:
            properties[one.name] = {"$ref": f"#/definitions/{catalogue.identity}/properties/{one.name}"}
            patterns[_spellings(one)] = properties[one.name]
    patterns[rf"^{re.escape(OWN_PROPERTY)}."] = _column_or_value("A property of your own.")
    return {
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": False,
    }


def _spellings(parameter: Parameter) -> str:
    names = "|".join("".join(map(any_case, word)) for word in dict.fromkeys((parameter.name, *parameter.columns)))
    return rf"^(?!{re.escape(parameter.name)}$)(?:{names})$"


def _source(parameter: Parameter) -> JsonSchema:
    return _column_or_value(
        parameter.rule[:1].upper() + parameter.rule[1:] + ".",
        many=parameter.many,
        timezone=parameter.kind is Kind.TIMESTAMP,
        first=parameter.name == "value",
    )


def _column_or_value(
    description: str, *, many: bool = False, timezone: bool = False, first: bool = False
) -> JsonSchema:
    keys: dict[str, JsonSchema] = {"column": {"description": "The name of the column.", "type": "string"}}
    if timezone:
        text = "The time zone of times without an offset."
        keys["timezone"] = {"description": text, "anyOf": [{"$ref": "#/definitions/zone"}, {"type": "null"}]}
    if first:
        keys["first"] = {"description": "Take the first row's value as that of the event.", "type": "boolean"}
    described = {"type": "object", "properties": keys, "required": ["column"], "additionalProperties": False}
    column = {"anyOf": [_NAME, described]}
    columns = {"type": "array", "items": column, "minItems": 1, **({} if many else {"maxItems": 1})}
    return {"description": description, "anyOf": [_NAME, described, _VALUE, columns]}
