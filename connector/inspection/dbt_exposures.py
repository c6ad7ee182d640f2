"""Orchestrations as exposures of dbt, so that dbt's lineage shows where models go."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.config.project import Project
from connector.errors import UsageError
from connector.queries.dbt_manifest import DbtNode, load_manifest
from connector.queries.query_template import RunVariables
from connector.runs.job import DBT_MANIFEST, Job, prepare

OWNER = "connector"


@dataclass(frozen=True, slots=True)
class Exposures:
    """The exposures of a project."""

    text: str
    """The YAML file for dbt's model path."""
    names: Sequence[str]
    """The orchestrations that are in it."""
    omitted: Sequence[str]
    """The orchestrations that name no model or source."""


def build_exposures(project: Project, names: Sequence[str] = (), owner: str = OWNER) -> Exposures:
    """Build the exposures of orchestrations (default: all); their environment variables need not be set.

    Raises ConfigurationError, UsageError if the project has no dbt, or none of them names a model or source.
    """
    settings = project.dbt
    if settings is None:
        raise UsageError(
            "The project has no dbt: write `dbt: {manifest: PATH/target/manifest.json}` at the top of its file."
        )
    own = load_manifest(settings.manifest, project.location(*DBT_MANIFEST)).metadata.project_name
    project, now = project.with_stand_ins(), datetime.now(UTC)
    jobs = [prepare(project, name, RunVariables(now)) for name in names or project.orchestrations]
    exposed = [job for job in jobs if job.models]
    omitted = [job.orchestration.name for job in jobs if not job.models]
    if not exposed:
        raise UsageError("No orchestration names a dbt model or source: write `model`, or ref() in its query.")
    lines = [
        "# Written by `connector dbt exposures`: the orchestrations that send dbt models.",
        "version: 2",
        "exposures:",
        *(
            line
            for job, name in zip(exposed, _unique_names(exposed), strict=True)
            for line in _entry(job, name, owner, own)
        ),
    ]
    return Exposures("\n".join(lines) + "\n", [job.orchestration.name for job in exposed], omitted)


def _unique_names(jobs: Sequence[Job]) -> list[str]:
    """Return names of letters, digits and underscores, each once, as dbt requires."""
    names: list[str] = []
    for job in jobs:
        base = name = re.sub(r"\W", "_", job.orchestration.name, flags=re.ASCII)
        number = 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _entry(job: Job, name: str, owner: str, project_name: str | None) -> Iterator[str]:
    orchestration, settings = job.orchestration, job.settings
    yield f"  - name: {name}"
    if name != orchestration.name:
        yield f"    label: {_quoted(orchestration.name)}"
    yield "    type: application"
    sent = f"Sent by connector to {settings.name} ({settings.type})"
    described = " ".join((orchestration.description or "").split())
    yield f"    description: {_quoted(f'{described}. {sent}.' if described else f'{sent}.')}"
    yield "    owner:"
    yield f"      {'email' if '@' in owner else 'name'}: {_quoted(owner)}"
    yield "    depends_on:"
    for node in job.models:
        yield f"      - {_reference(node, project_name)}"


def _reference(node: DbtNode, project_name: str | None) -> str:
    if node.resource_type == "source":
        return f"source('{node.source_name}', '{node.name}')"
    package = "" if node.package_name == project_name else f"'{node.package_name}', "
    version = "" if node.version is None else f", v={node.version!r}"
    return f"ref({package}'{node.name}'{version})"


def _quoted(text: str) -> str:
    """Write a text as YAML, without the braces of Jinja, which dbt would fill in."""
    return json.dumps(re.sub(r"\{(?=[{%#])", "{ ", text), ensure_ascii=False)
