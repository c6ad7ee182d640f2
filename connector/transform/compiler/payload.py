"""The JSON of an event without its closing part, and what is kept of a rejected row."""

import json

from connector.catalogue import PARAMETERS
from connector.redaction import ANY_NUMBER, EMAIL_LIKE, WRITTEN_PHONE
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.sql.text import id_number, json_text, quote, redacted

FOUND_BY = ("event_id", "order_id")
_TIME_LIKE = r"\d{4}-?\d{2}-?\d{2}.*|1\d{9}|1\d{12}"
_NUMBERED = frozenset(
    ("event_source_id", "event_id", "order_id", "shop_id", "content_id", "price", "quantity", "value")
)


def compile_head(
    context: Context,
    identifiers: list[Identifier],
    user: dict[str, str],
    page: str | None,
    content_type: str,
    properties: list[str],
) -> None:
    """Puts head: the event's JSON object up to where `contents` and `value` are added, still open.

    And head_number, by which heads within one slice are told apart.
    """
    limited = context.on_web("true") if context.rules.limited_data_use else None
    members = [_member(one.name, one.json) for one in identifiers]
    members += [_member(_user_key(name), value) for name, value in user.items()]
    people = context.layers.put(Level.OUTCOME, "people", f"concat_ws(',', {', '.join(members) or 'NULL'})")
    parts = [
        """'{"event":'""",
        json_text("event"),
        """',"event_time":'""",
        "event_time",
        """',"event_id":'""",
        json_text("event_id"),
        *([f"""CASE WHEN {limited} THEN ',"limited_data_use":true' END"""] if limited else []),
        """',"user":{'""",
        people,
        "'}'",
        *([page] if page else []),
        """',"properties":{"content_type":'""",
        content_type,
        *properties,
    ]
    context.layers.put(Level.PAYLOAD, "head", f"concat({', '.join(parts)})")
    context.layers.put(Level.LAST, "head_number", "hash(head)")


def rejected_columns(context: Context, identifiers: list[Identifier]) -> str:
    """The JSON object kept of a rejected row: parameters that identify nobody as they were given, and digests.

    Text that looks like an e-mail address or a phone number is taken out wherever it stands. Where long numbers
    are at home, such as an order's id, a number counts as a phone number only when it is written like one.
    """
    members = [_member(one.name, one.json) for one in identifiers]
    members += [
        _member(parameter.name, json_text(_kept(parameter.name, text)))
        for parameter in PARAMETERS
        if not parameter.personal and (text := context.text(parameter.name))
    ]
    return f"concat('{{', concat_ws(',', {', '.join(members) or 'NULL'}), '}}')"


def ids(context: Context) -> tuple[str, ...]:
    """The ids of a row's event and order, as numbers of what is kept of them where a row is rejected; NULL: none."""
    texts = ((name, context.text(name)) for name in FOUND_BY)
    kept = ((name, _kept(name, text) if text else "NULL::VARCHAR") for name, text in texts)
    return tuple(f"{id_number(text)} AS {name}" for name, text in kept)


def _kept(name: str, text: str) -> str:
    if name == "timestamp":
        is_time = f"event_time IS NOT NULL AND regexp_full_match({text}, '{_TIME_LIKE}')"
        return f"CASE WHEN {is_time} THEN {text} ELSE {redacted(text, EMAIL_LIKE, ANY_NUMBER)} END"
    numbers = WRITTEN_PHONE if name in _NUMBERED else ANY_NUMBER
    return redacted(text, EMAIL_LIKE, numbers)


def _user_key(name: str) -> str:
    return next(parameter.path[-1] for parameter in PARAMETERS if parameter.name == name)


def _member(name: str, value: str) -> str:
    return f"{quote(f'{json.dumps(name)}:')} || {value}"
