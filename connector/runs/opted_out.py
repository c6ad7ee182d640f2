"""Read the people who are not sent to a destination, from the query of its `suppress`.

Of each digest only the first 8 bytes are kept, sorted in a file: memory does not grow with the number of people.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from connector.catalogue import AUDIENCES
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.warehouse import Warehouse
from connector.core.disk import make_private_file, make_private_folder
from connector.core.hashed_rows import ID_TYPES
from connector.destinations.audience_destination import compile_people
from connector.destinations.audience_payloads import identifiers_by_type
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.query_template import QueryTemplate, RunVariables
from connector.sources.background_reader import read_in_background
from connector.sources.query_syntax import query_fault
from connector.sources.registry import check_driver, open_source
from connector.staging.storage.digest_partitions import DIGEST_BYTES, PARTITIONS, DigestPartitions
from connector.transform.binding import bind
from connector.transform.rules import MemberRules
from connector.transform.template import load_template

if TYPE_CHECKING:
    from connector.runs.job import Job

_RECORD = np.dtype([("digest", "u1", DIGEST_BYTES)])
OPTED_OUT = "opted-out"
"""The name of the file."""
_FOLDER = "identifiers"


@dataclass(frozen=True, slots=True)
class OptOutQuery:
    """The query of the people who are not sent."""

    path: Path
    sql: str
    warehouse: Warehouse

    @property
    def name(self) -> str:
        """The name of the saved query."""
        return self.path.stem


def opt_out_query(project: Project, orchestration: Orchestration, run: RunVariables) -> OptOutQuery | None:
    """Return the query of the destination's `suppress`; None if it has none. Raises ConfigurationError."""
    destination = orchestration.destination
    settings = destination.suppress
    if settings.query is None:
        return None
    warehouse = project.warehouse(settings.warehouse) if settings.warehouse else orchestration.warehouse
    if warehouse is None:
        place = project.location("destinations", destination.name, "suppress")
        message = f"suppress: {orchestration.name} reads a file, so name the warehouse that the query runs on."
        raise ConfigurationError([Problem(message, *place, Rule.MISSING_KEY)])
    check_driver(warehouse)
    path = project.config_directory / "queries" / f"{settings.query}.sql"
    saved = QueryTemplate(path, warehouse.dialect, orchestration.parameters, run, orchestration.target)
    sql = saved.render()
    if fault := query_fault(sql, warehouse.dialect):
        line, column = saved.place(fault.line, fault.column) if fault.line else (None, None)
        raise ConfigurationError([Problem(fault.message, path, line, column, fault.rule)])
    return OptOutQuery(path, sql, warehouse)


@contextmanager
def opted_out(project: Project, job: "Job", stop: Event) -> Iterator[Path | None]:
    """Yield a file with the people who are not sent, as `read_opted_out` reads it; None if there is no query.

    Raises SourceError, ConfigurationError if the query has no column that names people, Interrupted.
    """
    if job.opt_out is None:
        yield None
        return
    make_private_folder(project.state_directory)
    with TemporaryDirectory(prefix="opted-out-", dir=project.state_directory) as folder:
        file = Path(folder) / OPTED_OUT
        with DigestPartitions(Path(folder) / _FOLDER, _RECORD) as partitions:
            _read(project, job, job.opt_out, partitions, stop)
        _write_sorted(partitions, file)
        partitions.remove()
        yield file


def _read(project: Project, job: "Job", query: OptOutQuery, partitions: DigestPartitions, stop: Event) -> None:
    """Add the digests of all people of the query to the partitions."""
    tag = f"connector:{job.orchestration.name}:{query.name}"
    with (
        open_source(query.warehouse, project.directory, tag) as source,
        read_in_background(source, query.sql, stop) as result,
    ):
        template = load_template(None, project.config_directory, _no_values, AUDIENCES)
        try:
            compiler = compile_people(bind(template, result.schema, AUDIENCES), _rules(job))
        except ConfigurationError as error:
            problems = [Problem(problem.message, query.path, rule=problem.rule) for problem in error.problems]
            raise ConfigurationError(problems) from None
        for part in compiler.hash(result.batches(), threads=1, gather=False):
            for id_type, identifiers in identifiers_by_type(part.members).items():
                records = np.empty(len(identifiers.digests), _RECORD)
                records["digest"] = identifiers.digests
                partitions.add(id_type, records)


def _no_values(text: str, file: Path, line: int) -> object:
    raise AssertionError(f"a built-in template has no values, and {file}:{line} has {text}")


def _rules(job: "Job") -> MemberRules:
    """Return the rules by which the destination hashes people."""
    settings, usual = job.settings, MemberRules()
    return MemberRules(
        settings.default_region,
        getattr(settings, "device_id_case", usual.device_id_case),
        getattr(settings, "email_rule", usual.email_rules),
    )


def _write_sorted(partitions: DigestPartitions, file: Path) -> None:
    """Write the beginnings of all digests. Partitions are by the first bits, so that they follow one another."""
    make_private_file(file)
    with file.open("wb") as sink:
        for partition in range(PARTITIONS):
            of_types = map(partial(partitions.read, partition=partition), ID_TYPES)
            digests = np.concatenate([records["digest"] for records in of_types])
            starts = np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
            np.unique(starts).tofile(sink)
