"""Add identifiers to an audience, and delete them from it, by `POST /segment/mapping/`.

Source: the official SDK's types and several vendors' code (agreed): a row of `batch_data` has one entry for each of
`id_schema`, `{}` if an identifier is missing. A request is accepted as a whole or not at all.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import Self

from pydantic import SecretStr

from connector.config.network import DIRECT, Network
from connector.core.route import Action
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.guard import blocked_message, breach_of_members
from connector.destinations.tiktok.answers import THEN_RESUME, Envelope, read_reply, rule_of
from connector.destinations.tiktok.codes import AUDIENCES_SCOPE, EVENTS_SCOPE, NO_PERMISSION, WRONG_SCOPE, Rule
from connector.destinations.tiktok.reply import TIMEOUT_SECONDS, Reply
from connector.destinations.tiktok.token_auth import TokenAuth
from connector.destinations.tiktok.tokens import Tokens

SEGMENT_MAPPING = "/open_api/v1.3/segment/mapping/"
SCHEMAS = {"email": "EMAIL_SHA256", "phone": "PHONE_SHA256", "idfa": "IDFA_SHA256", "aaid": "AAID_SHA256"}
"""TikTok's names of the identifier types. That AAID_SHA256 is Android's id is agreed by several sources."""

MOST_ROWS = 10_000
"""The most rows of `batch_data` in a request: one vendor's number, TikTok's own is unknown."""

_ACCOUNTS = "Check `advertiser_ids`, `audience_id` and that the token was made for these ad accounts."
_RULES = {
    40001: NO_PERMISSION,
    40003: Rule(Verdict.STOP, f"TikTok forbids the request. {_ACCOUNTS}"),
    40007: Rule(Verdict.STOP, f"TikTok does not know the audience. {_ACCOUNTS}"),
    **dict.fromkeys((40008, 40014), Rule(Verdict.STOP, "This `api_url` takes no audiences (a sandbox does not).")),
    **dict.fromkeys((40130, 40131), replace(WRONG_SCOPE, help=WRONG_SCOPE.help.replace(EVENTS_SCOPE, AUDIENCES_SCOPE))),
}
"""Codes whose advice is about event sources when events are sent."""

_BUSY = re.compile(r"\b(being processed|in process|processing|not editable)\b", re.IGNORECASE)


class MappingClient:
    """Sends mappings, one attempt at a time; used from as many threads as there are `connections`.

    `advertiser_ids` are the ad accounts that each audience serves.
    """

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        advertiser_ids: Mapping[str, Sequence[str]],
        *,
        connections: int = 8,
        timeout: float = TIMEOUT_SECONDS,
        network: Network = DIRECT,
        stop: Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        from connector.destinations.tiktok.transport import Transport

        self._transport = Transport(api_url, connections=connections, timeout=timeout, network=network, stop=stop)
        self._auth, self._advertiser_ids, self._now = TokenAuth(tokens, then=THEN_RESUME), advertiser_ids, now

    def attempt(self, batch: Batch) -> Answer:
        """Send the batch once, unless it contains personal data. No answer raises an error."""
        body = mapping_body(batch, self._advertiser_ids[batch.route.resource_id])
        if breach := breach_of_members(body):
            return Answer(Verdict.BLOCKED, message=blocked_message(breach, batch))
        return self._auth.request(lambda token: self._send(body, token))

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, body: bytes, token: SecretStr) -> Answer:
        reply = self._transport.post(SEGMENT_MAPPING, body, token)
        if not isinstance(reply, Reply):
            return reply.answer(THEN_RESUME)
        return read_reply(reply, now=self._now(), secrets=[token.get_secret_value()], rule_of=_rule)


def mapping_body(batch: Batch, advertiser_ids: Sequence[str]) -> bytes:
    """Return the batch's rows in their envelope; the payload is inserted, never encoded again."""
    operation = batch.route.operation
    action = Action.ADD if operation.action is Action.RESEND else operation.action
    id_schema = [SCHEMAS[name] for name in operation.id_types]
    root = {"advertiser_ids": list(advertiser_ids), "action": action.value, "id_schema": id_schema}
    head = json.dumps(root, separators=(",", ":"))[:-1]
    return b"".join((head.encode(), b',"batch_data":[', batch.payload, b"]}"))


def _rule(envelope: Envelope) -> Rule:
    """Return the rule of an answer; 40002 for an audience that is being processed is throttled, not refused.

    Only the message says so, and not for how long. Throttled requests are repeated without using up an attempt.
    """
    rule = _RULES.get(envelope.code) or rule_of(envelope)
    if envelope.code == 40002 and _BUSY.search(envelope.message):
        return replace(rule, verdict=Verdict.THROTTLED)
    return rule
