"""Call TikTok's endpoints for tokens: exchange a code, refresh a grant, list its ad accounts.

Source: the official SDK and the reference. Whether `/oauth2/refresh_token/` is still served, and whether a refresh
token is replaced when it is used, is unknown. So the path can be set, and the returned tokens are always stored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import SecretStr

from connector.config.fields import is_sendable
from connector.delivery.answer import Verdict
from connector.destinations.tiktok.answers import NO_ANSWER, Envelope, read_envelope
from connector.destinations.tiktok.codes import NO_PERMISSION, Rule, rule_for_code, rule_for_status
from connector.destinations.tiktok.redact import redact
from connector.destinations.tiktok.reply import NoReply, Reply
from connector.errors import AuthorisationError

if TYPE_CHECKING:
    from connector.destinations.tiktok.transport import Transport

API = "/open_api/v1.3"
PORTAL = "/portal/auth"
REFRESH_PATH = f"{API}/oauth2/refresh_token/"
_SHORT_TERM = "/tt_user/"
_PASSING = frozenset({Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN})
_ELSEWHERE = "TikTok does not take the request for a new token. Check `refresh_path`: it has had several paths for it."
_FOREVER = 100 * 365 * 86_400
"""Seconds. A token that is valid for longer counts as one without an end."""
_REFUSED = "TikTok refuses the request."


@dataclass(frozen=True, slots=True)
class App:
    """An app at TikTok, and the path that refreshes its grants."""

    app_id: str
    secret: SecretStr
    refresh_path: str = REFRESH_PATH


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The tokens in an answer of TikTok; seconds are None if it names no end, as for long-term tokens."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_in: float | None
    refresh_expires_in: float | None
    advertiser_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advertiser:
    """An ad account that a token may use."""

    advertiser_id: str
    name: str


def authorisation_url(api_url: str, app_id: str, redirect_uri: str, state: str) -> str:
    """Return the address of the page that grants an app access and redirects to `redirect_uri` with code and state."""
    return (
        f"{api_url.rstrip('/')}{PORTAL}?{urlencode({'app_id': app_id, 'redirect_uri': redirect_uri, 'state': state})}"
    )


class OAuth:
    """The calls of one app. Each raises AuthorisationError with TikTok's message and advice."""

    def __init__(self, transport: "Transport", app: App) -> None:
        self._transport, self._app = transport, app

    def exchange(self, code: SecretStr) -> TokenResponse:
        """Exchange an authorisation code, which is valid for an hour and once."""
        body = {**self._named("app_id", "secret"), "auth_code": code.get_secret_value()}
        return _token_response(self._posted(f"{API}/oauth2/access_token/", body, code))

    def refresh(self, refresh_token: SecretStr) -> TokenResponse:
        """Request a new access token; a new refresh token that comes with it replaces this one."""
        path = "/" + self._app.refresh_path.lstrip("/")
        names = ("client_id", "client_secret") if _SHORT_TERM in path else ("app_id", "secret")
        given = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}
        return _token_response(
            self._posted(path, {**self._named(*names), **given}, refresh_token, elsewhere=_ELSEWHERE)
        )

    def advertisers(self, access_token: SecretStr) -> list[Advertiser]:
        """List the ad accounts that the token may use."""
        parameters = self._named("app_id", "secret")
        reply = self._transport.get(f"{API}/oauth2/advertiser/get/", parameters, access_token)
        listed = _data(reply, _REFUSED, self._app.secret, access_token).get("list")
        found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return [Advertiser(str(one.get("advertiser_id")), str(one.get("advertiser_name") or "")) for one in found]

    def _named(self, app_id: str, secret: str) -> dict[str, str]:
        return {app_id: self._app.app_id, secret: self._app.secret.get_secret_value()}

    def _posted(
        self, path: str, body: Mapping[str, str], secret: SecretStr, elsewhere: str = _REFUSED
    ) -> dict[str, Any]:
        reply = self._transport.post(path, json.dumps(body).encode())
        return _data(reply, elsewhere, self._app.secret, secret)


def _data(reply: Reply | NoReply, elsewhere: str, *secrets: SecretStr) -> dict[str, Any]:
    """Return the envelope's data. `elsewhere` is the advice on a call that TikTok does not know in this form."""
    if not isinstance(reply, Reply):
        raise AuthorisationError(
            reply.message, is_temporary=reply.verdict in _PASSING, answer_lost=reply.verdict is Verdict.UNKNOWN
        )
    envelope = read_envelope(reply.body)
    if envelope is None:
        rule, said = rule_for_status(reply.status), f"HTTP {reply.status}, {reply.fault or NO_ANSWER}"
        raise _refused(rule, elsewhere, said, lost=reply.status == 200 or reply.status >= 500)
    if envelope.code == 0:
        return envelope.data
    rule = NO_PERMISSION if envelope.code == 40001 else rule_for_code(envelope.code)
    said = redact(envelope.message, *(one.get_secret_value() for one in secrets)) or "no message"
    raise _refused(
        rule, elsewhere, f"{said} (code {envelope.code})", lost=_may_have_worked(envelope), code=envelope.code
    )


def _may_have_worked(envelope: Envelope) -> bool:
    """Return whether the call may have taken effect although TikTok reports a failure."""
    return envelope.code >= 50_000 or envelope.code < 40_000


def _refused(rule: Rule, elsewhere: str, said: str, *, lost: bool, code: int | None = None) -> AuthorisationError:
    passing = rule.verdict in _PASSING
    help_text = "TikTok could not answer." if passing else rule.help or elsewhere
    return AuthorisationError(
        help_text, platform_message=f"TikTok said: {said}", code=code, is_temporary=passing, answer_lost=lost
    )


def _token_response(data: Mapping[str, Any]) -> TokenResponse:
    access_token, refresh_token = data.get("access_token"), data.get("refresh_token")
    if not isinstance(access_token, str) or not is_sendable(access_token):
        raise AuthorisationError("TikTok's answer holds no access token that can be used.", answer_lost=True)
    ids = data.get("advertiser_ids")
    return TokenResponse(
        SecretStr(access_token.strip()),
        SecretStr(refresh_token) if isinstance(refresh_token, str) and refresh_token else None,
        _seconds(data.get("expires_in")),
        _seconds(data.get("refresh_token_expires_in")),
        tuple(str(one) for one in ids if isinstance(one, str | int)) if isinstance(ids, list) else (),
    )


def _seconds(value: object) -> float | None:
    """Return the seconds until a token ends; None if it has no end, for which some answers say 0 (inferred)."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < _FOREVER else None
