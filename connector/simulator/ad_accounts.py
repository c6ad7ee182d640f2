"""Apps, tokens, advertisers and event sources.

Unless some are listed, every token and every event source is accepted: you can try an orchestration without
setting up an account. Tokens that the simulator issued, or was given, have their own lifetimes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_hex
from typing import Any

from connector.simulator.messages import RequestRefused

ADVERTISER = "7654321098765432109"
PIXEL = {"pixel_id": "7000000000000000001", "pixel_code": "C4EXAMPLE0PIXEL0CODE", "pixel_name": "Web shop"}
EVENT_SET = {"event_set_id": "7654321098765432109", "name": "Stores", "description": "", "auto_tracking": False}
"""The event set that exists at the start; all ids are those of the example project."""

_PLAIN_SET: dict[str, Any] = {"description": "", "auto_tracking": False}
_PIXEL_CODE = re.compile("[CD][0-9A-Z]{15,24}")
"""About 20 upper-case letters and digits, the first a C or D (agreed by several sources)."""

REPORT_EVENTS = 7224195155857866754
MANAGE_EVENT_SETS, READ_EVENT_SETS = 7050363942434095105, 7224195155857833986
PIXELS, AUDIENCES, READ_AUDIENCES, CHANGE_AUDIENCES, ACCOUNTS = 8, 3, 30, 31, 100
SCOPES = (
    REPORT_EVENTS, MANAGE_EVENT_SETS, READ_EVENT_SETS, PIXELS,
    AUDIENCES, READ_AUDIENCES, CHANGE_AUDIENCES, ACCOUNTS,
)  # fmt: skip
"""Ids of scopes (one good source)."""

HOUR = 3_600.0
ACCESS_SECONDS = 24 * HOUR
REFRESH_SECONDS = 365 * 24 * HOUR


@dataclass(slots=True)
class Token:
    """An access or refresh token; `ends` is in Unix seconds, None for never, as long-term tokens are."""

    ends: float | None = None
    scopes: frozenset[int] = frozenset(SCOPES)
    advertisers: frozenset[str] | None = None
    """The ad accounts that it serves; None for all."""
    revoked: bool = False


@dataclass(slots=True)
class Accounts:
    """Who may do what. `clock` gives Unix seconds."""

    clock: Callable[[], float]
    tokens: dict[str, Token] = field(default_factory=dict)
    accepts_any_token: bool = True
    """Whether unlisted tokens are accepted."""
    event_sources: frozenset[str] | None = None
    """The event sources that tokens may write to; None for all that are not forbidden."""
    forbidden: set[str] = field(default_factory=set)
    refresh_tokens: dict[str, Token] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Secrets by app id; the first secret received for an unknown app is accepted."""
    used_codes: set[str] = field(default_factory=set)
    pixels: list[dict[str, Any]] = field(default_factory=lambda: [{"advertiser_id": ADVERTISER, **PIXEL}])
    event_sets: list[dict[str, Any]] = field(default_factory=lambda: [{"advertiser_id": ADVERTISER, **EVENT_SET}])

    def restrict_tokens(self, tokens: Iterable[str]) -> None:
        """Accept these long-term tokens and those the simulator issues, and no others; do nothing if there are none."""
        listed = {value: Token() for value in tokens}
        self.tokens |= listed
        self.accepts_any_token = self.accepts_any_token and not listed

    def restrict_event_sources(self, ids: Iterable[str]) -> None:
        """Accept these event sources and no others; do nothing if there are none."""
        self.event_sources = frozenset(ids) or self.event_sources

    def resolve_token(self, value: str) -> Token:
        """Return the token's record. Raises RequestRefused: empty 40104, expired 40102, wrong or revoked 40105."""
        if not value:
            raise RequestRefused(40104, "Access token is empty: please specify it in the Access-Token header.")
        token = self.tokens.get(value)
        if token is None and self.accepts_any_token and value not in self.refresh_tokens:
            return Token()
        if token is None or token.revoked:
            raise RequestRefused(40105, "Access token is incorrect or has been revoked.")
        if token.ends is not None and token.ends <= self.clock():
            raise RequestRefused(40102, "Access token has expired.")
        return token

    def authorize(self, value: str, *scopes: int) -> Token:
        """Return the token, which needs one of the scopes. Raises RequestRefused: as `resolve_token`, or 40001."""
        token = self.resolve_token(value)
        if scopes and token.scopes.isdisjoint(scopes):
            raise RequestRefused(40001, f"No permission: the token lacks the scope {scopes[0]}.")
        return token

    def check_advertiser(self, token: Token, advertiser: str) -> None:
        """Raise RequestRefused with 40001 if the token does not serve the advertiser."""
        if token.advertisers is not None and advertiser not in token.advertisers:
            raise RequestRefused(40001, f"No permission to operate advertiser {advertiser}.")

    def check_event_source(self, event_source: str, event_source_id: str) -> None:
        """Raise RequestRefused with 40001 if nobody may write to the event source (words of a live refusal).

        A pixel's numeric id is no pixel code, which has letters (agreed by several sources).
        """
        no_code = event_source == "web" and event_source_id.isdecimal()
        if self._is_available(event_source_id) and not no_code:
            return
        noun = "pixel code" if event_source == "web" else "event source"
        raise RequestRefused(
            40001,
            f"No permission to operate {noun}: {event_source_id}. "
            "You must be an admin or operator of this advertiser account.",
        )

    def pixels_of(self, advertiser: str, code: str | None = None) -> list[dict[str, Any]]:
        """Return an advertiser's pixels; invent the one with this code if every event source is accepted."""
        pixels = [
            one for one in self.pixels if one["advertiser_id"] == advertiser and self._is_available(one["pixel_code"])
        ]
        codes = {one["pixel_code"] for one in self.pixels}
        if code is None or code in codes or not _PIXEL_CODE.fullmatch(code) or not self._is_available(code):
            return pixels
        number = str(int(sha256(code.encode()).hexdigest()[:15], 16) + 10**18)
        invented = {
            "advertiser_id": advertiser,
            "pixel_id": number,
            "pixel_code": code,
            "pixel_name": f"Pixel {code[-4:]}",
        }
        return [*pixels, invented]

    def event_sets_of(self, advertiser: str, requested: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return an advertiser's event sets; invent those with these ids if every event source is accepted."""
        event_sets = [one for one in self.event_sets if one["advertiser_id"] == advertiser]
        ids = {one["event_set_id"] for one in self.event_sets} | {one["pixel_id"] for one in self.pixels}
        invented = [
            {"advertiser_id": advertiser, "event_set_id": one, "name": f"Event set {one[-4:]}"} | _PLAIN_SET
            for one in requested
            if one.isdecimal() and one not in ids
        ]
        return [one for one in [*event_sets, *invented] if self._is_available(one["event_set_id"])]

    def _is_available(self, event_source_id: str) -> bool:
        listed = self.event_sources is None or event_source_id in self.event_sources
        return listed and event_source_id not in self.forbidden

    def allow(self, event_source_id: str) -> None:
        """Let tokens write to this event source."""
        self.forbidden.discard(event_source_id)
        if self.event_sources is not None:
            self.event_sources |= {event_source_id}

    def forbid(self, event_source_id: str) -> None:
        """Let no token write to this event source."""
        self.forbidden.add(event_source_id)

    def issue(self, ends_in: float | None, like: Token | None = None) -> str:
        """Issue an access token."""
        value = token_hex(20)
        ends = None if ends_in is None else self.clock() + ends_in
        self.tokens[value] = Token(ends, like.scopes, like.advertisers) if like else Token(ends)
        return value

    def issue_refresh(self) -> str:
        """Issue a refresh token."""
        value = token_hex(20)
        self.refresh_tokens[value] = Token(self.clock() + REFRESH_SECONDS)
        return value

    def check_app(self, app: str, secret: str) -> None:
        """Raise RequestRefused with 40113 if the secret is not the app's."""
        if self.secrets.setdefault(app, secret) != secret:
            raise RequestRefused(40113, "The app id and the secret do not match.")
