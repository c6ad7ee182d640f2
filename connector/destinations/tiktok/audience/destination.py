"""Implement the destination type for a TikTok audience."""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ClassVar

import pyarrow as pa

from connector.config.addresses import SIMULATOR
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.hashed_rows import HashedMembers
from connector.core.outcomes import Reason
from connector.core.route import Action, Operation, Route
from connector.delivery.answer import Verdict
from connector.destinations.audience_destination import AudienceDestination, AudienceTargets, MemberCompiler
from connector.destinations.audience_payloads import MakePayloads
from connector.destinations.audience_rivals import refuse_rivals
from connector.destinations.audience_suppression import deletion, remove_from_audiences
from connector.destinations.base import Attempt, Capabilities, Preview, StageContext
from connector.destinations.checks import CheckedDestination, Outcome
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.policy import brief_policy
from connector.destinations.registry import orchestration_of_audience
from connector.destinations.tiktok.audience.ad_account_changes import (
    abandoned_copies,
    abandoned_note,
    copies_to_refill,
    planned_states,
    removal_notes,
    repeated_audience,
    resend_notes,
    update_accounts,
)
from connector.destinations.tiktok.audience.copies import (
    BusinessCopy,
    known_copies,
    own_audiences,
    planned_changes,
    resolve_copies,
)
from connector.destinations.tiktok.audience_client import Audiences
from connector.destinations.tiktok.batch_data import units
from connector.destinations.tiktok.checks import check_advertiser, check_audiences, check_token
from connector.destinations.tiktok.endpoint import refuse_simulators_token
from connector.destinations.tiktok.id_notes import id_notes
from connector.destinations.tiktok.mapping import SCHEMAS
from connector.destinations.tiktok.service import AudienceService, open_account, open_audience_service
from connector.destinations.tiktok.settings import PLATFORM, AudienceSettings
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord
from connector.ledger.project_ledger import existing_ledger
from connector.ledger.run_records import RunRecord
from connector.observer import Silent
from connector.staging.staged import Staged
from connector.staging.storage.digest_partitions import Digests
from connector.transform.template import DataTemplate

LEAST_USED = 1_000
"""TikTok shows no ads to an audience that matches fewer people (agreed by several sources)."""

UNKNOWN_AUDIENCE = "that of the audience, not known yet"


@dataclass(frozen=True)
class TikTokTargets(AudienceTargets):
    """The copies of the audience, and the open service; None in a forecast, which sends no request."""

    copies: Sequence[BusinessCopy]
    service: AudienceService | None = None


@dataclass(frozen=True)
class TikTokAudience(AudienceDestination[TikTokTargets]):
    """Implements `Destination` for an audience, and its copies in other businesses."""

    settings: AudienceSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        "identifier", mirrors=True, platform=PLATFORM, refused=Reason.REFUSED_BY_TIKTOK
    )
    large_change_effect: ClassVar[str] = "an audience that changes much goes through TikTok's learning phase again"

    @property
    def make_payloads(self) -> MakePayloads:
        """See `AudienceDestination.make_payloads`: rows of `batch_data`."""
        return units

    @classmethod
    def delete_people(cls, project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
        """See `DeletesPeople.delete_people`: delete the person from every audience that has one of the digests."""

        def delete_members(audience: AudienceRecord, id_type: str, some: Digests) -> None:
            _delete(project, audience, id_type, some)

        return remove_from_audiences(project, ledger, own_audiences(ledger, project.target), digests, delete_members)

    @classmethod
    def operation_name(cls, operation: Operation) -> str | None:
        """See `NamesOperations.operation_name`: the action, and what TikTok calls the types of identifiers."""
        if not operation.id_types:
            return None
        return f"{operation.action} {','.join(SCHEMAS[name] for name in operation.id_types)}"

    @property
    def goes_to(self) -> str:
        """See `Destination.goes_to`."""
        return f"audience {self.settings.audience_id or self.settings.audience}"

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        refuse_simulators_token(project, self.settings)
        refuse_rivals(project, orchestration, self.settings, repeated_audience)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`: ask about the token, and about each ad account's audiences."""
        settings, policy = self.settings, brief_policy(self.settings, attempts=4, seconds=30)
        with open_account(settings, project, policy=policy) as account:
            token = check_token(account)
            if token.outcome is Outcome.FAILED:
                return CheckedDestination([token])
            asked = [(one, check_audiences(account, one)) for ids in settings.advertiser_ids for one in ids]
            checks = (check_advertiser(account, settings, one, check) for one, check in asked)
            return CheckedDestination([token, *checks])

    def setting_notes(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.setting_notes`."""
        ids = id_notes(project, self.settings, ["audience_id", "advertiser_ids"])
        return [*ids, *super().setting_notes(project, template, schema, prescribed=prescribed)]

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
    ) -> Iterator[TikTokTargets]:
        """See `Destination.resolve`: find or create the audience in each business, and lock it there."""
        project, ledger, settings = context.project, context.ledger, self.settings
        with ExitStack() as stack:
            service = stack.enter_context(open_audience_service(settings, project, context.observer, context.stop))
            copies = resolve_copies(ledger, service.account, settings, project.target, confirmation)
            for copy in copies:
                lock_name = f"the audience {copy.audience_id}"
                stack.enter_context(ledger.lock(project.state_directory, lock_name, project.target))
            targets = TikTokTargets(copies, service)
            self._update_accounts(context, copies)
            self.acknowledge(context, targets)
            yield targets

    def _update_accounts(self, context: RunContext, copies: Sequence[BusinessCopy]) -> None:
        """Record the ad accounts that are served from now on, before anything is sent, and report the others."""
        for sentence in update_accounts(context.ledger, copies, self.settings.mode):
            context.observer.note(sentence)
        for record in abandoned_copies(context.project, context.ledger, self.settings, copies):
            context.ledger.accounts.leave(record.key)
            context.observer.note(abandoned_note(record))

    def forecast(self, project: Project, ledger: Ledger) -> TikTokTargets:
        """See `Destination.forecast`."""
        return TikTokTargets(known_copies(ledger, self.settings, project.target))

    @contextmanager
    def attach(self, context: RunContext) -> Iterator[TikTokTargets]:
        """See `Destination.attach`."""
        with open_audience_service(self.settings, context.project, context.observer, context.stop) as service:
            yield replace(self.forecast(context.project, context.ledger), service=service)

    def stage(self, rows: Iterable[HashedMembers], targets: TikTokTargets, context: StageContext) -> Staged:
        """See `Destination.stage`: compare people with the known members, and stage the difference."""
        ledger, copies = context.ledger, targets.copies
        states = planned_states(ledger, copies, self.settings.mode)
        staged = self.stage_difference(rows, targets, context, copies_to_refill(states, self.settings.mode))
        staged.notes += resend_notes(copies, states, staged)
        if context.run_id is not None:
            for copy in copies:
                if copy.key is not None:
                    ledger.accounts.assign(copy.key, context.run_id)
        return staged

    def plan_notes(
        self, project: Project, ledger: Ledger, targets: TikTokTargets, staged: Staged, limit: int | None
    ) -> list[str]:
        """See `Destination.plan_notes`."""
        notes = super().plan_notes(project, ledger, targets, staged, limit)
        states = planned_states(ledger, targets.copies, self.settings.mode)
        notes += [abandoned_note(one) for one in abandoned_copies(project, ledger, self.settings, targets.copies)]
        notes += chain.from_iterable(removal_notes(ledger, *pair) for pair in zip(targets.copies, states, strict=True))
        return notes

    @contextmanager
    def open(
        self, context: RunContext, targets: TikTokTargets, run_id: str, test_event_code: str | None
    ) -> Iterator[Attempt]:
        """See `Destination.open`."""
        if targets.service is None:
            raise AssertionError("a forecast sends nothing")
        advertisers = {copy.audience_id: copy.advertiser_ids for copy in targets.copies}
        with targets.service.mapping(advertisers) as client:
            yield client.attempt

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the audience ({route.resource_id}) and its ad accounts (advertiser_ids)"

    def finish(self, context: RunContext, targets: TikTokTargets, run_id: str) -> None:
        """See `Destination.finish`."""
        super().finish(context, targets, run_id)
        for copy in targets.copies:
            if copy.key is not None:
                context.ledger.accounts.served(copy.key, copy.audience_id, run_id)
        for sentence in _final_notes(context, targets, context.ledger.runs.get(run_id)):
            context.observer.note(sentence)

    def audience_size(self, project: Project, audience: AudienceRecord) -> int | str:
        """See `MeasuresAudiences.audience_size`."""
        policy = brief_policy(self.settings, attempts=2, seconds=10)
        with open_account(self.settings, project, policy=policy, timeout=10) as account:
            asked = (Audiences(account, one).with_id(audience.audience_id) for one in audience.advertiser_ids)
            found = next((one for one in asked if one), None)
        if found is None:
            return "TikTok does not list it: it may have been deleted there."
        return "" if found.size is None else found.size

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
        copy = known_copies(ledger, self.settings, project.target)[0]
        payloads = self.first_payloads(first, rows, copy.audience_id or UNKNOWN_AUDIENCE).table["payload"].to_pylist()
        body = {
            "advertiser_ids": list(copy.advertiser_ids),
            "action": (Action.DELETE if self.settings.mode == "remove" else Action.ADD).value,
            "id_schema": list(SCHEMAS.values()),
            "batch_data": json.loads(f"[{','.join(payloads)}]"),
        }
        return Preview([body], first.excluded.slice(0, rows))


def _final_notes(context: RunContext, targets: TikTokTargets, record: RunRecord) -> Iterator[str]:
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


def _delete(project: Project, audience: AudienceRecord, id_type: str, digests: Digests) -> None:
    bound = orchestration_of_audience(project, audience)
    destination = bound[1] if bound else None
    if not isinstance(destination, AudienceSettings):
        raise ConnectorError("No destination goes there any more, so TikTok could not be asked to delete it.")
    with open_audience_service(destination, project, Silent(), threading.Event()) as service:
        batch = deletion(audience, id_type, digests, units)
        with service.mapping({audience.audience_id: audience.advertiser_ids}) as client:
            answer = service.repeat(lambda: client.attempt(batch))
    if answer.verdict is not Verdict.ACCEPTED:
        raise ConnectorError(f"TikTok did not delete it: {answer.message}")
