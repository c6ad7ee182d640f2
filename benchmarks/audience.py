"""An audience that is filled, and then changes by a tenth: compared, sent and settled by `connector run`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.one_run import OneRun, one_run
from benchmarks.project import ORCHESTRATION, load
from benchmarks.sink import running_sink
from connector.destinations.tiktok.audience.copies import KIND
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RemoteKey, Scope

ADVERTISER = "7654321098765432109"
AUDIENCE = "bench"
CHANGED = 10
"""One person in so many is another one in the second run."""

_PEOPLE = """
CREATE OR REPLACE TABLE people AS
SELECT 'person.' || n || '@example.com' AS email, '+1' || (2000000000 + n) AS phone
FROM range({first}, {first} + {people}) AS t (n)
"""

_SETTINGS = """\
version: 1
warehouses:
  bench: {{url: "duckdb:///people.duckdb"}}
credentials:
  sink: {{access_token: sink-of-the-bench}}
destinations:
  sink:
    type: tiktok_audience
    credential: sink
    advertiser_ids: ["{advertiser}"]
    audience: {audience}
    requests_per_second: 1000
    api_url: {url}
orchestrations:
  {name}: {{query: {name}, warehouse: bench, destination: sink}}
"""


@dataclass(frozen=True, slots=True)
class AudienceResult:
    """`people` with an e-mail and a phone each: the run that fills the audience, and the one that changes a tenth."""

    people: int
    filling: OneRun
    changing: OneRun


def measure_audience(data: Path, people: int) -> AudienceResult:
    """Both runs, one after the other."""
    data.mkdir(parents=True, exist_ok=True)
    with running_sink() as sink, _project(data, sink.url) as directory:
        _fill(directory, 0, people)
        filling = one_run(directory)
        _fill(directory, people // CHANGED, people)
        return AudienceResult(people, filling, one_run(directory))


def _fill(directory: Path, first: int, people: int) -> None:
    with duckdb.connect(str(directory / "people.duckdb")) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_PEOPLE.format(first=first, people=people))


@contextmanager
def _project(data: Path, url: str) -> Iterator[Path]:
    """A project whose audience is known already: a sink tells of none."""
    with tempfile.TemporaryDirectory(dir=data, prefix="project-") as name:
        directory = Path(name)
        (directory / "queries").mkdir()
        (directory / "queries" / f"{ORCHESTRATION}.sql").write_text("SELECT * FROM people\n")
        settings = _SETTINGS.format(advertiser=ADVERTISER, audience=AUDIENCE, url=url, name=ORCHESTRATION)
        (directory / "orchestrations.yaml").write_text(settings)
        project = load(directory)
        with ledger_of(project) as ledger:
            ledger.remote_ids.store(RemoteKey(KIND, project.target, url, ADVERTISER, AUDIENCE), "77")
            ledger.members.audience(Scope(project.target, url), "77", AUDIENCE, [ADVERTISER])
        yield directory
