"""TikTok's Events API behind the interface of destinations."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa

from connector.catalogue import EVENTS, PARAMETERS, Catalogue, Parameter
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.hashed import HashedEvents, HashedRows
from connector.core.outcomes import Skip
from connector.core.route import Route
from connector.core.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.destinations.base import Attempt, Capabilities, Preview, StageContext
from connector.destinations.checks import CheckedDestination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.tiktok.events.checks import check_events
from connector.destinations.tiktok.events.event_set import intended_for, kept_id, settle_event_set
from connector.destinations.tiktok.events.preflight import check_first
from connector.destinations.tiktok.events.setting_notes import event_cautions
from connector.destinations.tiktok.events.transform import EventCompiler, compile_rows
from connector.destinations.tiktok.service import open_service
from connector.destinations.tiktok.settings import EventsSettings
from connector.errors import (
    AccountRefused,
    AccountUnreachable,
    AuthorisationError,
    ConfigurationError,
    Problem,
    ResumableError,
)
from connector.ledger.ledger import Ledger
from connector.ledger.records import OpenBatch, RunRecord, Scope
from connector.staging.delivered_keys import keep_until, known_keys
from connector.staging.recheck import leave_out_delivered, leave_out_suppressed
from connector.staging.sending import BatchCodec, EventCodec
from connector.staging.skip_delivered import Known
from connector.staging.skip_suppressed import forgotten_by
from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.transform.binding import Binding
from connector.transform.changes import judged_as_whole
from connector.transform.events import left_out_rows
from connector.transform.grouping import payloads
from connector.transform.rules import EventRules
from connector.transform.suppression import SuppressionFilter
from connector.transform.template import DataTemplate

UNKNOWN_EVENT_SET = "0"
"""Stands for the id of an event set that has only a name so far. No event may be sent to it."""

RESEND_WINDOW = timedelta(hours=47)
"""For how long after its first request an event may be sent again although it may have been taken: TikTok knows it by
its id for 48 hours (agreed by several sources), and a batch may be tried for a while."""


@dataclass(frozen=True, slots=True)
class EventTargets:
    """Where the events of a run count as delivered."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class TikTokEvents:
    """Implements `Destination` for a pixel (web) or an offline event set."""

    settings: EventsSettings
    catalogue: Catalogue = EVENTS
    capabilities: Capabilities = field(
        default=Capabilities("event", test_mode=True, streaming=True, deduplication=True, resend_window=RESEND_WINDOW)
    )

    @property
    def kind(self) -> str:
        """`web` or `offline`."""
        return self.settings.event_source

    @property
    def goes_to(self) -> str:
        """See `Destination.goes_to`."""
        return f"{self.kind} {self.settings.event_source_id or self.settings.event_set_name}"

    @property
    def timezone(self) -> str:
        """That of the settings."""
        return self.settings.timezone

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        check_event_name(project, self.settings)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`."""
        check_event_name(project, self.settings)
        return check_events(project, self.settings, test_event_code)

    def parameters(self) -> Sequence[Parameter]:
        """See `Destination.parameters`."""
        return [parameter for parameter in PARAMETERS if self.settings.event_source in parameter.sources]

    def notes(self, parameters: Sequence[str]) -> tuple[str, ...]:
        """See `Destination.notes`."""
        return ()

    def cautions(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.cautions`."""
        return list(event_cautions(project, self.settings, template, schema, prescribed=prescribed))

    def rules(self, orchestration: Orchestration, started_at: int, known_id: str | None) -> EventRules:
        """See `Destination.rules`."""
        settings = self.settings
        return EventRules(
            event_source=settings.event_source,
            event_source_id=settings.event_source_id or known_id or UNKNOWN_EVENT_SET,
            started_at=started_at,
            fixed_event_name=settings.fixed_event_name,
            limited_data_use=settings.limited_data_use,
            custom_events=settings.custom_events,
            default_region=settings.default_region,
            timezone=settings.timezone,
            max_age_days=settings.max_age_days,
            line_items=orchestration.line_items,
            identical_rows=orchestration.identical_rows,
            negative_lines=orchestration.negative_lines,
        )

    def identity(self, rules: EventRules) -> tuple[object, ...]:
        """See `Destination.identity`."""
        source = self.settings.event_source_id or f"{self.settings.event_set_name}"
        return (replace(rules, started_at=0, event_source_id=source),)

    def compile(self, binding: Binding, rules: EventRules) -> EventCompiler:
        """See `Destination.compile`."""
        return compile_rows(binding, rules)

    def known_id(self, project: Project, ledger: Ledger | None) -> str | None:
        """See `Destination.known_id`: that of an event set that has only a name."""
        return kept_id(project, self.settings, ledger)

    def changes(self, project: Project) -> tuple[str | None, list[str]]:
        """See `Destination.changes`. What TikTok does not tell is a sentence on what is not known."""
        try:
            found = intended_for(project, self.settings)
        except (AccountRefused, AccountUnreachable, AuthorisationError) as error:
            return None, [f"What a run does to the event set first is not known. {error.message}"]
        if found is None:
            return None, []
        return found.found.event_set_id if found.found else None, found.changes

    @contextmanager
    def resolve(self, context: RunContext, confirmation: Confirmation, *, resuming: bool) -> Iterator[EventTargets]:
        """See `Destination.resolve`: find or create an event set that has only a name."""
        if not resuming:
            settle_event_set(context, self.settings, confirmation)
        yield EventTargets(context.scope(self.settings))

    def forecast(self, project: Project, ledger: Ledger) -> EventTargets:
        """See `Destination.forecast`."""
        return EventTargets(Scope(project.target, self.settings.address))

    def stage(self, rows: Iterable[HashedRows], targets: EventTargets, context: StageContext) -> Staged:
        """See `Destination.stage`. Events that were delivered before, or are about suppressed people, are skipped."""
        return stage(
            rows,
            context.directory,
            context.compiler.compiled.rules,
            known=self._known(
                context.ledger, targets, context.run_id, context.test_event_code, resend_unknown=context.resend_unknown
            ),
            forgotten=forgotten_by(context.ledger),
            read=context.on_read,
            early=context.streaming,
        )

    def confirm(self, staged: Staged, limit: int | None, confirmation: Confirmation, *, allow_empty: bool) -> None:
        """See `Destination.confirm`: events need no confirmation."""

    def plan_notes(
        self, project: Project, ledger: Ledger, targets: EventTargets, staged: Staged, limit: int | None
    ) -> list[str]:
        """See `Destination.plan_notes`."""
        return []

    def recheck(self, context: RunContext, targets: EventTargets, record: RunRecord, *, resend_unknown: bool) -> None:
        """See `Destination.recheck`: skip what another run delivered since, and people suppressed since."""
        directory = context.directory(record.run_id)
        leave_out_suppressed(context.ledger, record.run_id, directory)
        code = record.test_event_code
        known = self._known(context.ledger, targets, record.run_id, code, resend_unknown=resend_unknown)
        leave_out_delivered(context.ledger, record.run_id, directory, known)

    def _known(
        self, ledger: Ledger, targets: EventTargets, run_id: str | None, code: str | None, *, resend_unknown: bool
    ) -> Known:
        """Return the keys that other runs than this delivered, or may have."""
        return known_keys(
            ledger,
            targets.scope,
            max_age_days=self.settings.max_age_days,
            resend_window=RESEND_WINDOW,
            test_event_code=code,
            resend_unknown=resend_unknown,
            but=run_id,
        )

    def refuse_unready(self, orchestration: str, rules: EventRules) -> None:
        """See `Destination.refuse_unready`: events need the id of their event set."""
        if rules.event_source_id == UNKNOWN_EVENT_SET:
            raise ResumableError(
                f'The id of the offline event set "{self.settings.event_set_name}" is not known. Nothing was sent; '
                f"`connector run {orchestration}` finds or creates it first."
            )

    def preflight(self, context: RunContext, targets: EventTargets, run_id: str, batches: Sequence[OpenBatch]) -> None:
        """See `Destination.preflight`: ask TikTok about event sources to which nothing was delivered yet."""
        check_first(context, self.settings, batches)

    @contextmanager
    def open(self, context: RunContext, targets: EventTargets, test_event_code: str | None) -> Iterator[Attempt]:
        """See `Destination.open`."""
        state = context.project.state_directory
        with open_service(self.settings, test_event_code, context.observer, state, context.stop) as client:
            yield client.attempt

    def codec(self, targets: EventTargets, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return EventCodec(keep_until(self.settings.max_age_days, test_event_code))

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the event source id ({route.resource_type} {route.resource_id}), the advertiser id and the event name"

    def excluded(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """See `Destination.excluded`."""
        return left_out_rows(events, outcome=outcome, reason=reason, answers=answers)

    def acknowledge(self, context: RunContext, targets: EventTargets) -> None:
        """See `Destination.acknowledge`: delivered keys are kept with their batches."""

    def finish(self, context: RunContext, targets: EventTargets, run_id: str) -> None:
        """See `Destination.finish`: nothing is left to do."""

    def preview(
        self, ledger: Ledger, project: Project, first: HashedRows, compiler: EventCompiler, rows: int, code: str | None
    ) -> Preview:
        """See `Destination.preview`."""
        forgotten = forgotten_by(ledger)
        events, suppressed = _without(first, forgotten)
        excluded = forgotten.without(pa.concat_tables([first.left_out, *suppressed]).sort_by("row").slice(0, rows))
        return Preview(_bodies(events, rows, code), excluded)

    def judge(self, first: HashedRows, compiler: EventCompiler) -> HashedRows:
        """See `Destination.judge`."""
        return judged_as_whole(first, compiler.compiled.rules)


def check_event_name(project: Project, settings: EventsSettings) -> None:
    """Raise ConfigurationError for a fixed_event_name that TikTok does not know."""
    name, known = settings.fixed_event_name, (*STANDARD_EVENTS, *LEGACY_EVENTS, *settings.custom_events)
    if name is None or name in known:
        return
    advice = " Names of your own go into custom_events." if settings.event_source == "web" else ""
    message = (
        f'The destination "{settings.name}" has the fixed_event_name "{name}", which TikTok does not know.'
        f"{did_you_mean(name, known)}{advice} TikTok knows {', '.join(STANDARD_EVENTS)}."
    )
    place = project.place("destinations", settings.name, "fixed_event_name")
    raise ConfigurationError([Problem(message, *place)])


def _without(first: HashedRows, forgotten: SuppressionFilter) -> tuple[list[HashedEvents], list[pa.Table]]:
    """Return the events that would be sent, and the rows of those about suppressed people."""
    kept, left_out = [], []
    for events in first.events:
        about = forgotten.among(events.table)
        kept.append(HashedEvents(events.route, events.table.filter(pa.array(~about))))
        left_out.append(left_out_rows(events.table.filter(pa.array(about)), outcome="skipped", reason=Skip.SUPPRESSED))
    return kept, left_out


def _bodies(first: list[HashedEvents], rows: int, test_event_code: str | None) -> list[dict[str, Any]]:
    bodies = []
    for events in first:
        data = [json.loads(text) for text in payloads(events.table.slice(0, rows)).to_pylist()]
        rows -= len(data)
        if data:
            known = events.route.resource_id != UNKNOWN_EVENT_SET
            route = {
                "event_source": events.route.resource_type,
                "event_source_id": events.route.resource_id if known else "that of the event set, not known yet",
            }
            test = {"test_event_code": test_event_code} if test_event_code else {}
            bodies.append({**route, **test, "data": data})
    return bodies
