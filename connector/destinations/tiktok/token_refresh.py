"""Refresh a stored grant when its access token expires, together with other processes."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from connector.destinations.tiktok.oauth import TokenResponse
from connector.destinations.tiktok.token_store import Grant, GrantStore
from connector.errors import AuthorisationError

REFRESH_BEFORE = timedelta(minutes=5)
"""How long before its end a token is refreshed; for a token valid for less than 50 minutes, a tenth of that."""
PAUSE_AFTER_FAILURE = timedelta(minutes=1)
"""How long to wait after a failed early refresh before the next one."""

Refresh = Callable[[SecretStr], TokenResponse]
"""Requests a new token from TikTok. Raises AuthorisationError."""


class RefreshingTokens:
    """A stored grant that several processes share: one refreshes it, and the others load the new token.

    The `configured` grant of the project file is valid until another is stored. Raises AuthorisationError for a stored
    grant that cannot be read.
    """

    def __init__(
        self,
        configured: Grant,
        store: GrantStore,
        refresh: Refresh,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._refresh, self._now = store, refresh, now
        self._lock = threading.Lock()
        self._grant = store.read() or configured
        self._untested: SecretStr | None = None
        self._paused_until: datetime | None = None
        self._failures: list[AuthorisationError] = []

    def current(self) -> SecretStr:
        """See `Tokens.current`. A token that expires soon is refreshed first, if that is possible."""
        failures = len(self._failures)
        with self._lock:
            if self._grant.access_token is None:
                self._replace(None, failures)
            elif self._ends_soon():
                self._refresh_early(self._grant.access_token, failures)
            if self._grant.access_token is None:
                raise AuthorisationError("There is no access token. Authorise with `connector auth login`.")
            return self._grant.access_token

    def accepted(self, token: SecretStr) -> None:
        """See `Tokens.accepted`."""
        if token == self._untested:
            self._untested = None

    def replaced(self, token: SecretStr, *, expired: bool) -> bool:
        """See `Tokens.replaced`. Only an expired token is refreshed; for a wrong one, another may have been stored."""
        failures = len(self._failures)
        with self._lock:
            if token != self._grant.access_token:
                return True
            if not expired or self._grant.refresh_token is None:
                return self._load_other(token)
            if token == self._untested:
                raise AuthorisationError(
                    "TikTok calls a token expired that it has only just given. Authorise again with "
                    "`connector auth login`."
                )
            self._replace(token, failures)
            return True

    def refresh(self) -> Grant:
        """Refresh now, whatever the token's age, and return the new grant. Raises AuthorisationError."""
        with self._lock:
            self._replace(self._grant.access_token, len(self._failures))
            return self._grant

    def _ends_soon(self) -> bool:
        grant, now = self._grant, self._now()
        if grant.expires_at is None or grant.refresh_token is None or (self._paused_until and now < self._paused_until):
            return False
        lifetime = grant.expires_at - (grant.kept_at or grant.expires_at)
        return now >= grant.expires_at - min(REFRESH_BEFORE, lifetime / 10)

    def _refresh_early(self, token: SecretStr, failures: int) -> None:
        """Refresh a token that is still valid; if that fails, use it until TikTok rejects it."""
        try:
            self._replace(token, failures)
        except AuthorisationError:
            self._paused_until = self._now() + PAUSE_AFTER_FAILURE

    def _load_other(self, token: SecretStr) -> bool:
        """Load the grant that another process stored; return whether there is one."""
        stored = self._store.read()
        if stored is None or stored.access_token in {None, token}:
            return False
        self._grant = stored
        return True

    def _replace(self, expired: SecretStr | None, failures: int) -> None:
        """Replace an expired token.

        `failures` is their number when this thread started to wait: a refresh that failed since is not repeated.
        """
        if len(self._failures) > failures:
            raise self._failures[-1]
        try:
            with self._store.locked():
                newest = self._store.read() or self._grant
                if newest.access_token in {None, expired}:
                    newest = self._refreshed(newest)
                    self._untested = newest.access_token
                self._grant = newest
        except AuthorisationError as error:
            self._failures.append(error)
            raise

    def _refreshed(self, before: Grant) -> Grant:
        """Request a new token. The start is stored first, to explain a later failure if the answer is lost."""
        if before.refresh_token is None:
            raise AuthorisationError("There is no refresh token. Authorise with `connector auth login`.")
        self._store.write(replace(before, begun_at=self._now()))
        try:
            response = self._refresh(before.refresh_token)
        except AuthorisationError as error:
            if not error.answer_lost:
                self._store.write(before)
            raise _explained(error, before.begun_at) from None
        after = merge_grant(before, response, self._now())
        after = replace(after, refreshed_at=after.kept_at)
        self._store.write(after)
        return after


def merge_grant(before: Grant, response: TokenResponse, now: datetime) -> Grant:
    """Merge new tokens into a grant; without a new refresh token, keep the one before."""

    def end(seconds: float | None) -> datetime | None:
        return now + timedelta(seconds=seconds) if seconds is not None else None

    same = response.refresh_token is None
    return Grant(
        access_token=response.access_token,
        refresh_token=before.refresh_token if same else response.refresh_token,
        kept_at=now,
        expires_at=end(response.expires_in),
        refresh_expires_at=before.refresh_expires_at if same else end(response.refresh_expires_in),
        refreshed_at=before.refreshed_at,
        advertiser_ids=response.advertiser_ids or before.advertiser_ids,
    )


def _explained(error: AuthorisationError, begun_at: datetime | None) -> AuthorisationError:
    if begun_at is None or error.is_temporary:
        return error
    before = (
        f"A refresh that began at {begun_at:%Y-%m-%d %H:%M} UTC did not come to its end here: if TikTok replaced the "
        "refresh token then, the new one was never kept."
    )
    return AuthorisationError(f"{before} {error.help}", platform_message=error.platform_message, code=error.code)
