"""Ask TikTok about an event source before the first events are sent to it."""

from collections.abc import Iterable
from itertools import islice

from connector.core.route import Route
from connector.destinations.base import MOST_ROUTES
from connector.destinations.checks import Check, Outcome
from connector.destinations.context import RunContext
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.checks import check_event_source
from connector.destinations.tiktok.endpoint import SIMULATOR
from connector.destinations.tiktok.service import open_account
from connector.destinations.tiktok.settings import EventsSettings
from connector.errors import RejectedUniformly, ResumableError
from connector.ledger.batch_records import OpenBatch
from connector.ledger.run_records import RemoteKey

PROVEN = "event_source"

ATTEMPTS, SECONDS = 2, 10.0
"""A check that takes longer is given up: the first batch, which has more time, shows the answer."""


def check_new_sources(context: RunContext, destination: EventsSettings, batches: Iterable[OpenBatch]) -> None:
    """Check the event sources to which nothing was ever delivered.

    Raises RejectedUniformly if an event source cannot be the right one, ResumableError if TikTok rejects the token. An
    inconclusive check is a note. The simulator in this process takes every event source and is not asked.
    """
    if destination.api_url == SIMULATOR:
        return
    routes = islice(dict.fromkeys(batch.record.route for batch in batches), MOST_ROUTES)
    new = [route for route in routes if not _is_proven(context, destination, route)]
    if new:
        _check(context, destination, new)


def proof_key(destination: EventsSettings, target: str, route: Route) -> RemoteKey:
    """Return the key that records that an event source accepted a test event, whatever TikTok lists."""
    name = f"{route.resource_type} {route.resource_id}"
    return RemoteKey(PROVEN, target, destination.api_url, destination.advertiser_id, name)


def _is_proven(context: RunContext, destination: EventsSettings, route: Route) -> bool:
    if context.ledger.batches.ever_delivered(destination.name, context.scope(destination), route):
        return True
    return context.ledger.remote_ids.find(proof_key(destination, context.project.target, route)) is not None


def _check(context: RunContext, destination: EventsSettings, routes: list[Route]) -> None:
    policy = brief_policy(destination, attempts=ATTEMPTS, seconds=SECONDS)
    timeout = min(SECONDS, destination.retry.timeout)
    with open_account(
        destination,
        context.project,
        policy=policy,
        timeout=timeout,
        stop=context.stop,
        observer=context.observer,
    ) as account:
        for route in routes:
            check = check_event_source(account, destination.advertiser_id, route)
            if check.outcome is Outcome.FAILED:
                raise _stopped(destination, check)
            if check.outcome is Outcome.INCONCLUSIVE and not context.stop.is_set():
                context.observer.note(f"Whether the event source is the right one is not known. {check.sentence}")
                return


def _stopped(destination: EventsSettings, check: Check) -> ResumableError:
    if check.about_token:
        return ResumableError(f"{check.sentence} Nothing was sent: fix that. Then run `connector resume`.")
    return RejectedUniformly(
        f"{check.sentence} Nothing was sent. If it is right all the same, `connector destinations test "
        f"{destination.name} --test-event-code C` sends one test event, and once that is taken runs go on."
    )
