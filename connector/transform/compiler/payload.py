"""The JSON of an event without its closing part, and what is kept of a rejected row."""

import json
from collections.abc import Mapping

from connector.catalogue import BY_NAME, PARAMETERS, Parameter, Plain
from connector.redaction import ANY_NUMBER, DIALLED_PHONE, REDACTED, SPACED_PHONE, TIME_OR_AMOUNT, WRITTEN_PHONE
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.sql.functions import ANONYMOUS
from connector.transform.sql.json import json_text, members
from connector.transform.sql.text import holds_control, id_number, quote, redacted, without, without_addresses

_AS_IT_IS = ("""'"'""", "event_id", """'"'""")
FOUND_BY = ("event_id", "order_id")
_TIME_LIKE = r"\d{4}-?\d{2}-?\d{2}.*|1\d{9}|1\d{12}"
_CODED = frozenset(
    ("event_source", "event", "timestamp", "phone_region", "country", "currency", "event_channel", "content_type")
)
"""Columns of times and of words that are on a list: what stands there instead has to be seen."""
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
    """Puts head: the event's JSON object up to where `contents` and `value` are added, still open."""
    limited = context.on_web("true") if context.rules.limited_data_use else None
    people = [(one.name, one.json) for one in identifiers]
    people += [(_user_key(name), context.layers.put(Level.ID, f"user_{name}", json)) for name, json in user.items()]
    before = ["""'{"event":'""", json_text("event"), """',"event_time":'""", "event_time", """',"event_id":'"""]
    after = [
        *([f"""CASE WHEN {limited} THEN ',"limited_data_use":true' END"""] if limited else []),
        """',"user":{'""",
        members(people),
        "'}'",
        *([page] if page else []),
        """',"properties":{"content_type":'""",
        content_type,
        *properties,
    ]
    if context.fields("event_id") or not context.text("event_id"):
        # One that is plain, or derived, holds nothing that JSON escapes.
        context.layers.put_usual("head", f"concat({', '.join([*before, *_AS_IT_IS, *after])})")
    context.layers.put(Level.PAYLOAD, "head", f"concat({', '.join([*before, json_text('event_id'), *after])})")


def rejected_columns(context: Context, identifiers: list[Identifier]) -> str:
    """The JSON object kept of a rejected row: parameters that identify nobody as they were given, and digests.

    Text that looks like an e-mail address or a phone number is taken out wherever it stands. Where long numbers
    are at home, such as an order's id, a number counts as a phone number only when it is written like one. Where no
    free text is at home, a date, a time or an amount stays.
    """
    found = [(one.name, one.json) for one in identifiers]
    texts = [(one.name, text) for one in PARAMETERS if not one.personal and (text := _to_keep(context, one))]
    numbered, coded = ([one for one in texts if one[0] in names] for names in (_NUMBERED, _CODED))
    free = [one for one in texts if one not in numbered + coded]
    kept = _kept(
        context,
        {
            without("x", WRITTEN_PHONE): numbered,
            _without_phones("x"): coded,
            without("x", ANY_NUMBER): free,
        },
    )
    if "timestamp" in kept:
        kept["timestamp"] = _kept_time(context, dict(texts)["timestamp"], kept["timestamp"])
    found += [(name, kept[name]) for name, _ in texts]
    # Conditions for each comma, as in `members`, take longer to be made ready than a few rejected rows to be written.
    parts = ", ".join(f"{quote(json.dumps(name) + ':')} || {value}" for name, value in found)
    return f"'{{' || coalesce(array_to_string([{parts}]::VARCHAR[], ','), '') || '}}'"


def _to_keep(context: Context, parameter: Parameter) -> str | None:
    """Put what is kept of a parameter's text, which the patterns of `_kept` then redact; None where nothing fills it.

    Free text is taken before it was guarded, since here all of it is redacted. The patterns know ASCII alone.
    """
    text = context.text(parameter.name)
    if not text:
        return None
    given = f"given_{parameter.name}" if parameter.plain is Plain.TEXT else text
    unusual = f"strlen({given}) <> length({given}) OR {holds_control(given)}"
    kept = f"CASE WHEN {unusual} THEN {ANONYMOUS}({given}) ELSE {given} END"
    return context.layers.put(Level.OUTCOME, f"to_keep_{parameter.name}", kept)


def ids(context: Context) -> tuple[str, ...]:
    """The ids of a row's event and order, as numbers of what is kept of them where a row is rejected; NULL: none."""
    texts = ((name, _to_keep(context, BY_NAME[name])) for name in FOUND_BY)
    kept = ((name, redacted(text, WRITTEN_PHONE) if text else "NULL::VARCHAR") for name, text in texts)
    return tuple(f"{id_number(text)} AS {name}" for name, text in kept)


def _kept(context: Context, texts: Mapping[str, list[tuple[str, str]]]) -> dict[str, str]:
    """Puts what is kept of texts as JSON strings, and gives where each is found.

    They are without addresses, and without the phone numbers that are taken out by the expression on `x` that they are
    listed under. All stand in one list, so that a pattern is made ready once for all of them: on a few rejected rows
    that is most of the work.
    """
    every = [one for alike in texts.values() for one in alike]
    given = ", ".join(text for _, text in every)
    put, first = context.layers.put, 1
    put(Level.PAYLOAD, "kept", f"list_transform([{given}]::VARCHAR[], lambda x: {without_addresses('x')})")
    parts = []
    for expression, alike in texts.items():
        parts.append(f"list_transform(kept[{first}:{first + len(alike) - 1}], lambda x: {expression})")
        first += len(alike)
    as_json = f"list_transform(flatten([{', '.join(parts)}]), lambda x: {json_text('x')})"
    put(Level.LAST, "json_of_kept", as_json)
    return {name: f"json_of_kept[{number}]" for number, (name, _) in enumerate(every, 1)}


def _kept_time(context: Context, given: str, kept: str) -> str:
    is_time = f"(event_time IS NOT NULL AND regexp_full_match({given}, '{_TIME_LIKE}')"
    is_time += f" OR translate({given}, '0123456789', '') IN ('', '-'))"
    if own := context.is_own_phone(given):
        is_time += f" AND NOT coalesce({own}, false)"
    as_given = context.layers.put(Level.PAYLOAD, "json_of_time", f"CASE WHEN {is_time} THEN {json_text(given)} END")
    return f"coalesce({as_given}, {kept})"


def _without_phones(text: str) -> str:
    """What cannot be a phone number stays, where no address was and nothing is that can hardly be anything else."""
    patterns = quote(TIME_OR_AMOUNT), quote(f"@|%|#|{DIALLED_PHONE}|{SPACED_PHONE}")
    is_readable = "regexp_matches({0}, {1}) AND NOT regexp_matches({0}, {2})".format(text, *patterns)
    is_readable += f" AND NOT contains({text}, '{REDACTED}')"
    return f"CASE WHEN {is_readable} THEN {text} ELSE {without(text, ANY_NUMBER)} END"


def _user_key(name: str) -> str:
    return next(parameter.path[-1] for parameter in PARAMETERS if parameter.name == name)
