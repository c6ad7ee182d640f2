"""A project folder as a user would have it: the bench rows in, the sink out."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data import TABLE
from connector.config.project import Project, load_project
from connector.destinations.tiktok.settings import EventsSettings

ORCHESTRATION = "bench"
EVENT_SET_ID = "7654321098765432109"
FIXED_EVENT_NAME = "Purchase"

_SETTINGS = """\
version: 1
warehouses:
  bench: {{url: "duckdb:///{file}"}}
credentials:
  sink: {{access_token: sink}}
destinations:
  sink:
    type: tiktok_events
    credential: sink
    advertiser_id: "7654321098765432109"
    event_source: offline
    event_source_id: "{event_set_id}"
    fixed_event_name: {event}
    api_url: {url}
    max_in_flight: {in_flight}
orchestrations:
  {name}: {{query: {name}, warehouse: bench, destination: sink, line_items: {line_items}{engine}}}
"""
_ENGINE = """\
engines:
  cluster: {{type: ray, address: "{address}", stage: {stage}}}
"""
STAGE = "stage"
"""The folder of a project that machines share, if it has an engine."""

IN_FLIGHT: int = EventsSettings.model_fields["max_in_flight"].default
"""Requests that a destination has on their way at once unless it says otherwise."""


@contextmanager
def project_folder(
    file: Path,
    url: str,
    *,
    in_flight: int = IN_FLIGHT,
    line_items: bool = True,
    ledger: str | None = None,
    cluster: str | None = None,
) -> Iterator[Path]:
    """A folder beside `file` whose only orchestration reads the whole table and sends it to `url`.

    Without `line_items` a row is an event by itself, so that nothing has to wait for the end of the result. `ledger` is
    a database in place of a file in the folder, `cluster` the address of the machines that share the work.
    """
    # Not in the system's temporary folder: where that lies in memory, a stage would count as memory.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix="project-") as name:
        directory = Path(name)
        (directory / "queries").mkdir()
        (directory / "queries" / f"{ORCHESTRATION}.sql").write_text(f"SELECT * FROM {TABLE}\n")
        settings = _SETTINGS.format(
            file=file.absolute(),
            event_set_id=EVENT_SET_ID,
            event=FIXED_EVENT_NAME,
            url=url,
            name=ORCHESTRATION,
            in_flight=in_flight,
            line_items=str(line_items).lower(),
            engine=", engine: cluster" if cluster else "",
        )
        if ledger:
            settings += f'ledger: "{ledger}"\n'
        if cluster:
            (directory / STAGE).mkdir()
            settings += _ENGINE.format(address=cluster, stage=(directory / STAGE).absolute())
        (directory / "orchestrations.yaml").write_text(settings)
        yield directory


def load(directory: Path) -> Project:
    """The project, as the command line loads it."""
    return load_project(directory, os.environ)


def stage_bytes(directory: Path) -> int:
    """What the runs keep on disk at present, in bytes."""
    return sum(file.stat().st_size for file in (directory / ".connector").rglob("*") if file.is_file())


def forget_runs(directory: Path) -> None:
    """Removes the ledger and every stage, so that the next run starts as the first did."""
    shutil.rmtree(directory / ".connector", ignore_errors=True)
