"""Store a grant in the ledger that the machines of an engine share, encrypted with a key made of the app's secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_bytes

from connector.config.credential import Credential
from connector.core.version import install_hint
from connector.destinations.tiktok.token_store import (
    LOCK_SECONDS,
    Grant,
    TokenFile,
    UndecryptableGrant,
    grant_from_text,
)
from connector.errors import AuthorisationError, ConfigurationError, ConnectorError
from connector.ledger.database import open_database
from connector.ledger.grants import Grants

_KEY_BYTES, _NONCE_BYTES = 32, 12
_PURPOSE = b"grant of a credential, version 1"


class LedgerGrant:
    """The grant of a credential in the ledger, to which that of the token file is copied at first.

    Raises ConfigurationError if the package that encrypts it is missing.
    """

    def __init__(self, ledger_url: str, credential: Credential, file: TokenFile) -> None:
        self._ledger_url, self._credential, self._file = ledger_url, credential, file
        self._key = file.path.stem
        self._cipher = _Cipher(credential)

    def exists(self) -> bool:
        """See `GrantStore.exists`."""
        return self.read() is not None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """See `GrantStore.locked`."""
        with self._opened() as grants, grants.locked(self._key, LOCK_SECONDS):
            yield

    def read(self) -> Grant | None:
        """See `GrantStore.read`."""
        with self._opened() as grants:
            sealed = grants.read(self._key)
            if sealed is None and (stored := self._file.read()):
                grants.add(self._key, self._cipher.sealed(stored, self._key))
                sealed = grants.read(self._key)
        return None if sealed is None else self._cipher.opened(sealed, self._key)

    def write(self, grant: Grant) -> None:
        """See `GrantStore.write`."""
        with self._opened() as grants:
            grants.write(self._key, self._cipher.sealed(grant, self._key))

    @contextmanager
    def _opened(self) -> Iterator[Grants]:
        """Open the ledger, whose failures are temporary."""
        try:
            database = open_database(self._ledger_url)
            try:
                yield Grants(database)
            finally:
                database.close()
        except AuthorisationError:
            raise
        except ConnectorError as error:
            raise AuthorisationError(
                f"The grant of the credential {self._credential.name} cannot be read or stored: {error}",
                is_temporary=True,
            ) from None


class _Cipher:
    """Encrypts a grant, so that whoever reads the database cannot use it without the app's secret."""

    def __init__(self, credential: Credential) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        except ImportError:
            raise ConfigurationError(
                f"The grant of the credential {credential.name} is shared with the machines of an engine through the "
                f"ledger, and encrypting it needs cryptography: {install_hint('ray')}."
            ) from None
        secret = credential.app_secret.get_secret_value() if credential.app_secret else ""
        self._name, self._invalid = credential.name, InvalidTag
        key = HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
        self._cipher = AESGCM(key)

    def sealed(self, grant: Grant, key: str) -> bytes:
        """Return a grant encrypted; only under this key it can be decrypted."""
        nonce = token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, grant.as_text().encode(), key.encode())

    def opened(self, sealed: bytes, key: str) -> Grant:
        """Return a grant decrypted. Raises UndecryptableGrant."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], key.encode())
            return grant_from_text(text.decode())
        except (self._invalid, ValueError, TypeError, AttributeError):
            raise UndecryptableGrant(
                f"The grant of the credential {self._name} in the ledger was encrypted with another app_secret. Put "
                f"that one back, or authorise again with `connector auth login {self._name}`."
            ) from None
