"""Every call to an ad account that sends no events: event sources, audiences, ad accounts."""

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
    calls_token_wrong,
    read_envelope,
    read_reply,
    rule_of,
    text_of,
)
from connector.destinations.tiktok.codes import NO_PERMISSION, Rule
from connector.destinations.tiktok.oauth import API
from connector.destinations.tiktok.token_auth import Authorised
from connector.destinations.tiktok.tokens import Tokens
from connector.destinations.tiktok.transport import TIMEOUT_SECONDS, NoReply, Reply, Transport
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, ConnectorError, NotPermitted

CALLS_PER_SECOND = 10
"""What all endpoints but events and streaming take of an app at the lowest tier (agreed by several sources)."""

TOKEN_CODES = frozenset({40101, 40102, 40103, 40104, 40105, 40106})
"""TikTok takes the token for nothing. That 40106 says so here is inferred from its text."""

PERMISSION_CODES = frozenset({40001, 40003, 40117, 40118, 40124, 40125, 40130, 40131})
"""The token, or its app, may not ask. A token made in Events Manager has no scope but that for events (one good
source), and is answered 40001 (inferred): it may send events all the same."""

_PASSING = frozenset({Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN})
Value = str | Sequence[str] | SecretStr


class Repeat(Protocol):
    """Makes a call until its answer is final; without `unknown` not again where it may have been carried out."""

    def __call__(self, attempt: Callable[[], Answer], *, unknown: bool = True) -> Answer:
        """The last answer."""


class AccountClient:
    """Calls by path, such as `/pixel/list/`; each gives the answer's `data`.

    `repeat` says how often a call is made and how fast. Used from as many threads as there are `connections`.
    Every call raises AuthorisationError where TikTok takes no token, NotPermitted where the token may not ask,
    AccountRefused where TikTok says no, AccountUnreachable where it does not say. Messages name no person.
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
        self._transport = Transport(api_url, connections=connections, timeout=timeout, network=network, stop=stop)
        self._authorised, self._repeat, self._now = Authorised(tokens), repeat, now

    def get(self, path: str, parameters: Mapping[str, Value]) -> dict[str, Any]:
        """Ask with parameters in the address; lists go as JSON, as TikTok wants them."""
        secrets = [one for one in parameters.values() if isinstance(one, SecretStr)]
        shown = {name: _written(value) for name, value in parameters.items()}
        return self._data(lambda token: self._transport.get(API + path, shown, token), secrets)

    def post(self, path: str, body: Mapping[str, Any], *, once: bool = False) -> dict[str, Any]:
        """Ask with a JSON body. `once`: what may have been carried out is not asked again, and `lost` is raised."""
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
        found: dict[str, Any] = {}

        def asked(token: SecretStr) -> Answer:
            reply = send(token)
            if not isinstance(reply, Reply):
                return reply.answer()
            answer = self._read(reply, token, *secrets)
            if answer.verdict is Verdict.ACCEPTED and (envelope := read_envelope(reply.body)):
                found.update(envelope.data)
            return _unsure(answer) if once else answer

        answer = self._repeat(lambda: self._authorised.ask(asked), unknown=not once)
        if answer.verdict is not Verdict.ACCEPTED:
            raise _error(answer)
        return found

    def _read(self, reply: Reply, *secrets: SecretStr) -> Answer:
        hidden = [one.get_secret_value() for one in secrets]
        return read_reply(reply, now=self._now(), secrets=hidden, rule_of=_rule)


def made_id(data: Mapping[str, Any], key: str) -> str:
    """Return the id of what was created. Raises AccountRefused for an answer without one."""
    created = text_of(data.get(key))
    if not re.fullmatch(r"[\w-]{1,80}", created, re.ASCII):
        raise AccountRefused(f"TikTok's answer has no {key}, so it is unknown what was created.")
    return created


def _written(value: Value) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else json.dumps(list(value))


def _rule(envelope: Envelope) -> Rule:
    """40001 is about no event source here, and there is no run that could go on."""
    rule = NO_PERMISSION if envelope.code == 40001 else rule_of(envelope)
    return replace(rule, resumable=False)


def _unsure(answer: Answer) -> Answer:
    """TikTok's own troubles may have come after the deed."""
    if answer.verdict is Verdict.RETRY and (answer.http_status or 0) and (answer.code is None or answer.code >= 50_000):
        return replace(answer, verdict=Verdict.UNKNOWN)
    return answer


def _error(answer: Answer) -> ConnectorError:
    code = answer.code
    if answer.verdict in _PASSING:
        lost = answer.verdict is Verdict.UNKNOWN
        return AccountUnreachable(f"TikTok could not answer. {answer.message}".strip(), lost=lost)
    if answer.verdict is Verdict.EXPIRED_TOKEN or code in TOKEN_CODES or calls_token_wrong(answer):
        return AuthorisationError(answer.message, code=code)
    if code in PERMISSION_CODES:
        return NotPermitted(answer.message, code)
    if answer.verdict is Verdict.REFUSED:
        said = answer.message or "nothing more"
        return AccountRefused(f"TikTok refuses the request: {said} (code {code}).", code)
    return AccountRefused(answer.message, code)
