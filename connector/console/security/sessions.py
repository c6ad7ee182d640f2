"""Sign-in by a one-time link, and sessions. Both are in memory: a restart ends them."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock

from connector.console.security.limits import RateLimit

CODE_SECONDS = 5 * 60
"""The life of a code."""
IDLE_SECONDS, LONGEST_SECONDS = 2 * 3600, 12 * 3600
"""A session ends when it is idle so long, and at the latest after the second time."""
TRIES_A_MINUTE = 10
"""Codes that may be tried in a minute."""
_BYTES = 32

Now = Callable[[], float]


def digest(value: str) -> str:
    """Return the SHA-256 of a value that is a secret itself."""
    return sha256(value.encode()).hexdigest()


class Codes:
    """The one code with which the next browser signs in."""

    def __init__(self, now: Now = time.monotonic) -> None:
        self._now, self._lock = now, Lock()
        self._digest, self._until = "", 0.0
        self.may_try = RateLimit(TRIES_A_MINUTE, now).allow

    def new(self) -> str:
        """Return a new code; the one before is not valid any more."""
        code = token_urlsafe(_BYTES)
        with self._lock:
            self._digest, self._until = digest(code), self._now() + CODE_SECONDS
        return code

    def spend(self, code: str) -> bool:
        """Return whether a code is valid, and make it invalid."""
        with self._lock:
            is_valid = hmac.compare_digest(digest(code), self._digest or digest("")) and self._now() < self._until
            if is_valid and self._digest:
                self._digest = ""
                return True
            return False


@dataclass(slots=True)
class Session:
    """A browser that has signed in."""

    key: str
    """The digest of its cookie."""
    user: str
    """The user, as the roles name them."""
    started: float
    """When it signed in, by the clock of the sessions."""
    used: float
    """When it last asked for a page."""


class Sessions:
    """The browsers that have signed in."""

    def __init__(self, now: Now = time.monotonic) -> None:
        self._now, self._lock = now, Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, user: str, replaced: str | None = None) -> str:
        """Start a session, end the one with the cookie `replaced`, and return the value of the new cookie."""
        value = token_urlsafe(_BYTES)
        self.end(replaced)
        with self._lock:
            now = self._now()
            self._sessions = {key: one for key, one in self._sessions.items() if self._is_alive(one, now)}
            self._sessions[digest(value)] = Session(digest(value), user, now, now)
        return value

    def find(self, value: str | None) -> Session | None:
        """Return the session of a cookie, and note that it is in use; None if it has ended."""
        with self._lock:
            session = self._sessions.get(digest(value)) if value else None
            if session is None:
                return None
            now = self._now()
            if not self._is_alive(session, now):
                del self._sessions[session.key]
                return None
            session.used = now
            return session

    def end(self, value: str | None) -> None:
        """End the session of a cookie, if there is one."""
        if value:
            with self._lock:
                self._sessions.pop(digest(value), None)

    @staticmethod
    def _is_alive(session: Session, now: float) -> bool:
        return now - session.used < IDLE_SECONDS and now - session.started < LONGEST_SECONDS
