"""Compile the stored columns of a rejected row, and the ids by which its event is found again."""

import json
from collections.abc import Mapping

from connector.catalogue import BY_NAME, NUMBERS, PARAMETERS, Kind, Parameter, Plain
from connector.core.redaction import ANY_NUMBER, DIALLED_PHONE, REDACTED, SPACED_PHONE, TIME_OR_AMOUNT, WRITTEN_PHONE
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier
from connector.transform.sql.functions import ANONYMOUS
from connector.transform.sql.json import json_text
from connector.transform.sql.text import holds_control, id_number, quote, redacted, without, without_addresses

FOUND_BY = ("event_id", "order_id")
_TIME_LIKE = r"\d{4}-?\d{2}-?\d{2}.*|1\d{9}|1\d{12}"
_CODED = frozenset({Kind.EVENT, Kind.TIMESTAMP, Kind.REGION, Kind.COUNTRY, Kind.CURRENCY})
_NUMBERED = NUMBERS | {Kind.ID, Kind.ROUTE}


def compile_rejected(context: Context, identifiers: list[Identifier]) -> None:
    """Put columns, the JSON object stored of a rejected row: parameters that identify nobody as given, and digests.

    Text that looks like an e-mail address or a phone number is removed everywhere. Where long numbers are usual, such
    as in an order's id, a number counts as a phone number only if it is written like one. Where no free text is usual,
    a date, a time or an amount stays.
    """
    columns = [(identifier.name, identifier.json) for identifier in identifiers]
    texts = [(one, text) for one in PARAMETERS if not one.personal and (text := _to_keep(context, one))]
    coded = [(one.name, text) for one, text in texts if _is_coded(one)]
    numbered = [(one.name, text) for one, text in texts if one.kind in _NUMBERED and not _is_coded(one)]
    named = [(one.name, text) for one, text in texts]
    free = [one for one in named if one not in numbered + coded]
    redacted_texts = _redacted_texts(
        context,
        {
            without("x", WRITTEN_PHONE): numbered,
            _without_phones("x"): coded,
            without("x", ANY_NUMBER): free,
        },
    )
    if "timestamp" in redacted_texts:
        redacted_time = redacted_texts["timestamp"]
        redacted_texts["timestamp"] = _readable_time(context, dict(named)["timestamp"], redacted_time)
    columns += [(name, redacted_texts[name]) for name, _ in named]
    # Conditions for each comma, as in `members`, take longer to be made ready than a few rejected rows to be written.
    parts = ", ".join(f"{quote(json.dumps(name) + ':')} || {value}" for name, value in columns)
    as_json = f"'{{' || coalesce(array_to_string([{parts}]::VARCHAR[], ','), '') || '}}'"
    context.layers.put(Level.REJECTED, "columns", as_json)


def _is_coded(parameter: Parameter) -> bool:
    """Return whether a parameter holds times, or words of a list, so that invalid values must be shown."""
    return parameter.kind in _CODED or bool(parameter.choices)


def _to_keep(context: Context, parameter: Parameter) -> str | None:
    """Put what is stored of a parameter's text, which `_redacted_texts` redacts; None if nothing fills it.

    Free text is read before it was guarded, since here all of it is redacted. The patterns know ASCII alone.
    """
    text = context.text(parameter.name)
    if not text:
        return None
    given = f"given_{parameter.name}" if parameter.plain is Plain.TEXT else text
    unusual = f"strlen({given}) <> length({given}) OR {holds_control(given)}"
    anonymous = f"CASE WHEN {unusual} THEN {ANONYMOUS}({given}) ELSE {given} END"
    return context.layers.put(Level.OUTCOME, f"to_keep_{parameter.name}", anonymous)


def ids(context: Context) -> tuple[str, ...]:
    """Return the ids of a row's event and order, as numbers of what is stored of them if it is rejected; NULL: none."""
    texts = ((name, _to_keep(context, BY_NAME[name])) for name in FOUND_BY)
    stored = ((name, redacted(text, WRITTEN_PHONE) if text else "NULL::VARCHAR") for name, text in texts)
    return tuple(f"{id_number(text)} AS {name}" for name, text in stored)


def _redacted_texts(context: Context, texts: Mapping[str, list[tuple[str, str]]]) -> dict[str, str]:
    """Put what is stored of texts as JSON strings, and return where each is found.

    They are without addresses, and without the phone numbers that the expression on `x` that they are listed under
    removes. All are in one list, so that a pattern is made ready once for all of them: on a few rejected rows that is
    most of the work.
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


def _readable_time(context: Context, given: str, redacted_time: str) -> str:
    is_time = f"(event_time IS NOT NULL AND regexp_full_match({given}, '{_TIME_LIKE}')"
    is_time += f" OR translate({given}, '0123456789', '') IN ('', '-'))"
    if own := context.is_own_phone(given):
        is_time += f" AND NOT coalesce({own}, false)"
    as_given = context.layers.put(Level.PAYLOAD, "json_of_time", f"CASE WHEN {is_time} THEN {json_text(given)} END")
    return f"coalesce({as_given}, {redacted_time})"


def _without_phones(text: str) -> str:
    """Return `text` as it is if it cannot be a phone number, and nothing in it was or is likely to be an identifier."""
    patterns = quote(TIME_OR_AMOUNT), quote(f"@|%|#|{DIALLED_PHONE}|{SPACED_PHONE}")
    is_readable = "regexp_matches({0}, {1}) AND NOT regexp_matches({0}, {2})".format(text, *patterns)
    is_readable += f" AND NOT contains({text}, '{REDACTED}')"
    return f"CASE WHEN {is_readable} THEN {text} ELSE {without(text, ANY_NUMBER)} END"
