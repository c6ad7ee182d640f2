"""The parts of `Destination` that every destination of audiences has, whatever holds the audience.

A subclass says where the changes of members go: `goes_to`, `changes`, `resolve`, `forecast`, `check`, `open`, the units
of a request, and whatever it does in another way.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa

from connector.catalogue import AUDIENCES, Catalogue, Parameter
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.hashed_rows import ID_TYPES, HashedMembers
from connector.core.route import Route
from connector.destinations.audience_codec import ChangeCodec, refused_unit_rows
from connector.destinations.audience_membership import Copy, apply_changes, member_lookup
from connector.destinations.audience_payloads import MakePayloads, Payloads, identifiers_by_type
from connector.destinations.audience_rivals import MIRROR, refuse_rivals
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.destinations.audience_stage import Intent, StagedMembers, stage_members
from connector.destinations.audience_suppression import recheck_suppressed, suppressed_keys, without_suppressed
from connector.destinations.base import Capabilities, StageContext
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.setting_notes import unmapped_columns
from connector.errors import ConfigurationError, ResumableError, UsageError
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import RunRecord
from connector.staging.sending import BatchCodec
from connector.staging.staged import Staged
from connector.transform.binding import Binding
from connector.transform.limit import first_rows
from connector.transform.member_compiler import CompiledMembers, compile_members, hash_members, missing_columns
from connector.transform.row_selection import RowSelection
from connector.transform.rules import MemberRules
from connector.transform.slice_engine import EnginePool, SliceEngine
from connector.transform.template import DataTemplate

HASHED_EMAILS = (
    "An e-mail address that is hashed already is taken as it is: it must have the form that email_rule says before it "
    "is hashed."
)


@dataclass(frozen=True, slots=True)
class MemberCompiler:
    """Implements `RowCompiler` for people."""

    compiled: CompiledMembers

    @property
    def sql(self) -> str:
        """The SQL of the transform, for people."""
        return self.compiled.sql

    def first(self, batches: Iterable[pa.RecordBatch], limit: int, *, test: bool) -> Iterator[pa.RecordBatch]:
        """Yield the first `limit` rows."""
        return first_rows(batches, limit)

    def select(self, batches: Iterable[pa.RecordBatch], selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """Raise UsageError: the next run compares the audience with all rows again."""
        raise UsageError("Rows of an audience are not selected: run it again.")

    def hash(
        self,
        batches: Iterable[pa.RecordBatch],
        *,
        threads: int,
        gather: bool,
        engines: EnginePool[SliceEngine] | None = None,
    ) -> Iterator[HashedMembers]:
        """Yield the hashed members of each slice."""
        return hash_members(batches, self.compiled, threads=threads, engines=engines)


def compile_people(binding: Binding, rules: MemberRules) -> MemberCompiler:
    """Compile a bound template. Raises ConfigurationError if no column names a person."""
    if lacking := missing_columns(binding):
        raise ConfigurationError(lacking)
    return MemberCompiler(compile_members(binding, rules))


@dataclass(frozen=True)
class AudienceTargets:
    """The audience that a run changes."""

    copies: Sequence[Copy]
    """Its copies; most destinations have one."""


TargetsT = TypeVar("TargetsT", bound=AudienceTargets)


@dataclass(frozen=True)
class AudienceDestination(Generic[TargetsT]):
    """Implements `Destination` but for where the changes of members go. May change."""

    settings: BaseAudienceSettings
    catalogue: ClassVar[Catalogue] = AUDIENCES
    capabilities: ClassVar[Capabilities] = Capabilities("identifier", mirrors=True)
    large_change_effect: ClassVar[str] = ""
    """The effect of a large change on the audience, as a clause of the question that asks to confirm it."""

    @property
    def make_payloads(self) -> MakePayloads:
        """The function that builds the units of a request."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """`audience`."""
        return "audience"

    @property
    def timezone(self) -> str:
        """UTC."""
        return "UTC"

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`: no other orchestration may undo the changes."""
        refuse_rivals(project, orchestration, self.settings)

    def parameters(self) -> Sequence[Parameter]:
        """See `Destination.parameters`."""
        return AUDIENCES.parameters

    def notes(self, parameters: Sequence[str]) -> tuple[str, ...]:
        """See `Destination.notes`."""
        return (HASHED_EMAILS,) if "email" in parameters else ()

    def setting_notes(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.setting_notes`."""
        return [] if schema is None or prescribed else unmapped_columns(project, template, schema, AUDIENCES)

    def rules(self, orchestration: Orchestration, started_at: int, known_id: str | None) -> MemberRules:
        """See `Destination.rules`."""
        settings = self.settings
        return MemberRules(settings.default_region, settings.device_id_case, settings.email_rule)

    def identity(self, rules: MemberRules) -> tuple[object, ...]:
        """See `Destination.identity`."""
        return (rules, self.settings.mode, self.settings.audience, self.settings.audience_id)

    def compile(self, binding: Binding, rules: MemberRules) -> MemberCompiler:
        """See `Destination.compile`."""
        return compile_people(binding, rules)

    def known_id(self, project: Project, ledger: Ledger | None) -> None:
        """See `Destination.known_id`: rows name no audience."""

    def stage(self, rows: Iterable[HashedMembers], targets: TargetsT, context: StageContext) -> Staged:
        """See `Destination.stage`: compare people with the known members, and stage the difference."""
        return self.stage_difference(rows, targets, context)

    def stage_difference(
        self,
        rows: Iterable[HashedMembers],
        targets: TargetsT,
        context: StageContext,
        refill: frozenset[int] = frozenset(),
    ) -> StagedMembers:
        """Stage the difference; the copies with the numbers in `refill` get all members again.

        A limited run reads only some of the people, so it deletes none.
        """
        settings, suppressed = self.settings, suppressed_keys(context.ledger, context.opted_out)
        if context.splits is not None:
            from connector.destinations.audience_splits import members_of

            rows = members_of(context.splits)
        deletes = settings.mode == MIRROR and context.limit is None
        return stage_members(
            without_suppressed(rows, suppressed),
            context.directory,
            targets.copies,
            member_lookup(context.ledger),
            Intent(settings.mode, deletes, settings.rows_per_request, refill, suppressed),
            self.make_payloads,
            on_progress=context.on_read,
            is_shared=context.splits is not None,
        )

    def stage_split(self, rows: Iterable[HashedMembers], context: StageContext) -> dict[str, Any]:
        """See `Destination.stage_split`."""
        from connector.destinations.audience_splits import stage_split

        allowed = without_suppressed(rows, suppressed_keys(context.ledger, context.opted_out))
        return stage_split(allowed, context.directory, on_progress=context.on_read)

    def confirm(self, staged: Staged, limit: int | None, confirmation: Confirmation, *, allow_empty: bool) -> None:
        """See `Destination.confirm`: a change of many members, and one that empties the audience."""
        if is_emptied(self.settings, _members(staged), limit) and not allow_empty:
            raise UsageError(
                "The result is empty and would empty the audience. Nothing was sent. Pass `--allow-empty` to confirm."
            )
        members = _members(staged)
        removals = sum(counts.removed for counts in members.filled)
        confirmation.require_removals(removals, large_change(self.settings, members, self.large_change_effect))

    def plan_notes(
        self, project: Project, ledger: Ledger, targets: TargetsT, staged: Staged, limit: int | None
    ) -> list[str]:
        """See `Destination.plan_notes`."""
        change = large_change(self.settings, _members(staged), self.large_change_effect)
        notes = [f"{change} A run asks, or needs `--yes`."] if change else []
        if is_emptied(self.settings, _members(staged), limit):
            notes.append("The result is empty and would empty the audience: a run needs `--allow-empty`.")
        return notes

    def recheck(self, context: RunContext, targets: TargetsT, record: RunRecord, *, resend_unknown: bool) -> None:
        """See `Destination.recheck`: skip additions of people who were suppressed since."""
        recheck_suppressed(context, record.run_id)

    def preflight(self, context: RunContext, targets: TargetsT, run_id: str, batches: Sequence[OpenBatch]) -> None:
        """See `Destination.preflight`: the audience must still be that of this destination."""
        audience_ids = {copy.audience_id for copy in targets.copies}
        if others := {batch.record.route.resource_id for batch in batches} - audience_ids:
            raise ResumableError(
                f"Run {run_id} was staged for the audience {min(others)}, which is no longer that of this destination."
            )

    def refuse_unready(self, orchestration: str, rules: MemberRules) -> None:
        """See `Destination.refuse_unready`: an audience is resolved before anything is read."""

    def codec(self, targets: TargetsT, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return ChangeCodec({copy.audience_id: copy.key for copy in targets.copies})

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the audience ({route.resource_id})"

    def excluded(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """See `Destination.excluded`."""
        return refused_unit_rows(events, outcome=outcome, reason=reason, answers=answers)

    def acknowledge(self, context: RunContext, targets: TargetsT) -> None:
        """See `Destination.acknowledge`: what was sent becomes what is known of the members."""
        for copy in targets.copies:
            if copy.key is not None:
                apply_changes(context.ledger, copy.key, context.project.state_directory)

    def finish(self, context: RunContext, targets: TargetsT, run_id: str) -> None:
        """See `Destination.finish`."""
        self.acknowledge(context, targets)
        for copy in targets.copies:
            if copy.key is not None:
                context.ledger.members.synced(copy.key)

    def judge(self, first: HashedMembers, compiler: MemberCompiler) -> HashedMembers:
        """See `Destination.judge`: a person is judged by one row."""
        return first

    def first_payloads(self, first: HashedMembers, rows: int, audience_id: str) -> Payloads:
        """Return the units of the first `rows` people of a slice, for a preview."""
        members = first.members.slice(0, rows).combine_chunks()
        no_rows = pa.ListArray.from_arrays(pa.array(np.zeros(len(members) + 1, np.int32)), pa.array([], pa.int64()))
        return self.make_payloads(identifiers_by_type(members), no_rows, audience_id, ID_TYPES)


def _members(staged: Staged) -> StagedMembers:
    if not isinstance(staged, StagedMembers):
        raise TypeError("an audience stages members")
    return staged


def is_emptied(settings: BaseAudienceSettings, staged: StagedMembers, limit: int | None) -> bool:
    """Return whether the result is empty and the audience mirrors it."""
    return settings.mode == MIRROR and limit is None and not staged.people and bool(staged.removed)


def large_change(settings: BaseAudienceSettings, staged: StagedMembers, effect: str = "") -> str | None:
    """Return a sentence on a change of more members than `max_change_percent`; None for a smaller one.

    Filling an audience or a copy for the first time does not count, nor do members that are sent again.
    """
    members = sum(counts.members for counts in staged.filled)
    added = sum(counts.added for counts in staged.filled)
    removed = sum(counts.removed for counts in staged.filled)
    percent = 100 * max(added, removed) / members if members else 0
    if percent <= settings.max_change_percent:
        return None
    return (
        f"{added:,} identifiers are added and {removed:,} removed, of {members:,} known "
        f"({percent:.0f} %, more than max_change_percent: {settings.max_change_percent:g})"
        f"{f': {effect}' if effect else ''}."
    )
