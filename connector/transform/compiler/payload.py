"""The JSON of an event without its closing part, and what is kept of a rejected row."""

import json

from connector.redaction import EMAIL_LIKE, PHONE_LIKE, REDACTED
from connector.transform.catalogue import PARAMETERS, Kind
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.sql.text import json_text, quote


def compile_head(
    context: Context,
    identifiers: list[Identifier],
    user: dict[str, str],
    page: str | None,
    content_type: str,
    properties: list[str],
) -> None:
    """Puts head: the event's JSON object up to where `contents` and `value` are added, still open."""
    limited = context.on_web("true") if context.rules.limited_data_use else None
    members = [_member(one.name, one.json) for one in identifiers]
    members += [_member(_user_key(name), value) for name, value in user.items()]
    people = context.layers.put(Level.OUTCOME, "people", f"concat({', '.join(members) or quote('')})")
    parts = [
        """'{"event":'""",
        json_text("event"),
        """',"event_time":'""",
        "event_time",
        """',"event_id":'""",
        json_text("event_id"),
        *([f"""CASE WHEN {limited} THEN ',"limited_data_use":true' END"""] if limited else []),
        """',"user":{'""",
        f"{people}[2:]",
        "'}'",
        *([page] if page else []),
        """',"properties":{"content_type":'""",
        content_type,
        *properties,
    ]
    context.layers.put(Level.PAYLOAD, "head", f"concat({', '.join(parts)})")


def rejected_columns(context: Context, identifiers: list[Identifier]) -> str:
    """The JSON object kept of a rejected row: parameters that identify nobody as they were given, and digests.

    Text that looks like an e-mail address or a phone number is taken out wherever it stands.
    """
    members = [_member(one.name, one.json) for one in identifiers]
    for parameter in PARAMETERS:
        if parameter.personal or parameter.kind is Kind.EMAIL:
            continue
        if text := context.text(parameter.name):
            members.append(_member(parameter.name, json_text(_redacted(text))))
    return f"'{{' || concat({', '.join(members) or quote('')})[2:] || '}}'"


def _redacted(text: str) -> str:
    mailless = f"regexp_replace({text}, {quote(EMAIL_LIKE)}, '{REDACTED}', 'g')"
    return f"regexp_replace({mailless}, {quote(PHONE_LIKE)}, '{REDACTED}', 'g')"


def _user_key(name: str) -> str:
    return next(parameter.path[-1] for parameter in PARAMETERS if parameter.name == name)


def _member(name: str, value: str) -> str:
    return f"{quote(f',{json.dumps(name)}:')} || {value}"
