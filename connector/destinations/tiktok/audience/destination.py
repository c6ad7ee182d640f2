"""Implement the destination type for a TikTok audience."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import pyarrow as pa

from connector.catalogue import AUDIENCES, Catalogue, Parameter
from connector.config.addresses import SIMULATOR
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.hashed_rows import HashedMembers
from connector.core.route import Action, Operation, Route
from connector.destinations.base import Attempt, Capabilities, Preview, StageContext
from connector.destinations.checks import CheckedDestination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.setting_notes import unmapped_columns
from connector.destinations.tiktok.audience.accounts import (
    abandoned_copies,
    abandoned_note,
    copies_to_refill,
    planned_states,
    removal_notes,
    resend_notes,
    update_accounts,
)
from connector.destinations.tiktok.audience.checks import check_audience
from connector.destinations.tiktok.audience.confirm import is_emptied, large_change, refuse_unconfirmed
from connector.destinations.tiktok.audience.copies import Copy, known_copies, planned_changes, resolve_copies
from connector.destinations.tiktok.audience.membership import apply_changes, member_lookup
from connector.destinations.tiktok.audience.rivals import refuse_rivals
from connector.destinations.tiktok.audience.sending import ChangeCodec, refused_unit_rows
from connector.destinations.tiktok.audience.stage import Intent, StagedMembers, identifiers_by_type, stage_members
from connector.destinations.tiktok.audience.suppression import (
    recheck_suppressed,
    remove_from_audiences,
    suppressed_keys,
    without_suppressed,
)
from connector.destinations.tiktok.audience.transform import MemberCompiler, compile_rows
from connector.destinations.tiktok.batch_data import units
from connector.destinations.tiktok.id_notes import id_cautions
from connector.destinations.tiktok.mapping import SCHEMAS
from connector.destinations.tiktok.service import AudienceService, open_audience_service
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ResumableError
from connector.ledger.accounts import States
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import existing_ledger
from connector.ledger.run_records import RunRecord
from connector.staging.sending import BatchCodec
from connector.staging.staged import Staged
from connector.staging.storage.prefix_filter import KeySet
from connector.transform.binding import Binding
from connector.transform.rules import MemberRules
from connector.transform.template import DataTemplate

LEAST_USED = 1_000
"""TikTok shows no ads to an audience that matches fewer people (agreed by several sources)."""

MIRROR = "mirror"
UNKNOWN_AUDIENCE = "that of the audience, not known yet"
HASHED_EMAILS = (
    "An e-mail address that is hashed already is taken as it is: it must have the form that email_rule says before it "
    "is hashed."
)


@dataclass(frozen=True, slots=True)
class AudienceTargets:
    """The copies of the audience, and the open service; None in a forecast, which sends no request."""

    copies: Sequence[Copy]
    service: AudienceService | None = None


@dataclass(frozen=True, slots=True)
class TikTokAudience:
    """Implements `Destination` for an audience, and its copies in other businesses."""

    settings: AudienceSettings
    catalogue: ClassVar[Catalogue] = AUDIENCES
    capabilities: ClassVar[Capabilities] = Capabilities("identifier", mirrors=True)

    @classmethod
    def delete_people(cls, project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
        """See `DeletesPeople.delete_people`: delete the person from every audience that has one of the digests."""
        return remove_from_audiences(project, ledger, digests)

    @classmethod
    def operation_name(cls, operation: Operation) -> str | None:
        """See `NamesOperations.operation_name`: the action, and what TikTok calls the types of identifiers."""
        if not operation.id_types:
            return None
        return f"{operation.action} {','.join(SCHEMAS[name] for name in operation.id_types)}"

    @property
    def kind(self) -> str:
        """`audience`."""
        return "audience"

    @property
    def goes_to(self) -> str:
        """See `Destination.goes_to`."""
        return f"audience {self.settings.audience_id or self.settings.audience}"

    @property
    def timezone(self) -> str:
        """UTC."""
        return "UTC"

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        refuse_rivals(project, orchestration, self.settings)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`."""
        return check_audience(project, self.settings)

    def parameters(self) -> Sequence[Parameter]:
        """See `Destination.parameters`."""
        return AUDIENCES.parameters

    def notes(self, parameters: Sequence[str]) -> tuple[str, ...]:
        """See `Destination.notes`."""
        return (HASHED_EMAILS,) if "email" in parameters else ()

    def cautions(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.cautions`."""
        found = list(id_cautions(project, self.settings, ["audience_id", "advertiser_ids"]))
        if schema is not None and not prescribed:
            found += unmapped_columns(project, template, schema, AUDIENCES)
        return found

    def rules(self, orchestration: Orchestration, started_at: int, known_id: str | None) -> MemberRules:
        """See `Destination.rules`."""
        settings = self.settings
        return MemberRules(settings.default_region, settings.device_id_case, settings.email_rule)

    def identity(self, rules: MemberRules) -> tuple[object, ...]:
        """See `Destination.identity`."""
        return (rules, self.settings.mode, self.settings.audience, self.settings.audience_id)

    def compile(self, binding: Binding, rules: MemberRules) -> MemberCompiler:
        """See `Destination.compile`."""
        return compile_rows(binding, rules)

    def known_id(self, project: Project, ledger: Ledger | None) -> None:
        """See `Destination.known_id`: rows name no audience."""

    def changes(self, project: Project) -> tuple[None, list[str]]:
        """See `Destination.changes`; TikTok is not asked."""
        with existing_ledger(project) as ledger:
            return None, planned_changes(known_copies(ledger, self.settings, project.target))

    @contextmanager
    def resolve(
        self,
        context: RunContext,
        confirmation: Confirmation,
        *,
        resuming: bool,
    ) -> Iterator[AudienceTargets]:
        """See `Destination.resolve`: find or create the audience in each business, and lock it there."""
        project, ledger, settings = context.project, context.ledger, self.settings
        with ExitStack() as stack:
            service = stack.enter_context(
                open_audience_service(settings, project.state_directory, context.observer, context.stop)
            )
            copies = resolve_copies(ledger, service.account, settings, project.target, confirmation)
            for copy in copies:
                lock_name = f"the audience {copy.audience_id}"
                stack.enter_context(ledger.lock(project.state_directory, lock_name, project.target))
            targets = AudienceTargets(copies, service)
            self._update_accounts(context, copies)
            self.acknowledge(context, targets)
            yield targets

    def _update_accounts(self, context: RunContext, copies: Sequence[Copy]) -> None:
        """Record the ad accounts that are served from now on, before anything is sent, and report the others."""
        for sentence in update_accounts(context.ledger, copies, self.settings.mode):
            context.observer.note(sentence)
        for record in abandoned_copies(context.project, context.ledger, self.settings, copies):
            context.ledger.accounts.leave(record.key)
            context.observer.note(abandoned_note(record))

    def forecast(self, project: Project, ledger: Ledger) -> AudienceTargets:
        """See `Destination.forecast`."""
        return AudienceTargets(known_copies(ledger, self.settings, project.target))

    def stage(self, rows: Iterable[HashedMembers], targets: AudienceTargets, context: StageContext) -> Staged:
        """See `Destination.stage`: compare people with the known members, and stage the difference."""
        ledger, copies = context.ledger, targets.copies
        states = planned_states(ledger, copies, self.settings.mode)
        suppressed = suppressed_keys(ledger)
        intent = _intent(self.settings, context.limit, states, suppressed)
        people = without_suppressed(rows, suppressed)
        members = member_lookup(ledger)
        staged = stage_members(people, context.directory, copies, members, intent, on_progress=context.on_read)
        staged.notes += resend_notes(copies, states, staged)
        if context.run_id is not None:
            for key in _keys(copies):
                ledger.accounts.assign(key, context.run_id)
        return staged

    def confirm(self, staged: Staged, limit: int | None, confirmation: Confirmation, *, allow_empty: bool) -> None:
        """See `Destination.confirm`: a change of many members, and one that empties the audience."""
        refuse_unconfirmed(self.settings, _members(staged), limit, confirmation, allow_empty=allow_empty)

    def plan_notes(
        self, project: Project, ledger: Ledger, targets: AudienceTargets, staged: Staged, limit: int | None
    ) -> list[str]:
        """See `Destination.plan_notes`."""
        change = large_change(self.settings, _members(staged))
        notes = [f"{change} A run asks, or needs `--yes`."] if change else []
        if is_emptied(self.settings, _members(staged), limit):
            notes.append("The result is empty and would empty the audience: a run needs `--allow-empty`.")
        states = planned_states(ledger, targets.copies, self.settings.mode)
        notes += [abandoned_note(one) for one in abandoned_copies(project, ledger, self.settings, targets.copies)]
        notes += chain.from_iterable(removal_notes(ledger, *pair) for pair in zip(targets.copies, states, strict=True))
        return notes

    def recheck(
        self,
        context: RunContext,
        targets: AudienceTargets,
        record: RunRecord,
        *,
        resend_unknown: bool,
    ) -> None:
        """See `Destination.recheck`: skip additions of people who were suppressed since."""
        recheck_suppressed(context, record.run_id)

    def preflight(
        self, context: RunContext, targets: AudienceTargets, run_id: str, batches: Sequence[OpenBatch]
    ) -> None:
        """See `Destination.preflight`: the audience must still be that of this destination."""
        audience_ids = {copy.audience_id for copy in targets.copies}
        if others := {batch.record.route.resource_id for batch in batches} - audience_ids:
            raise ResumableError(
                f"Run {run_id} was staged for the audience {min(others)}, which is no longer that of this destination."
            )

    def refuse_unready(self, orchestration: str, rules: MemberRules) -> None:
        """See `Destination.refuse_unready`: an audience is resolved before anything is read."""

    @contextmanager
    def open(
        self, context: RunContext, targets: AudienceTargets, run_id: str, test_event_code: str | None
    ) -> Iterator[Attempt]:
        """See `Destination.open`."""
        if targets.service is None:
            raise AssertionError("a forecast sends nothing")
        advertisers = {copy.audience_id: copy.advertiser_ids for copy in targets.copies}
        with targets.service.mapping(advertisers) as client:
            yield client.attempt

    def codec(self, targets: AudienceTargets, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return ChangeCodec({copy.audience_id: copy.key for copy in targets.copies})

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the audience ({route.resource_id}) and its ad accounts (advertiser_ids)"

    def excluded(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """See `Destination.excluded`."""
        return refused_unit_rows(events, outcome=outcome, reason=reason, answers=answers)

    def acknowledge(self, context: RunContext, targets: AudienceTargets) -> None:
        """See `Destination.acknowledge`: what was sent becomes what is known of the members."""
        for key in _keys(targets.copies):
            apply_changes(context.ledger, key, context.project.state_directory)

    def finish(self, context: RunContext, targets: AudienceTargets, run_id: str) -> None:
        """See `Destination.finish`."""
        self.acknowledge(context, targets)
        for copy in targets.copies:
            if copy.key is not None:
                context.ledger.members.synced(copy.key)
                context.ledger.accounts.served(copy.key, copy.audience_id, run_id)
        for sentence in _final_notes(context, targets, context.ledger.runs.get(run_id)):
            context.observer.note(sentence)

    def judge(self, first: HashedMembers, compiler: MemberCompiler) -> HashedMembers:
        """See `Destination.judge`: a person is judged by one row."""
        return first

    def preview(
        self,
        ledger: Ledger,
        project: Project,
        first: HashedMembers,
        compiler: MemberCompiler,
        rows: int,
        code: str | None,
    ) -> Preview:
        """See `Destination.preview`: the first people, whoever is in the audience."""
        copies = known_copies(ledger, self.settings, project.target)
        return Preview([_body(self.settings, copies[0], first, rows)], first.excluded.slice(0, rows))


def _members(staged: Staged) -> StagedMembers:
    if not isinstance(staged, StagedMembers):
        raise TypeError("an audience stages members")
    return staged


def _keys(copies: Sequence[Copy]) -> Iterator[int]:
    return (copy.key for copy in copies if copy.key is not None)


def _intent(
    settings: AudienceSettings, limit: int | None, states: Sequence[States], suppressed: KeySet | None
) -> Intent:
    """Return what a run may change: a limited one reads only some of the people, so it deletes none."""
    deletes, refill = settings.mode == MIRROR and limit is None, copies_to_refill(states, settings.mode)
    return Intent(settings.mode, deletes, settings.rows_per_request, refill, suppressed)


def _final_notes(context: RunContext, targets: AudienceTargets, record: RunRecord) -> Iterator[str]:
    changed = record.members and (record.members.added or record.members.removed)
    if changed and record.api_url != SIMULATOR:
        yield "TikTok shows what has changed in an audience within 10 hours, and its size after a day or two."
    keys = {copy.key for copy in targets.copies}
    for audience in context.ledger.members.audiences(record.target):
        size = sum(audience.members.values())
        if audience.key in keys and size < LEAST_USED:
            yield (
                f'The audience "{audience.name}" has {size:,} identifiers: TikTok shows no ads to an audience that '
                f"matches fewer than {LEAST_USED:,} people."
            )


def _body(settings: AudienceSettings, copy: Copy, first: HashedMembers, rows: int) -> dict[str, Any]:
    members = first.members.slice(0, rows).combine_chunks()
    no_rows = pa.ListArray.from_arrays(pa.array([0] * (members.num_rows + 1), pa.int32()), pa.array([], pa.int64()))
    batch_data = units(identifiers_by_type(members), no_rows, copy.audience_id or UNKNOWN_AUDIENCE)
    lines = ",".join(batch_data.table["payload"].to_pylist())
    return {
        "advertiser_ids": list(copy.advertiser_ids),
        "action": (Action.DELETE if settings.mode == "remove" else Action.ADD).value,
        "id_schema": list(SCHEMAS.values()),
        "batch_data": json.loads(f"[{lines}]"),
    }
