"""Send requests with the current access token, and replace it when TikTok rejects it."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import SecretStr

from connector.delivery.answer import Answer, Verdict
from connector.destinations.tiktok.answers import rejects_token
from connector.destinations.tiktok.redact import LONGEST_MESSAGE
from connector.destinations.tiktok.tokens import Tokens
from connector.errors import AuthorisationError

RENEWED = "The access token had expired; the request is sent again with the new one."

Attempt = Callable[[SecretStr], Answer]
"""Sends one request with an access token."""


class TokenAuth:
    """Sends requests with the current access token; used from several threads.

    If the token was rejected and has been replaced, the answer's verdict is `RETRY_NOW`. `then` is added to the message
    on a token that cannot be replaced.
    """

    def __init__(self, tokens: Tokens, *, then: str = "") -> None:
        self._tokens, self._then = tokens, then

    def request(self, attempt: Attempt) -> Answer:
        """Send one request, and return its answer. No answer about the token raises an error."""
        try:
            token = self._tokens.current()
        except AuthorisationError as error:
            return self._unauthorised(Answer(Verdict.RETRY), error)
        return self._update_token(attempt(token), token)

    def _update_token(self, answer: Answer, token: SecretStr) -> Answer:
        if answer.verdict is Verdict.ACCEPTED:
            self._tokens.accepted(token)
        expired = answer.verdict is Verdict.EXPIRED_TOKEN
        if not expired and not rejects_token(answer):
            return answer
        try:
            replaced = self._tokens.replaced(token, expired=expired)
        except AuthorisationError as error:
            return self._unauthorised(answer, error)
        return replace(answer, verdict=Verdict.RETRY_NOW, message=RENEWED) if replaced else answer

    def _unauthorised(self, answer: Answer, error: AuthorisationError) -> Answer:
        """Return the answer for a missing token; a temporary failure is retried."""
        if error.is_temporary:
            return replace(answer, verdict=Verdict.RETRY, message=error.message[:LONGEST_MESSAGE])
        message = f"{error.help}{self._then} {error.platform_message}".strip()
        return replace(answer, verdict=Verdict.EXPIRED_TOKEN, message=message[:LONGEST_MESSAGE])
