"""Store grants, so that later processes can use them: in files, or in the ledger (`token_ledger`).

There is a file for each configuration of a credential: another token, app or `api_url` starts with a new grant, and
changing it back finds the old one.
"""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from filelock import FileLock, Timeout
from pydantic import SecretStr

from connector.config.credential import Credential
from connector.core.disk import PRIVATE_FILE, make_private_folder, restrict, sync
from connector.errors import AuthorisationError

FOLDER = "tokens"
LOCK_SECONDS = 150.0
"""Longer than the holder of the lock waits for TikTok."""
_DIGITS = 16
_LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class Grant:
    """The tokens of a grant. Times are in UTC; `expires_at` is None if TikTok names no end."""

    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    kept_at: datetime | None = None
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    refreshed_at: datetime | None = None
    begun_at: datetime | None = None
    """The start of a refresh whose result was never recorded."""
    advertiser_ids: tuple[str, ...] = ()

    def as_text(self) -> str:
        """Return JSON with all secrets, only for the file."""
        return json.dumps({key: _plain(value) for key, value in asdict(self).items() if value is not None}, indent=1)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.isoformat() if isinstance(value, datetime) else value


class UndecryptableGrant(AuthorisationError):
    """The stored grant was encrypted with the secret of another app, or another secret of the same."""


class GrantStore(Protocol):
    """Stores the grant of a credential. Each method raises AuthorisationError if that is not possible."""

    def exists(self) -> bool:
        """Return whether a grant is stored."""

    def locked(self) -> AbstractContextManager[None]:
        """Lock the grant against other processes."""

    def read(self) -> Grant | None:
        """Return the stored grant; None if there is none."""

    def write(self, grant: Grant) -> None:
        """Replace the stored grant. Call it while the grant is locked."""


def grant_from_text(text: str) -> Grant:
    """Parse a stored grant. Raises ValueError, TypeError or AttributeError for any other text."""
    names = {field.name for field in fields(Grant)}
    return Grant(**{key: _typed(key, value) for key, value in json.loads(text).items() if key in names})


def _typed(key: str, value: Any) -> Any:
    if key == "advertiser_ids":
        return tuple(map(str, value))
    return datetime.fromisoformat(value) if key.endswith("_at") else SecretStr(value)


class TokenFile:
    """A credential's file below the state folder, readable only by its owner."""

    def __init__(self, state_directory: Path, credential: Credential, api_url: str) -> None:
        name = quote(credential.name, safe="")[:_LONGEST_NAME]
        self.folder = state_directory / FOLDER
        self.path = self.folder / f"{name}.{_digest(credential, api_url)}.json"

    def exists(self) -> bool:
        """See `GrantStore.exists`."""
        return self.path.exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the file against other processes. Raises AuthorisationError if one holds it for too long."""
        try:
            self._make_folder()
            lock = FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS, mode=0o600)
            lock.acquire()
        except Timeout:
            raise AuthorisationError(
                f"Another process holds {self.path.name} for too long.", is_temporary=True
            ) from None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            yield
        finally:
            lock.release()

    def read(self) -> Grant | None:
        """Return the stored grant; None if there is none. Raises AuthorisationError for a file that cannot be read."""
        try:
            return grant_from_text(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        except (ValueError, TypeError, AttributeError):
            raise AuthorisationError(
                f"{self.path} does not hold what was kept in it. Remove it, then authorise again with "
                "`connector auth login`."
            ) from None

    def write(self, grant: Grant) -> None:
        """Replace the stored grant atomically.

        Call it while the file is locked. Raises AuthorisationError if it cannot be written.
        """
        unfinished = self.path.with_suffix(".unfinished")
        try:
            self._make_folder()
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, PRIVATE_FILE)
                file.write(grant.as_text())
                file.flush()
                os.fsync(descriptor)
            _put_in_place(unfinished, self.path)
        except OSError as error:
            raise self._unusable(error) from None

    def _make_folder(self) -> None:
        if not self.folder.exists():
            make_private_folder(self.folder)
            sync(self.folder.parent)
        restrict(self.folder)

    def _unusable(self, error: OSError) -> AuthorisationError:
        return AuthorisationError(f"Tokens cannot be stored in {self.folder}: {error.strerror or error}.")


def _put_in_place(unfinished: Path, path: Path) -> None:
    unfinished.replace(path)
    sync(path.parent)


def _digest(credential: Credential, api_url: str) -> str:
    """Return a digest of a credential's configuration, without the app's secret, which may change."""
    secrets = (credential.access_token, credential.refresh_token)
    parts = [api_url, credential.app_id, *(secret.get_secret_value() if secret else None for secret in secrets)]
    return sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]
