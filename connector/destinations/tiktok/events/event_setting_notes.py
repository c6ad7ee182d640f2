"""Write notes on settings and columns of events that are probably mistakes."""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from connector.catalogue import BY_NAME, EVENTS, Parameter
from connector.config.project import Project
from connector.destinations.setting_notes import shown_place, unmapped_columns
from connector.destinations.tiktok.id_notes import id_notes, pixel_notes
from connector.destinations.tiktok.settings import EventsSettings
from connector.transform.binding import bind
from connector.transform.template import Constant, DataTemplate


def event_setting_notes(
    project: Project, settings: EventsSettings, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
) -> Iterator[str]:
    """Yield a sentence for each mistake; with a `schema` also for its columns, unless they are prescribed."""
    yield from _ids(project, settings)
    yield from _settings(project, settings)
    source = _event_source(settings, template, schema)
    if source is not None:
        yield from _parameters(project, template, schema, source, prescribed=prescribed)
    if schema is not None and not prescribed:
        yield from unmapped_columns(project, template, schema, EVENTS, partial(_is_unused, source=source))


def _ids(project: Project, settings: EventsSettings) -> Iterator[str]:
    if settings.event_source == "web":
        yield from id_notes(project, settings, ["advertiser_id"])
        yield from pixel_notes(project, settings, settings.event_source_id)
    else:
        yield from id_notes(project, settings, ["advertiser_id", "event_source_id"])


def _settings(project: Project, settings: EventsSettings) -> Iterator[str]:
    if settings.limited_data_use and settings.event_source == "offline":
        place = shown_place(project, *project.location("destinations", settings.name, "limited_data_use")[:2])
        yield f"{place}: limited_data_use has no effect on offline events: it is for event_source: web."


def _parameters(
    project: Project, template: DataTemplate, schema: pa.Schema | None, source: str, *, prescribed: bool
) -> Iterator[str]:
    """Yield sentences on parameters that the event source does not take."""
    for name in template.sources:
        if _is_unused(BY_NAME.get(name), source) and not _is_region(name, template, schema):
            place = template.places[name]
            yield (
                f"{shown_place(project, place.file, place.line)}: {name} is mapped, but {source} events do not take "
                "it: it is not sent."
            )
    if not prescribed and (columns := _unused_columns(template, schema, source)):
        is_are, them = ("is", "it") if len(columns) == 1 else ("are", "them")
        yield f"Of the result {', '.join(columns)} {is_are} not sent: {source} events do not take {them}."


def _event_source(settings: EventsSettings, template: DataTemplate, schema: pa.Schema | None) -> str | None:
    """Return the event source of every row, as far as it is known; None if rows name their own, or may do so."""
    mapped = template.sources.get("event_source")
    if isinstance(mapped, Constant):
        return str(mapped.value)
    by_row = mapped is not None or (schema is not None and "event_source" in bind(template, schema).fields)
    return None if by_row else settings.event_source


def _unused_columns(template: DataTemplate, schema: pa.Schema | None, source: str) -> list[str]:
    """Return the columns that an identity template would send to another event source."""
    if schema is None:
        return []
    fields = bind(template, schema).fields
    return [
        field.name
        for name in fields
        if name not in template.sources
        and _is_unused(BY_NAME.get(name), source)
        and not _is_region(name, template, schema)
        for field in fields[name]
    ]


def _is_region(name: str, template: DataTemplate, schema: pa.Schema | None) -> bool:
    """Return whether this is the country that decides how phone numbers without a country code are read."""
    if name != "country":
        return False
    if schema is not None:
        binding = bind(template, schema)
        return binding.has("phone") and not binding.has("phone_region")
    return ("phone" in template.sources or template.identity) and "phone_region" not in template.sources


def _is_unused(parameter: Parameter | None, source: str | None) -> bool:
    return parameter is not None and source in {"web", "offline"} and source not in parameter.sources
