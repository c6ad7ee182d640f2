"""Everything about a run of an audience that can be known before a connection is opened."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from connector.catalogue import AUDIENCES
from connector.config.destination import AudienceDestination
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.warehouse import Warehouse
from connector.destinations.tiktok.audience.rivals import refuse_rivals
from connector.errors import ConfigurationError, Problem
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import last_success
from connector.ledger.records import Scope
from connector.queries.query_template import RunVariables
from connector.runs.job import attempt, file_of, rendered, template_of, warehouse_of
from connector.transform.rules import MemberRules
from connector.transform.template import DataTemplate

if TYPE_CHECKING:
    from connector.files.scan_report import FileInput


@dataclass(frozen=True, slots=True)
class AudienceJob:
    """What a run will do: the people of this query, or this file, read with this template, into this audience.

    Where there is a file, there is no warehouse, and `sql` is empty.
    """

    orchestration: Orchestration
    destination: AudienceDestination
    warehouse: Warehouse | None
    sql: str
    template: DataTemplate
    rules: MemberRules
    file: "FileInput | None" = None

    @property
    def fingerprint(self) -> str:
        """Differs once something has changed that decides who is in the audience."""
        query = self.orchestration.query_path.read_bytes() if self.orchestration.query_path else b""
        of_audience = (self.destination.mode, self.destination.audience, self.destination.audience_id)
        parts = (query, self.orchestration.parameters, self.template, self.rules, *of_audience)
        return sha256(repr(parts).encode()).hexdigest()


def is_audience(project: Project, name: str) -> bool:
    """Whether the orchestration keeps an audience; else it sends events. Raises ConfigurationError."""
    return isinstance(project.orchestration(name).destination, AudienceDestination)


def prepare_audience(project: Project, name: str, run: RunVariables) -> AudienceJob:
    """The job of an orchestration that keeps an audience. Raises ConfigurationError with every problem found."""
    orchestration = project.orchestration(name)
    problems: list[Problem] = []
    destination = attempt(problems, lambda: _destination(project, orchestration))
    file = attempt(problems, lambda: file_of(project, orchestration)) if orchestration.file else None
    warehouse = attempt(problems, lambda: warehouse_of(project, orchestration)) if not orchestration.file else None
    sql = attempt(problems, lambda: rendered(orchestration, run)) if orchestration.query_path else ""
    template = attempt(problems, lambda: template_of(project, orchestration, AUDIENCES))
    if problems or sql is None or not (destination and (warehouse or file) and template):
        raise ConfigurationError(problems)
    rules = MemberRules(destination.default_region, destination.device_id_case, destination.email_rule)
    return AudienceJob(orchestration, destination, warehouse, sql, template, rules, file)


def audience_job_now(project: Project, name: str, ledger: Ledger | None = None) -> AudienceJob:
    """The job that a run would do if it began now. Raises ConfigurationError."""
    started_at = datetime.now(UTC)
    job = prepare_audience(project, name, RunVariables(started_at=started_at))
    scope = Scope(project.target, job.destination.api_url)
    last = ledger.runs.last_success(name, scope) if ledger else last_success(project, name, scope)
    return prepare_audience(project, name, RunVariables(started_at=started_at, last_success_at=last)) if last else job


def _destination(project: Project, orchestration: Orchestration) -> AudienceDestination:
    destination = orchestration.destination
    if not isinstance(destination, AudienceDestination):
        raise ConfigurationError(f'The destination "{destination.name}" keeps no audience.')
    if orchestration.test_event_code is not None:
        place = project.place("orchestrations", orchestration.name, "test_event_code")
        raise ConfigurationError([Problem("test_event_code is for events; an audience has no test mode.", *place)])
    refuse_rivals(project, orchestration, destination)
    return destination
