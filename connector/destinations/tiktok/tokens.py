"""Provide the access token for requests."""

from typing import Protocol

from pydantic import SecretStr

from connector.config.fields import is_sendable
from connector.errors import ConfigurationError


class Tokens(Protocol):
    """Provides the current access token; used from several threads."""

    def current(self) -> SecretStr:
        """Return the token to send. Raises AuthorisationError if there is none."""

    def accepted(self, token: SecretStr) -> None:
        """Record that TikTok accepted a request with this token."""

    def replaced(self, token: SecretStr, *, expired: bool) -> bool:
        """Replace a token that TikTok calls expired, or else wrong; return whether there is another one now.

        Raises AuthorisationError if it could not be replaced.
        """


class FixedToken:
    """A token that is never replaced. Raises ConfigurationError for one that no header can hold."""

    def __init__(self, token: SecretStr) -> None:
        self._token = sendable_token(token)

    def current(self) -> SecretStr:
        """See `Tokens.current`."""
        return self._token

    def accepted(self, token: SecretStr) -> None:
        """See `Tokens.accepted`."""

    def replaced(self, token: SecretStr, *, expired: bool) -> bool:
        """See `Tokens.replaced`."""
        return False


def sendable_token(token: SecretStr) -> SecretStr:
    """Return the token without surrounding white space. Raises ConfigurationError for one that no header can hold."""
    if not is_sendable(token.get_secret_value()):
        raise ConfigurationError("The access token is empty or holds characters that no token has.")
    return SecretStr(token.get_secret_value().strip())
