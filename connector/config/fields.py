"""Types of single values. Their errors end a sentence such as "… is 0; it must be a whole number"."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, SecretStr

from connector.config.suggest import did_you_mean

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


JsonSchema = dict[str, Any]
_Validator = TypeVar("_Validator", bound=Callable[..., Any])
TEXT_SCHEMA: JsonSchema = {"anyOf": [{"type": "string", "pattern": r"\S"}, {"type": "integer"}]}
"""Text, or digits without quotes."""


def accepts(schema: Callable[[JsonSchema], JsonSchema]) -> Callable[[_Validator], _Validator]:
    """Attach to a validator how the JSON Schema of what it accepts is built from that of its type, for editors."""

    def attach(validator: _Validator) -> _Validator:
        validator.__dict__["json_schema"] = schema
        return validator

    return attach


def as_list(item: JsonSchema) -> JsonSchema:
    """Return the schema of one item, or a list of them."""
    return {"anyOf": [item, {"type": "array", "items": item}]}


@accepts(lambda _: TEXT_SCHEMA)
def text(value: object) -> str:
    """Validate text; return the digits of a number that is written without quotes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be text; put it in quotes")  # noqa: TRY004 - pydantic wants ValueError throughout
    if not str(value).strip():
        raise ValueError("must not be empty")
    return str(value)


def is_sendable(token: str) -> bool:
    """Return true if an HTTP header can hold the token."""
    stripped = token.strip()
    return bool(stripped) and stripped.isascii() and stripped.isprintable() and " " not in stripped


@accepts(lambda _: {"anyOf": [{"type": "string", "pattern": r"^\s*[!-~]+\s*$"}, {"type": "integer"}]})
def access_token(value: object) -> str:
    """Validate text that an HTTP header can hold, and strip it; accept a placeholder that is still to be filled in."""
    if "{{" in (token := text(value)):
        return token
    if not is_sendable(token):
        raise ValueError("must be one word of printable ASCII characters, without blanks and line breaks")
    return token.strip()


@accepts(lambda array: as_list(array["items"] if array["items"] != {"type": "string"} else TEXT_SCHEMA))
def words(value: object) -> Any:
    """Validate a list of texts, or a single one."""
    try:
        return tuple(text(item) for item in (value if isinstance(value, tuple | list) else (value,)))
    except ValueError:
        raise ValueError("must be a list of texts that are not empty, as [one, two]") from None


@accepts(lambda _: {"anyOf": [{"type": "boolean"}, {"enum": sorted({*_SWITCH, *map(str.title, _SWITCH)})}]})
def switch(value: object) -> bool:
    """Validate true or false; accept yes, no, on and off as well."""
    word = str(value).strip().lower()
    if not isinstance(value, bool | str) or word not in _SWITCH:
        raise ValueError("must be true or false")
    return _SWITCH[word]


@accepts(lambda _: {"type": "object"})
def mapping(value: object) -> dict[str, Any]:
    """Validate a mapping with any keys."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping, as {key: value}")  # noqa: TRY004
    return value


def pattern(expression: str, allowed: str) -> BeforeValidator:
    """Validate text that matches `expression` as a whole; `allowed` describes it in words."""

    @accepts(lambda _: _pattern_schema(expression))
    def validate(value: object) -> str:
        if not re.fullmatch(expression, entry := text(value)):
            raise ValueError(f"must be {allowed}")
        return entry

    return BeforeValidator(validate)


def _pattern_schema(expression: str) -> JsonSchema:
    in_javascript = expression.replace("(?s).", r"[\s\S]")
    as_text = {"type": "string", "pattern": f"^(?:{in_javascript})$"}
    takes_digits = re.fullmatch(expression, "1234567890123456789") or re.fullmatch(expression, "1")
    return {"anyOf": [as_text, {"type": "integer", "minimum": 0}]} if takes_digits else as_text


def one_of(*choices: str) -> BeforeValidator:
    """Validate one of a few words."""

    @accepts(lambda _: {"enum": list(choices)})
    def validate(value: object) -> object:
        if value in choices:
            return value
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"must be {_alternatives(choices)}.{hint}")

    return BeforeValidator(validate)


def some_of(*choices: str) -> BeforeValidator:
    """Validate one of a few words, or a list of several of them."""

    @accepts(lambda _: _choices_schema(choices))
    def validate(value: object) -> tuple[str, ...]:
        entries = tuple(value) if isinstance(value, list | tuple) else (value,)
        for word in entries:
            if word not in choices:
                hint = did_you_mean(word, choices) if isinstance(word, str) else ""
                raise ValueError(f"must be {_alternatives(choices)}, or a list of several of them.{hint}")
        if not entries:
            raise ValueError(f"must name at least one of {_alternatives(choices)}")
        if repeated := next((word for word in entries if entries.count(word) > 1), None):
            raise ValueError(f"must name {repeated} only once")
        return entries

    return BeforeValidator(validate)


def _choices_schema(choices: tuple[str, ...]) -> JsonSchema:
    item = {"enum": list(choices)}
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}]}


def whole(least: int, most: int | None = None) -> BeforeValidator:
    """Validate a whole number between two bounds, both included."""
    allowed = f"must be a whole number {_bounds(least, most)}"

    @accepts(lambda _: _number_schema("integer", least, most))
    def validate(value: object) -> int:
        number = _decimal(value)
        if number is None or number != number.to_integral_value() or not _is_between(number, least, most):
            raise ValueError(allowed)
        return int(number)

    return BeforeValidator(validate)


def number(least: float, most: float | None = None) -> BeforeValidator:
    """Validate a number between two bounds, both included."""
    allowed = f"must be a number {_bounds(least, most)}"

    @accepts(lambda _: _number_schema("number", least, most))
    def validate(value: object) -> float:
        number = _decimal(value)
        if number is None or not _is_between(number, least, most):
            raise ValueError(allowed)
        return float(number)

    return BeforeValidator(validate)


def _number_schema(kind: str, least: float, most: float | None) -> JsonSchema:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {"anyOf": [{"type": kind, **bounds}, {"type": "string", "pattern": r"^\s*[+-]?[0-9]+(\.[0-9]*)?\s*$"}]}


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 18 else None


def _is_between(number: Decimal, least: float, most: float | None) -> bool:
    return number >= Decimal(str(least)) and (most is None or number <= Decimal(str(most)))


def _bounds(least: float, most: float | None) -> str:
    return f"of at least {least:g}" if most is None else f"from {least:g} to {most:g}"


def _alternatives(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


Text = Annotated[str, BeforeValidator(text)]
Words = Annotated[tuple[str, ...], BeforeValidator(words)]
Switch = Annotated[bool, BeforeValidator(switch)]
Mapped = Annotated[dict[str, Any], BeforeValidator(mapping)]
Token = Annotated[str, BeforeValidator(access_token)]
Secret = Annotated[SecretStr, BeforeValidator(text)]
SecretToken = Annotated[SecretStr, BeforeValidator(access_token)]


FILE_NAME = pattern(r"[^/\\.\x00-\x1f][^/\\\x00-\x1f]*", "the name of a saved file, without a folder")
"""Validates the name of a query or template."""
