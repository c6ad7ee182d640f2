"""Tokens: `/oauth2/*`, `/tt_user/oauth2/refresh_token/` for short-term tokens, and `/user/info/`.

Source: the official SDK and reference; whether a refresh token is replaced when it is used is not known.
"""

from typing import Any

from connector.simulator.ad_accounts import ACCESS_SECONDS, ACCOUNTS, ADVERTISER, REFRESH_SECONDS, SCOPES
from connector.simulator.messages import Request, RequestRefused, Response, ok
from connector.simulator.parameters import Parameters, json_body, require, string
from connector.simulator.world import World

DEAD_CODES = ("expired", "cancelled")
"""Auth codes that are dead from the start, so that a client can try what happens."""


def exchange_code(request: Request, world: World) -> Response:
    """Answer `POST /oauth2/access_token/`: exchange a single-use auth code for a long-term token."""
    body = json_body(request)
    _check_app(body, world, "app_id", "secret", "auth_code")
    code = string(body, "auth_code")
    if code in world.accounts.used_codes or code in DEAD_CODES:
        raise RequestRefused(40110, "The auth_code was used before, has expired or was cancelled.")
    world.accounts.used_codes.add(code)
    token = world.accounts.issue(None)
    return ok({"access_token": token, "advertiser_ids": [ADVERTISER], "scope": list(SCOPES)})


def refresh_token(request: Request, world: World) -> Response:
    """Answer `POST /oauth2/refresh_token/`, the legacy call, and that of short-term tokens, with the names of each."""
    body = json_body(request)
    short_term = request.path.endswith("/tt_user/oauth2/refresh_token/")
    names = ("client_id", "client_secret") if short_term else ("app_id", "secret")
    _check_app(body, world, *names, "refresh_token")
    if body.get("grant_type") != "refresh_token":
        raise RequestRefused(40108, "grant_type must be refresh_token.")
    return ok(_refresh(string(body, "refresh_token"), world))


def revoke_token(request: Request, world: World) -> Response:
    """Answer `POST /oauth2/revoke_token/`: revoke the access token."""
    body = json_body(request)
    _check_app(body, world, "app_id", "secret", "access_token")
    value = string(body, "access_token")
    token = world.accounts.resolve_token(value)
    token.revoked = True
    world.accounts.tokens[value] = token
    return ok()


def list_advertisers(request: Request, world: World) -> Response:
    """Answer `GET /oauth2/advertiser/get/`: the ad accounts that the token serves."""
    token = world.accounts.authorize(request.token, ACCOUNTS)
    _check_app(request.parameters(), world, "app_id", "secret")
    served = sorted(token.advertisers or {ADVERTISER})
    return ok({"list": [{"advertiser_id": one, "advertiser_name": f"Advertiser {one[-4:]}"} for one in served]})


def get_user(request: Request, world: World) -> Response:
    """Answer `GET /user/info/`: whether the token is valid."""
    world.accounts.resolve_token(request.token)
    user = {"display_name": "Simulated user", "email": "s***@example.com", "core_user_id": "7000000000000000002"}
    return ok({**user, "create_time": int(world.started)})


def _check_app(parameters: Parameters, world: World, *names: str) -> None:
    """Raise RequestRefused: 40002 for a missing parameter, 40113 for another app's secret."""
    require(parameters, *names)
    world.accounts.check_app(string(parameters, names[0]), string(parameters, names[1]))


def _refresh(value: str, world: World) -> dict[str, Any]:
    accounts = world.accounts
    token = accounts.refresh_tokens.get(value)
    if value in accounts.tokens or (token and token.revoked) or not (token or accounts.accepts_any_token):
        raise RequestRefused(40107, "The refresh token is wrong, or the token is a long-term one.")
    if token and token.ends is not None and token.ends <= accounts.clock():
        raise RequestRefused(40103, "The refresh token has expired.")
    return _issue_pair(value, world)


def _issue_pair(value: str, world: World) -> dict[str, Any]:
    accounts, refresh_token = world.accounts, value
    if world.strictness.refreshing == "rotates":
        refresh_token = accounts.issue_refresh()
        accounts.refresh_tokens[value] = type(accounts.refresh_tokens[refresh_token])(revoked=True)
    return {
        "access_token": accounts.issue(ACCESS_SECONDS),
        "token_type": "Bearer",
        "scope": ",".join(map(str, SCOPES)),
        "expires_in": int(ACCESS_SECONDS),
        "refresh_token": refresh_token,
        "refresh_token_expires_in": int(REFRESH_SECONDS),
        "open_id": "simulated",
    }
