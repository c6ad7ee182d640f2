"""What an answer says about the access token is heeded, whatever was asked."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import SecretStr

from connector.delivery.answer import Answer, Verdict
from connector.destinations.tiktok.answers import calls_token_wrong
from connector.destinations.tiktok.redact import LONGEST_MESSAGE
from connector.destinations.tiktok.tokens import Tokens
from connector.errors import AuthorisationError

RENEWED = "The access token had expired; the request is sent again with the new one."

Asked = Callable[[SecretStr], Answer]
"""One request with an access token."""


class Authorised:
    """Asks with whatever access token holds at the moment; used from several threads.

    What is answered because of a dead token comes back as `AGAIN` where another token has taken its place. `then` is
    added to the sentence on a token that cannot be replaced.
    """

    def __init__(self, tokens: Tokens, *, then: str = "") -> None:
        self._tokens, self._then = tokens, then

    def ask(self, asked: Asked) -> Answer:
        """The answer to one request. Raises for nothing that TikTok says of the token."""
        try:
            token = self._tokens.current()
        except AuthorisationError as error:
            return self._unauthorised(Answer(Verdict.RETRY), error)
        return self._heeded(asked(token), token)

    def _heeded(self, answer: Answer, token: SecretStr) -> Answer:
        if answer.verdict is Verdict.ACCEPTED:
            self._tokens.accepted(token)
        expired = answer.verdict is Verdict.EXPIRED_TOKEN
        if not expired and not calls_token_wrong(answer):
            return answer
        try:
            replaced = self._tokens.replaced(token, expired=expired)
        except AuthorisationError as error:
            return self._unauthorised(answer, error)
        return replace(answer, verdict=Verdict.RETRY_NOW, message=RENEWED) if replaced else answer

    def _unauthorised(self, answer: Answer, error: AuthorisationError) -> Answer:
        """What may pass is tried again."""
        if error.passing:
            return replace(answer, verdict=Verdict.RETRY, message=error.message[:LONGEST_MESSAGE])
        message = f"{error.help}{self._then} {error.said}".strip()
        return replace(answer, verdict=Verdict.EXPIRED_TOKEN, message=message[:LONGEST_MESSAGE])
