"""Tokens of forms, which prove that this process made the form for this user."""

import hmac
from hashlib import sha256
from secrets import token_bytes

FIELD = "form_token"
"""The name of the hidden field."""


class FormTokens:
    """Tokens that hold for one identity, one path, and the life of this process."""

    def __init__(self) -> None:
        self._key = token_bytes(32)

    def token(self, identity: str, path: str) -> str:
        """Return the token of a form that an identity (a session, or a user) posts to a path."""
        return hmac.new(self._key, f"{identity}\n{path}".encode(), sha256).hexdigest()

    def is_valid(self, token: object, identity: str, path: str) -> bool:
        """Return whether a token is the one of this identity and path."""
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token(identity, path).encode())
