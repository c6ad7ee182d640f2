"""The parts of `Destination` that every destination of events has, whatever takes the events.

A subclass says where events go: `goes_to`, `check`, `open`, and whatever it does in another way.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa

from connector.catalogue import EVENTS, PARAMETERS, Catalogue, Parameter
from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.hashed_rows import HashedEvents, HashedRows
from connector.core.outcomes import Skip
from connector.core.route import Route
from connector.destinations.base import Capabilities, Preview, StageContext
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.event_settings import BaseEventSettings
from connector.destinations.setting_notes import unmapped_columns
from connector.errors import ConfigurationError, Problem, Rule
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import RunRecord, Scope
from connector.staging.recheck import recheck_delivered, recheck_suppressed
from connector.staging.sending import BatchCodec, EventCodec
from connector.staging.skip_delivered import DeliveredKeys, delivered_keys, key_expiry
from connector.staging.skip_suppressed import suppression_filter
from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.transform.binding import Binding, missing_requirements
from connector.transform.changes import judge_as_whole
from connector.transform.compiler import CompiledTransform, compile_events
from connector.transform.excluded_events import excluded_event_rows
from connector.transform.grouping import payloads
from connector.transform.limit import first_events, first_rows
from connector.transform.row_selection import RowSelection
from connector.transform.rules import EventRules
from connector.transform.slice_engine import Engine, EnginePool
from connector.transform.stream import hash_rows
from connector.transform.suppression_filter import SuppressionFilter
from connector.transform.template import DataTemplate


@dataclass(frozen=True, slots=True)
class EventCompiler:
    """Implements `RowCompiler` for events."""

    compiled: CompiledTransform

    @property
    def sql(self) -> str:
        """The SQL of events and of line items, for people."""
        return f"{self.compiled.events_sql};\n\n{self.compiled.items_sql}"

    def first(self, batches: Iterable[pa.RecordBatch], limit: int, *, test: bool) -> Iterator[pa.RecordBatch]:
        """Yield the first `limit` rows; with line items, also the other rows of the events that start among them.

        An event of which some rows are missing would keep a wrong value. Test events count nowhere, and are cut.
        """
        if self.compiled.rules.line_items and not test:
            return first_events(batches, limit, self.compiled)
        return first_rows(batches, limit)

    def select(self, batches: Iterable[pa.RecordBatch], selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """Yield the rows that a retry selects."""
        return selection.filter(batches, self.compiled)

    def hash(
        self,
        batches: Iterable[pa.RecordBatch],
        *,
        threads: int,
        gather: bool,
        engines: EnginePool[Engine] | None = None,
    ) -> Iterator[HashedRows]:
        """Yield the hashed rows of each slice."""
        return hash_rows(batches, self.compiled, threads=threads, gather=gather, engines=engines)


def compile_rows(binding: Binding, rules: EventRules) -> EventCompiler:
    """Compile a bound template. Raises ConfigurationError with every parameter that the columns lack."""
    lacking = missing_requirements(binding, event_source=rules.event_source, fixed_event_name=rules.fixed_event_name)
    if lacking:
        raise ConfigurationError(lacking)
    return EventCompiler(compile_events(binding, rules))


@dataclass(frozen=True, slots=True)
class EventTargets:
    """Where the events of a run count as delivered."""

    scope: Scope


@dataclass(frozen=True)
class EventDestination:
    """Implements `Destination` but for where events go. May change."""

    settings: BaseEventSettings
    catalogue: ClassVar[Catalogue] = EVENTS
    capabilities: ClassVar[Capabilities] = Capabilities("event", streaming=True, deduplication=True)
    unknown_id: ClassVar[str] = ""
    """Stands for the id of an event source that is not known yet."""

    @property
    def kind(self) -> str:
        """`web` or `offline`."""
        return self.settings.event_source

    @property
    def timezone(self) -> str:
        """That of the settings."""
        return self.settings.timezone

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        check_event_name(project, self.settings)

    def parameters(self) -> Sequence[Parameter]:
        """See `Destination.parameters`."""
        return [parameter for parameter in PARAMETERS if self.settings.event_source in parameter.sources]

    def notes(self, parameters: Sequence[str]) -> tuple[str, ...]:
        """See `Destination.notes`."""
        return ()

    def setting_notes(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.setting_notes`."""
        if schema is None or prescribed:
            return []
        return unmapped_columns(project, template, schema, self.catalogue)

    def rules(self, orchestration: Orchestration, started_at: int, known_id: str | None) -> EventRules:
        """See `Destination.rules`."""
        settings = self.settings
        return EventRules(
            event_source=settings.event_source,
            event_source_id=settings.event_source_id or known_id or self.unknown_id,
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
        return (replace(rules, started_at=0),)

    def compile(self, binding: Binding, rules: EventRules) -> EventCompiler:
        """See `Destination.compile`."""
        return compile_rows(binding, rules)

    def known_id(self, project: Project, ledger: Ledger | None) -> str | None:
        """See `Destination.known_id`."""
        return None

    def changes(self, project: Project) -> tuple[str | None, list[str]]:
        """See `Destination.changes`."""
        return None, []

    def resolve(
        self, context: RunContext, confirmation: Confirmation, *, resuming: bool
    ) -> AbstractContextManager[EventTargets]:
        """See `Destination.resolve`."""
        return _held(EventTargets(context.scope(self.settings)))

    def forecast(self, project: Project, ledger: Ledger) -> EventTargets:
        """See `Destination.forecast`."""
        return EventTargets(Scope(project.target, self.settings.address))

    def stage(self, rows: Iterable[HashedRows], targets: EventTargets, context: StageContext) -> Staged:
        """See `Destination.stage`. Events that were delivered before, or are about suppressed people, are skipped."""
        return stage(
            rows,
            context.directory,
            context.compiler.compiled.rules,
            delivered_keys=self._delivered_keys(
                context.ledger, targets, context.run_id, context.test_event_code, resend_unknown=context.resend_unknown
            ),
            suppressed=suppression_filter(context.ledger, context.opted_out),
            on_progress=context.on_read,
            streaming=context.streaming,
            limits=self.capabilities.batch_limits,
            splits=context.splits,
        )

    def attach(self, context: RunContext) -> AbstractContextManager[EventTargets]:
        """See `Destination.attach`."""
        return _held(EventTargets(context.scope(self.settings)))

    def stage_split(self, rows: Iterable[HashedRows], context: StageContext) -> dict[str, Any]:
        """See `Destination.stage_split`."""
        from connector.staging.splits import stage_split

        suppressed = suppression_filter(context.ledger, context.opted_out)
        limits = self.capabilities.batch_limits
        return stage_split(rows, context.directory, suppressed=suppressed, limits=limits, on_progress=context.on_read)

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
        recheck_suppressed(context.ledger, record.run_id, directory)
        code = record.test_event_code
        keys = self._delivered_keys(context.ledger, targets, record.run_id, code, resend_unknown=resend_unknown)
        recheck_delivered(context.ledger, record.run_id, directory, keys)

    def _delivered_keys(
        self, ledger: Ledger, targets: EventTargets, run_id: str | None, code: str | None, *, resend_unknown: bool
    ) -> DeliveredKeys:
        """Return the keys that other runs than this delivered, or may have."""
        return delivered_keys(
            ledger,
            targets.scope,
            max_age_days=self.settings.max_age_days,
            resend_window=self.capabilities.resend_window,
            test_event_code=code,
            resend_unknown=resend_unknown,
            except_run=run_id,
        )

    def refuse_unready(self, orchestration: str, rules: EventRules) -> None:
        """See `Destination.refuse_unready`: everything is ready."""

    def preflight(self, context: RunContext, targets: EventTargets, run_id: str, batches: Sequence[OpenBatch]) -> None:
        """See `Destination.preflight`: there is nothing to check."""

    def codec(self, targets: EventTargets, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return EventCodec(key_expiry(self.settings.max_age_days, test_event_code))

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the event source id ({route.resource_type} {route.resource_id}) and the event name"

    def excluded(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """See `Destination.excluded`."""
        return excluded_event_rows(events, outcome=outcome, reason=reason, answers=answers)

    def acknowledge(self, context: RunContext, targets: EventTargets) -> None:
        """See `Destination.acknowledge`: delivered keys are kept with their batches."""

    def finish(self, context: RunContext, targets: EventTargets, run_id: str) -> None:
        """See `Destination.finish`: nothing is left to do."""

    def preview(
        self, ledger: Ledger, project: Project, first: HashedRows, compiler: EventCompiler, rows: int, code: str | None
    ) -> Preview:
        """See `Destination.preview`."""
        suppressed = suppression_filter(ledger)
        events, excluded = _split_suppressed(first, suppressed)
        rows_shown = suppressed.redact(pa.concat_tables([first.excluded, *excluded]).sort_by("row").slice(0, rows))
        return Preview(self._bodies(events, rows, code), rows_shown)

    def _bodies(self, events: list[HashedEvents], rows: int, test_event_code: str | None) -> list[dict[str, Any]]:
        """Return the first `rows` events as objects like those that requests carry, by event source."""
        bodies = []
        for part in events:
            data = [json.loads(text) for text in payloads(part.table.slice(0, rows)).to_pylist()]
            rows -= len(data)
            if data:
                is_known = part.route.resource_id != self.unknown_id
                route = {
                    "event_source": part.route.resource_type,
                    "event_source_id": (part.route.resource_id if is_known else "that of the event set, not known yet"),
                }
                test = {"test_event_code": test_event_code} if test_event_code else {}
                bodies.append({**route, **test, "data": data})
        return bodies

    def judge(self, first: HashedRows, compiler: EventCompiler) -> HashedRows:
        """See `Destination.judge`."""
        return judge_as_whole(first, compiler.compiled.rules)


@contextmanager
def _held(targets: EventTargets) -> Iterator[EventTargets]:
    yield targets


def check_event_name(project: Project, settings: BaseEventSettings) -> None:
    """Raise ConfigurationError for an unknown fixed_event_name."""
    name, known = settings.fixed_event_name, (*STANDARD_EVENTS, *LEGACY_EVENTS, *settings.custom_events)
    if name is None or name in known:
        return
    advice = " Names of your own go into custom_events." if settings.event_source == "web" else ""
    message = (
        f'The destination "{settings.name}" has the unknown fixed_event_name "{name}".'
        f"{did_you_mean(name, known)}{advice} Known are {', '.join(STANDARD_EVENTS)}."
    )
    place = project.location("destinations", settings.name, "fixed_event_name")
    raise ConfigurationError([Problem(message, *place, Rule.INVALID_VALUE)])


def _split_suppressed(first: HashedRows, suppressed: SuppressionFilter) -> tuple[list[HashedEvents], list[pa.Table]]:
    """Return the events that would be sent, and the rows of those about suppressed people."""
    sent, excluded = [], []
    for events in first.events:
        flags = suppressed.match_events(events.table)
        sent.append(HashedEvents(events.route, events.table.filter(pa.array(~flags))))
        excluded.append(
            excluded_event_rows(events.table.filter(pa.array(flags)), outcome="skipped", reason=Skip.SUPPRESSED)
        )
    return sent, excluded
