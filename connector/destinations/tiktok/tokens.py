"""Which access token to send with."""

from typing import Protocol

from pydantic import SecretStr

from connector.config.fields import is_sendable
from connector.errors import ConfigurationError


class Tokens(Protocol):
    """Used from several threads."""

    def current(self) -> SecretStr:
        """The token to send with. Raises AuthorisationError where there is none."""

    def accepted(self, token: SecretStr) -> None:
        """TikTok took a request with this token."""

    def replaced(self, token: SecretStr, *, expired: bool) -> bool:
        """Whether another token is there now than this one, which TikTok calls expired or else wrong.

        Raises AuthorisationError where it should have been and could not be replaced.
        """


class FixedToken:
    """A token for which there is no other. Raises ConfigurationError for one that no header can hold."""

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
    """The token without white space around it. Raises ConfigurationError for one that no header can hold."""
    if not is_sendable(token.get_secret_value()):
        raise ConfigurationError("The access token is empty or holds characters that no token has.")
    return SecretStr(token.get_secret_value().strip())
