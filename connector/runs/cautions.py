"""Settings and columns that are allowed, and yet probably not what somebody meant."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from connector.catalogue import AUDIENCES, BY_NAME, EVENTS, Parameter, column_name
from connector.config.destination import AnyDestination, AudienceDestination, EventsDestination
from connector.config.nodes import Node
from connector.config.project import Project
from connector.config.render import has_placeholder
from connector.destinations.tiktok.audience.job import AudienceJob
from connector.runs.job import Job
from connector.transform.binding import bind
from connector.transform.template import Constant, DataTemplate

_ID = re.compile("[0-9]{19}")
_PIXEL = re.compile("[CD].*")


def cautions(project: Project, job: Job | AudienceJob, schema: pa.Schema | None = None) -> list[str]:
    """Return a sentence for each; with the `schema` of the result also on its columns."""
    found = list(_ids(project, job.destination))
    if isinstance(job, Job):
        found += _settings(project, job.destination)
        found += _parameters(project, job, schema)
    if schema is not None:
        found += _unmapped(project, job, schema)
    return found


def _ids(project: Project, destination: AnyDestination) -> Iterator[str]:
    """On ids that are not nineteen digits, as all known ids of TikTok's are."""
    keys = ["audience_id", "advertiser_ids"] if isinstance(destination, AudienceDestination) else ["advertiser_id"]
    is_web = isinstance(destination, EventsDestination) and destination.event_source == "web"
    written = project.node("destinations", destination.name)
    for key in [*keys, *([] if is_web else ["event_source_id"])]:
        for node, value in zip(_leaves(written.child(key)), _values(getattr(destination, key, None)), strict=False):
            if not _ID.fullmatch(value):
                subject = _subject(project, destination, key, node)
                yield f"{subject}, which is not nineteen digits long as TikTok's ids are: check it."
    pixel = written.child("event_source_id")
    if is_web and pixel is not None and not _PIXEL.fullmatch(str(getattr(destination, "event_source_id", ""))):
        yield f"{_subject(project, destination, 'event_source_id', pixel)}; pixel codes begin with C or D: check it."


def _subject(project: Project, destination: AnyDestination, key: str, node: Node) -> str:
    shown = f'filled in from "{node.value}"' if has_placeholder(node.value) else f'"{node.value}"'
    return f"{_place(project, project.file, node.line)}: destinations.{destination.name}.{key} is {shown}"


def _settings(project: Project, destination: EventsDestination) -> Iterator[str]:
    if destination.limited_data_use and destination.event_source == "offline":
        place = _place(project, *project.place("destinations", destination.name, "limited_data_use"))
        yield f"{place}: limited_data_use has no effect on offline events: it is for event_source: web."


def _parameters(project: Project, job: Job, schema: pa.Schema | None) -> Iterator[str]:
    """On parameters that the event source does not take; rows that name their event source are left to themselves."""
    source = _event_source(job, schema)
    if source is None:
        return
    for name in job.template.sources:
        if _is_unused(BY_NAME.get(name), source) and not _is_region(name, job.template, schema):
            place = job.template.places[name]
            yield (
                f"{_place(project, place.file, place.line)}: {name} is mapped, but {source} events do not take it: "
                "it is not sent."
            )
    if not _is_prescribed(job) and (columns := _unused_columns(job.template, schema, source)):
        is_are, them = ("is", "it") if len(columns) == 1 else ("are", "them")
        yield f"Of the result {', '.join(columns)} {is_are} not sent: {source} events do not take {them}."


def _unmapped(project: Project, job: Job | AudienceJob, schema: pa.Schema) -> Iterator[str]:
    """On columns that would fill a parameter if the template extended the identity template."""
    template, catalogue = job.template, EVENTS if isinstance(job, Job) else AUDIENCES
    if template.identity or _is_prescribed(job):
        return
    used = bind(template, schema, catalogue).indices()
    source = _event_source(job, schema) if isinstance(job, Job) else None
    would_fill = {
        name: parameter.name
        for index, name in enumerate(schema.names)
        if index not in used
        and (parameter := catalogue.named(column_name(name)))
        and parameter.name not in template.sources
        and not _is_unused(parameter, source)
    }
    if would_fill:
        them, file = "them" if len(would_fill) > 1 else "it", project.saved_in / "templates" / f"{template.name}.yaml"
        dollars = " Without a currency, US dollars (USD) are assumed." if "currency" in would_fill.values() else ""
        yield (
            f"{_place(project, file)}: no parameter takes {', '.join(would_fill)} from the result: map {them}, or "
            f"write `extends: {catalogue.identity}`, by which every parameter takes the column of its own name."
            f"{dollars}"
        )


def _is_prescribed(job: Job | AudienceJob) -> bool:
    """Tell whether these are files of a program: who sends them does not choose their columns."""
    return job.file is not None and job.file.format.is_conversions


def _event_source(job: Job, schema: pa.Schema | None) -> str | None:
    """The event source of every row, as far as it is known; None if rows name their own, or may do so."""
    mapped = job.template.sources.get("event_source")
    if isinstance(mapped, Constant):
        return str(mapped.value)
    by_row = mapped is not None or (schema is not None and "event_source" in bind(job.template, schema).fields)
    return None if by_row else job.destination.event_source


def _unused_columns(template: DataTemplate, schema: pa.Schema | None, source: str) -> list[str]:
    """Columns of the result that an identity template would send to another event source."""
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
    """Tell whether this is the country that decides how phone numbers without a country code are read."""
    if name != "country":
        return False
    if schema is not None:
        binding = bind(template, schema)
        return binding.has("phone") and not binding.has("phone_region")
    return ("phone" in template.sources or template.identity) and "phone_region" not in template.sources


def _is_unused(parameter: Parameter | None, source: str | None) -> bool:
    return parameter is not None and source in {"web", "offline"} and source not in parameter.sources


def _leaves(node: Node | None) -> list[Node]:
    if node is None or node.value is None:
        return []
    children = node.children()
    return [leaf for child in children for leaf in _leaves(child)] if children else [node]


def _values(value: object) -> list[str]:
    if isinstance(value, tuple | list):
        return [one for item in value for one in _values(item)]
    return [] if value is None else [str(value)]


def _place(project: Project, file: Path, line: int | None = None) -> str:
    within = project.saved_in
    shown = file.relative_to(within) if file.is_relative_to(within) else file
    return f"{shown}:{line}" if line else str(shown)
