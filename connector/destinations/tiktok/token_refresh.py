"""A grant that is kept from one process to the next, and refreshed when its access token dies."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from connector.destinations.tiktok.oauth import Granted
from connector.destinations.tiktok.token_store import Grant, TokenFile
from connector.errors import AuthorisationError

EARLY = timedelta(minutes=5)
"""How long before its end a token is refreshed; of one that lives for less than 50 minutes, a tenth of its life."""
REST = timedelta(minutes=1)
"""For how long nothing is asked again after a token could not be refreshed early."""

Refresh = Callable[[SecretStr], Granted]
"""Asks TikTok for a new token. Raises AuthorisationError."""


class RefreshingTokens:
    """A grant that is kept in a file, which all processes refresh as one: whoever comes second takes the new token.

    `written` is the grant as the project file has it, which holds until another is kept. Raises AuthorisationError for
    a file that cannot be read.
    """

    def __init__(
        self,
        written: Grant,
        file: TokenFile,
        refresh: Refresh,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file, self._refresh, self._now = file, refresh, now
        self._lock = threading.Lock()
        self._kept = file.read() or written
        self._unproved: SecretStr | None = None
        self._rests_until: datetime | None = None
        self._failures: list[AuthorisationError] = []

    def current(self) -> SecretStr:
        """See `Tokens.current`. A token that ends soon is refreshed first, if that is possible."""
        failures = len(self._failures)
        with self._lock:
            if self._kept.access_token is None:
                self._replace(None, failures)
            elif self._ends_soon():
                self._refresh_early(self._kept.access_token, failures)
            if self._kept.access_token is None:
                raise AuthorisationError("There is no access token. Authorise with `connector auth login`.")
            return self._kept.access_token

    def accepted(self, token: SecretStr) -> None:
        """See `Tokens.accepted`."""
        if token == self._unproved:
            self._unproved = None

    def replaced(self, token: SecretStr, *, expired: bool) -> bool:
        """See `Tokens.replaced`. Only an expired token is refreshed; of a wrong one, another may have been kept."""
        failures = len(self._failures)
        with self._lock:
            if token != self._kept.access_token:
                return True
            if not expired or self._kept.refresh_token is None:
                return self._took_another(token)
            if token == self._unproved:
                raise AuthorisationError(
                    "TikTok calls a token expired that it has only just given. Authorise again with "
                    "`connector auth login`."
                )
            self._replace(token, failures)
            return True

    def refresh(self) -> Grant:
        """Refresh now, whatever the token's age; gives what is kept then. Raises AuthorisationError."""
        with self._lock:
            self._replace(self._kept.access_token, len(self._failures))
            return self._kept

    def _ends_soon(self) -> bool:
        kept, now = self._kept, self._now()
        if kept.expires_at is None or kept.refresh_token is None or (self._rests_until and now < self._rests_until):
            return False
        life = kept.expires_at - (kept.kept_at or kept.expires_at)
        return now >= kept.expires_at - min(EARLY, life / 10)

    def _refresh_early(self, token: SecretStr, failures: int) -> None:
        """The token still lives: where it cannot be refreshed, it is used until TikTok calls it dead."""
        try:
            self._replace(token, failures)
        except AuthorisationError:
            self._rests_until = self._now() + REST

    def _took_another(self, token: SecretStr) -> bool:
        kept = self._file.read()
        if kept is None or kept.access_token in {None, token}:
            return False
        self._kept = kept
        return True

    def _replace(self, dead: SecretStr | None, failures: int) -> None:
        """`failures` is how many there were when this thread began to wait: what failed since is not tried again."""
        if len(self._failures) > failures:
            raise self._failures[-1]
        try:
            with self._file.locked():
                newest = self._file.read() or self._kept
                if newest.access_token in {None, dead}:
                    newest = self._refreshed(newest)
                    self._unproved = newest.access_token
                self._kept = newest
        except AuthorisationError as error:
            self._failures.append(error)
            raise

    def _refreshed(self, before: Grant) -> Grant:
        """Asks TikTok. That a refresh began is kept first: where nobody hears of its end, the next one knows why."""
        if before.refresh_token is None:
            raise AuthorisationError("There is no refresh token. Authorise with `connector auth login`.")
        self._file.write(replace(before, begun_at=self._now()))
        try:
            granted = self._refresh(before.refresh_token)
        except AuthorisationError as error:
            if not error.lost:
                self._file.write(before)
            raise _explained(error, before.begun_at) from None
        after = grown(before, granted, self._now())
        after = replace(after, refreshed_at=after.kept_at)
        self._file.write(after)
        return after


def grown(before: Grant, granted: Granted, now: datetime) -> Grant:
    """What is kept once TikTok has granted: a refresh token that did not come with it stays the one before."""

    def end(seconds: float | None) -> datetime | None:
        return now + timedelta(seconds=seconds) if seconds is not None else None

    same = granted.refresh_token is None
    return Grant(
        access_token=granted.access_token,
        refresh_token=before.refresh_token if same else granted.refresh_token,
        kept_at=now,
        expires_at=end(granted.expires_in),
        refresh_expires_at=before.refresh_expires_at if same else end(granted.refresh_expires_in),
        refreshed_at=before.refreshed_at,
        advertiser_ids=granted.advertiser_ids or before.advertiser_ids,
    )


def _explained(error: AuthorisationError, begun_at: datetime | None) -> AuthorisationError:
    if begun_at is None or error.passing:
        return error
    before = (
        f"A refresh that began at {begun_at:%Y-%m-%d %H:%M} UTC did not come to its end here: if TikTok replaced the "
        "refresh token then, the new one was never kept."
    )
    return AuthorisationError(f"{before} {error.help}", said=error.said, code=error.code)
