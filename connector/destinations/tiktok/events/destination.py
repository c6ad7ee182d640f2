"""TikTok's Events API behind the interface of destinations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.outcomes import Reason
from connector.core.route import Route
from connector.destinations.base import Attempt, Capabilities
from connector.destinations.checks import CheckedDestination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.event_destination import EventDestination, EventTargets, check_event_name
from connector.destinations.tiktok.endpoint import refuse_simulators_token
from connector.destinations.tiktok.events.checks import check_events
from connector.destinations.tiktok.events.event_set import apply_event_set, pending_changes, stored_id
from connector.destinations.tiktok.events.event_setting_notes import event_setting_notes
from connector.destinations.tiktok.events.preflight import check_new_sources
from connector.destinations.tiktok.service import open_service
from connector.destinations.tiktok.settings import PLATFORM, EventsSettings
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, ResumableError
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.staging.storage.batcher import BatchLimits
from connector.transform.rules import EventRules
from connector.transform.template import DataTemplate

RESEND_WINDOW = timedelta(hours=47)
"""For how long after its first request an event may be sent again although it may have been taken: TikTok knows it by
its id for 48 hours (agreed by several sources), and a batch may be tried for a while."""

BATCH_LIMITS = BatchLimits(events=1_000, size=4 << 20)
"""TikTok takes 1,000 events in a request (agreed by several sources). It documents no largest size (unknown): the bound
is a precaution."""

SHOWN_WITHIN = timedelta(hours=24)
"""From the last request until TikTok's Events Manager shows the events.

Source: two vendors' pages on offline events, which agree. TikTok's own pages do not mention it; on web events no page
does, and they are assumed to be no slower.
"""


@dataclass(frozen=True)
class TikTokEvents(EventDestination):
    """Implements `Destination` for a pixel (web) or an offline event set."""

    settings: EventsSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        "event",
        batch_limits=BATCH_LIMITS,
        test_mode=True,
        streaming=True,
        deduplication=True,
        resend_window=RESEND_WINDOW,
        shown_within=SHOWN_WITHIN,
        platform=PLATFORM,
        refused=Reason.REFUSED_BY_TIKTOK,
        test_events_note=(
            "TikTok's Events Manager shows them, at the event source, under Test Events, where the code is {code}."
        ),
    )
    deletion_note: ClassVar[str] = (
        "TikTok's API cannot delete events that were sent: ask TikTok to delete what it holds about this person."
    )
    unknown_id: ClassVar[str] = "0"
    """Stands for the id of an event set that has only a name so far. No event may be sent to it."""

    @property
    def goes_to(self) -> str:
        """See `Destination.goes_to`."""
        return f"{self.kind} {self.settings.event_source_id or self.settings.event_set_name}"

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        refuse_simulators_token(project, self.settings)
        super().validate(project, orchestration)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`."""
        check_event_name(project, self.settings)
        return check_events(project, self.settings, test_event_code)

    def setting_notes(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """See `Destination.setting_notes`."""
        return list(event_setting_notes(project, self.settings, template, schema, prescribed=prescribed))

    def identity(self, rules: EventRules) -> tuple[object, ...]:
        """See `Destination.identity`."""
        source = self.settings.event_source_id or f"{self.settings.event_set_name}"
        return (replace(rules, started_at=0, event_source_id=source),)

    def known_id(self, project: Project, ledger: Ledger | None) -> str | None:
        """See `Destination.known_id`: that of an event set that has only a name."""
        return stored_id(project, self.settings, ledger)

    def changes(self, project: Project) -> tuple[str | None, list[str]]:
        """See `Destination.changes`. What TikTok does not tell is a sentence on what is not known."""
        try:
            found = pending_changes(project, self.settings)
        except (AccountRefused, AccountUnreachable, AuthorisationError) as error:
            return None, [f"What a run does to the event set first is not known. {error.message}"]
        if found is None:
            return None, []
        return found.found.event_set_id if found.found else None, found.changes

    @contextmanager
    def resolve(self, context: RunContext, confirmation: Confirmation, *, resuming: bool) -> Iterator[EventTargets]:
        """See `Destination.resolve`: find or create an event set that has only a name."""
        if not resuming:
            apply_event_set(context, self.settings, confirmation)
        yield EventTargets(context.scope(self.settings))

    def refuse_unready(self, orchestration: str, rules: EventRules) -> None:
        """See `Destination.refuse_unready`: events need the id of their event set."""
        if rules.event_source_id == self.unknown_id:
            raise ResumableError(
                f'The id of the offline event set "{self.settings.event_set_name}" is not known. Nothing was sent; '
                f"`connector run {orchestration}` finds or creates it first."
            )

    def preflight(self, context: RunContext, targets: EventTargets, run_id: str, batches: Sequence[OpenBatch]) -> None:
        """See `Destination.preflight`: ask TikTok about event sources to which nothing was delivered yet."""
        check_new_sources(context, self.settings, batches)

    @contextmanager
    def open(
        self, context: RunContext, targets: EventTargets, run_id: str, test_event_code: str | None
    ) -> Iterator[Attempt]:
        """See `Destination.open`."""
        project, observer, stop = context.project, context.observer, context.stop
        with open_service(self.settings, test_event_code, observer, project, stop) as client:
            yield client.attempt

    def checklist(self, route: Route) -> str:
        """See `Destination.checklist`."""
        return f"the event source id ({route.resource_type} {route.resource_id}), the advertiser id and the event name"
