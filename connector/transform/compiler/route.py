"""Which event source a row goes to: the destination's, or the one that the row names."""

import pyarrow as pa

from connector.outcomes import Reason
from connector.transform.compiler.context import Context, Level, literal
from connector.transform.sql.identity import is_inexact
from connector.transform.sql.text import quote, text_of

_ID_FORMS = "CASE event_source WHEN 'web' THEN '[A-Za-z0-9]+' ELSE '[0-9]+' END"


def compile_route(context: Context) -> str | None:
    """Puts event_source and event_source_id where rows name them.

    Gives the condition under which the row's event source cannot be right; None where no row names one.
    """
    if not is_routed(context):
        return None
    layers, rules = context.layers, context.rules
    layers.put(Level.NORMAL, "event_source", _given(context, "event_source", rules.event_source))
    layers.put(Level.NORMAL, "event_source_id", _given(context, "event_source_id", rules.event_source_id))
    wrong = f"event_source NOT IN ('web', 'offline') OR NOT regexp_full_match(event_source_id, {_ID_FORMS})"
    layers.put(Level.CLEAN, "wrong_route", wrong + _lost(context))
    return "wrong_route"


def _lost(context: Context) -> str:
    """Return the condition, after an OR, that the id is a number that may have lost digits."""
    fields = [field for field in context.fields("event_source_id") if pa.types.is_floating(field.kind)]
    return "".join(f" OR {is_inexact(f'c{field.index}')}" for field in fields[:1])


def is_routed(context: Context) -> bool:
    """Whether rows may name an event source of their own."""
    return context.binding.has("event_source", "event_source_id")


def put_is_web(context: Context) -> None:
    """Puts is_web, for rows that choose between web and offline."""
    if context.web is None:
        source = context.binding.fields["event_source"][0]
        chosen = f"coalesce({text_of(f'c{source.index}', source.kind)}, {quote(context.rules.event_source)})"
        context.layers.put(Level.ROUTE, "is_web", f"{chosen} = 'web'")


def _given(context: Context, name: str, default: str) -> str:
    constant = context.binding.constants.get(name)
    text = literal(constant.value) if constant else context.text(name)
    return f"coalesce({text}, {quote(default)})" if text else quote(default)


def reasons(wrong_route: str | None) -> dict[Reason, str]:
    """When a row's event source cannot be right."""
    return {Reason.INVALID_EVENT_SOURCE_ID: wrong_route} if wrong_route else {}
