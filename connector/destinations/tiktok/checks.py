"""Check the token, the ad account and the event source of a destination, as far as TikTok tells the token."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from connector.core.route import Route
from connector.destinations.checks import Check, Outcome
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.endpoint import app_of
from connector.destinations.tiktok.event_sources import EventSources
from connector.destinations.tiktok.oauth import Advertiser, App
from connector.destinations.tiktok.redact import redact
from connector.destinations.tiktok.settings import TikTokSettings
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, NotPermitted

_Found = TypeVar("_Found")

SHOWN = 5
"""The largest number of event sources or ad accounts that a sentence names."""

ADVERTISER_CODES = frozenset({40300, 40301})

TOKEN, ADVERTISER, EVENT_SOURCE = "token", "advertiser", "event source"


def run_check(name: str, check: Callable[[], Check]) -> Check:
    """Run a check; a missing permission and a temporary failure make it inconclusive."""
    try:
        return check()
    except AuthorisationError as error:
        return Check(name, Outcome.FAILED, error.message, about_token=True, code=error.code)
    except NotPermitted as error:
        return Check(
            name,
            Outcome.INCONCLUSIVE,
            f"TikTok does not let this token look. A token made in Events Manager is answered so, and may send events "
            f"all the same. {error.message}",
            code=error.code,
        )
    except AccountRefused as error:
        about_account = error.code in ADVERTISER_CODES
        outcome = Outcome.FAILED if about_account else Outcome.INCONCLUSIVE
        return Check(ADVERTISER if about_account else name, outcome, error.message, code=error.code)
    except AccountUnreachable as error:
        return Check(name, Outcome.INCONCLUSIVE, error.message, is_unreachable=True)


def check_token(account: AccountClient) -> Check:
    """Check that the token is valid: `/user/info/` needs no scope (one good source)."""

    def check() -> Check:
        account.get("/user/info/", {})
        return Check(TOKEN, Outcome.PASSED, "TikTok takes the access token.")

    return run_check(TOKEN, check)


def advertisers_of(account: AccountClient, app: App | None) -> list[Advertiser] | None:
    """List the ad accounts that the token may use; None if TikTok does not list them. Raises AuthorisationError."""
    if app is None:
        return None
    try:
        listed = account.get("/oauth2/advertiser/get/", {"app_id": app.app_id, "secret": app.secret}).get("list")
    except (AccountRefused, AccountUnreachable):
        return None
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [Advertiser(str(one.get("advertiser_id")), redact(str(one.get("advertiser_name") or ""))) for one in found]


def check_listed(
    advertiser_id: str, listed: list[Advertiser], account: AccountClient, event_source_id: str | None
) -> Check:
    """Check that the token may use the ad account; if not, say what the id is instead."""
    for one in listed:
        if one.advertiser_id == advertiser_id:
            return Check(ADVERTISER, Outcome.PASSED, f"The token may use the ad account {advertiser_id} ({one.name}).")
    may = _listed(f"{one.advertiser_id} ({one.name})" for one in listed) or "none"
    instead = _instead(advertiser_id, listed, account, event_source_id)
    return Check(
        ADVERTISER, Outcome.FAILED, f"The token may not use an ad account {advertiser_id}.{instead} It may use {may}."
    )


def _instead(advertiser_id: str, listed: list[Advertiser], account: AccountClient, event_source_id: str | None) -> str:
    ids = [one.advertiser_id for one in listed]
    if event_source_id in ids:
        return f" `event_source_id` is the id of the ad account {event_source_id}, so the two may be exchanged."
    for sources in (EventSources(account, other) for other in ids[:SHOWN]):
        if sets := _if_possible(partial(sources.event_sets, event_set_id=advertiser_id)):
            return f" That is the offline event set {sets[0]} of the ad account {sources.advertiser_id}."
        if pixels := _if_possible(partial(sources.pixels, pixel_id=advertiser_id)):
            return f" That is the number of the pixel {pixels[0]} of the ad account {sources.advertiser_id}."
    return ""


def check_audiences(account: AccountClient, advertiser_id: str) -> Check:
    """Check that the token may read the audiences of an ad account."""

    def check() -> Check:
        account.get("/dmp/custom_audience/list/", {"advertiser_id": advertiser_id, "page_size": "1"})
        return Check(ADVERTISER, Outcome.PASSED, f"The token may read the audiences of the ad account {advertiser_id}.")

    return run_check(ADVERTISER, check)


def check_event_source(account: AccountClient, advertiser_id: str, route: Route) -> Check:
    """Check that the ad account has the event source, and that it is of the right kind."""
    sources = EventSources(account, advertiser_id)
    check = _web if route.resource_type == "web" else _offline
    return run_check(EVENT_SOURCE, lambda: check(sources, advertiser_id, route.resource_id))


def _web(sources: EventSources, advertiser_id: str, code: str) -> Check:
    """Check a pixel's code, which starts with a letter (agreed by several sources); digits alone are another id."""
    if code.isdecimal():
        return _failed(_what_digits_are(sources, advertiser_id, code))
    if there := sources.pixels(code=code):
        return Check(EVENT_SOURCE, Outcome.PASSED, f"The ad account has the pixel {there[0]}.")
    return _failed(_none_such(advertiser_id, f"pixel with the code {code}", map(str, _if_possible(sources.pixels))))


def _what_digits_are(sources: EventSources, advertiser_id: str, digits: str) -> str:
    if numbered := sources.pixels(pixel_id=digits):
        return (
            f"{digits} is the number of the pixel {redact(numbered[0].name)}. Events go to its code: write "
            f"{numbered[0].code} as `event_source_id`."
        )
    if sets := _if_possible(lambda: sources.event_sets(event_set_id=digits)):
        return f"{sets[0]} is an offline event set; `event_source: web` takes the code of a pixel."
    return _none_such(advertiser_id, f"pixel with the code {digits}", map(str, _if_possible(sources.pixels)))


def _offline(sources: EventSources, advertiser_id: str, event_set_id: str) -> Check:
    if there := sources.event_sets(event_set_id=event_set_id):
        return Check(EVENT_SOURCE, Outcome.PASSED, f"The ad account has the offline event set {there[0]}.")
    if pixels := _if_possible(lambda: sources.pixels(pixel_id=event_set_id)):
        return _failed(
            f"{event_set_id} is the number of the pixel {redact(pixels[0].name)}; `event_source: offline` takes the "
            f"id of an offline event set. Events of a website go to {pixels[0].code} with `event_source: web`."
        )
    return _failed(
        _none_such(advertiser_id, f"offline event set {event_set_id}", map(str, _if_possible(sources.event_sets)))
    )


def _if_possible(query: Callable[[], list[_Found]]) -> list[_Found]:
    """Return the result of a query that only improves a sentence; nothing if the token lacks the scope for it."""
    try:
        return query()
    except (AccountRefused, AccountUnreachable):
        return []


def _none_such(advertiser_id: str, what: str, there: Iterable[str]) -> str:
    has = _listed(there) or "none"
    return (
        f"The ad account {advertiser_id} has no {what}; it has {has}. Check `event_source_id` first, then "
        "`advertiser_id`."
    )


def _failed(sentence: str) -> Check:
    return Check(EVENT_SOURCE, Outcome.FAILED, sentence)


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def check_advertiser(
    account: AccountClient,
    settings: TikTokSettings,
    advertiser_id: str,
    accepted: Check,
    source: str | None = None,
) -> Check:
    """Check the ad account by the list that the credential's app may read, else by the answer to another call."""
    listed = advertisers_of(account, app_of(settings.credential))
    if listed is not None:
        return check_listed(advertiser_id, listed, account, source)
    if accepted.name == ADVERTISER or accepted.outcome is Outcome.INCONCLUSIVE:
        return replace(accepted, name=ADVERTISER)
    return Check(ADVERTISER, Outcome.PASSED, f"TikTok answers the token about the ad account {advertiser_id}.")
