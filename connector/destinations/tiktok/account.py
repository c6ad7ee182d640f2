"""Call TikTok's API for an ad account: event sources, audiences, ad accounts. Events have a client of their own."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import Any, Protocol, Self

from pydantic import SecretStr

from connector.config.network import DIRECT, Network
from connector.delivery.answer import Answer, Verdict
from connector.destinations.tiktok.answers import (
    Envelope,
    read_envelope,
    read_reply,
    rejects_token,
    rule_of,
    text_of,
)
from connector.destinations.tiktok.codes import NO_PERMISSION, Rule
from connector.destinations.tiktok.oauth import API
from connector.destinations.tiktok.reply import TIMEOUT_SECONDS, NoReply, Reply
from connector.destinations.tiktok.token_auth import TokenAuth
from connector.destinations.tiktok.tokens import Tokens
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, ConnectorError, NotPermitted

CALLS_PER_SECOND = 10
"""The limit of an app at the lowest tier, at all endpoints but events and streaming (agreed by several sources)."""

TOKEN_CODES = frozenset({40101, 40102, 40103, 40104, 40105, 40106})
"""Codes for an invalid token. That 40106 is one of them is inferred from its text."""

PERMISSION_CODES = frozenset({40001, 40003, 40117, 40118, 40124, 40125, 40130, 40131})
"""Codes for a missing permission. A token made in Events Manager has only the scope for events (one good source), so
it gets 40001 here (inferred) and can still send events."""

_PASSING = frozenset({Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN})
Value = str | Sequence[str] | SecretStr


class Repeat(Protocol):
    """Repeats a call until its answer is final; without `unknown`, never if the call may have taken effect."""

    def __call__(self, attempt: Callable[[], Answer], *, unknown: bool = True) -> Answer:
        """Return the last answer."""


class AccountClient:
    """Calls TikTok by path, such as `/pixel/list/`; each call returns the answer's `data`.

    `repeat` decides how often and how fast a call is repeated. Used from as many threads as there are `connections`.
    Every call raises AuthorisationError if TikTok rejects the token, NotPermitted if the token lacks a permission,
    AccountRefused if TikTok refuses the call, AccountUnreachable if no answer came. Messages contain no personal data.
    """

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        repeat: Repeat,
        *,
        connections: int = 1,
        timeout: float = TIMEOUT_SECONDS,
        network: Network = DIRECT,
        stop: Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        from connector.destinations.tiktok.transport import Transport

        self._transport = Transport(api_url, connections=connections, timeout=timeout, network=network, stop=stop)
        self._auth, self._repeat, self._now = TokenAuth(tokens), repeat, now

    def get(self, path: str, parameters: Mapping[str, Value]) -> dict[str, Any]:
        """Send parameters in the address; lists are JSON, as TikTok requires."""
        secrets = [value for value in parameters.values() if isinstance(value, SecretStr)]
        texts = {name: _as_text(value) for name, value in parameters.items()}
        return self._data(lambda token: self._transport.get(API + path, texts, token), secrets)

    def post(self, path: str, body: Mapping[str, Any], *, once: bool = False) -> dict[str, Any]:
        """Send a JSON body. With `once`, a call that may have taken effect is not repeated but raised as lost."""
        content = json.dumps(body, ensure_ascii=False).encode()
        return self._data(lambda token: self._transport.post(API + path, content, token), once=once)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _data(
        self,
        send: Callable[[SecretStr], Reply | NoReply],
        secrets: Sequence[SecretStr] = (),
        *,
        once: bool = False,
    ) -> dict[str, Any]:
        data: dict[str, Any] = {}

        def attempt(token: SecretStr) -> Answer:
            reply = send(token)
            if not isinstance(reply, Reply):
                return reply.answer()
            answer = self._read(reply, token, *secrets)
            if answer.verdict is Verdict.ACCEPTED and (envelope := read_envelope(reply.body)):
                data.update(envelope.data)
            return _without_retry(answer) if once else answer

        answer = self._repeat(lambda: self._auth.request(attempt), unknown=not once)
        if answer.verdict is not Verdict.ACCEPTED:
            raise _error(answer)
        return data

    def _read(self, reply: Reply, *secrets: SecretStr) -> Answer:
        hidden = [secret.get_secret_value() for secret in secrets]
        return read_reply(reply, now=self._now(), secrets=hidden, rule_of=_rule)


def created_id(data: Mapping[str, Any], key: str) -> str:
    """Return the id of the created resource. Raises AccountRefused for an answer without one."""
    created = text_of(data.get(key))
    if not re.fullmatch(r"[\w-]{1,80}", created, re.ASCII):
        raise AccountRefused(f"TikTok's answer has no {key}, so it is unknown what was created.")
    return created


def _as_text(value: Value) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else json.dumps(list(value))


def _rule(envelope: Envelope) -> Rule:
    """Return the rule of an answer: 40001 is not about an event source here, and there is no run to resume."""
    rule = NO_PERMISSION if envelope.code == 40001 else rule_of(envelope)
    return replace(rule, resumable=False)


def _without_retry(answer: Answer) -> Answer:
    """Turn a server error into an unknown outcome: the call may have taken effect before it failed."""
    if answer.verdict is Verdict.RETRY and (answer.http_status or 0) and (answer.code is None or answer.code >= 50_000):
        return replace(answer, verdict=Verdict.UNKNOWN)
    return answer


def _error(answer: Answer) -> ConnectorError:
    code = answer.code
    if answer.verdict in _PASSING:
        lost = answer.verdict is Verdict.UNKNOWN
        return AccountUnreachable(f"TikTok could not answer. {answer.message}".strip(), answer_lost=lost)
    if answer.verdict is Verdict.EXPIRED_TOKEN or code in TOKEN_CODES or rejects_token(answer):
        return AuthorisationError(answer.message, code=code)
    if code in PERMISSION_CODES:
        return NotPermitted(answer.message, code)
    if answer.verdict is Verdict.REFUSED:
        message = answer.message or "nothing more"
        return AccountRefused(f"TikTok refuses the request: {message} (code {code}).", code)
    return AccountRefused(answer.message, code)
