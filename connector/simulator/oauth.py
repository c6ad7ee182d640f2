"""Tokens: `/oauth2/*`, the short-term tokens' `/tt_user/oauth2/refresh_token/`, and `/user/info/`.

Source: the official SDK and reference; that a refresh token is replaced when it is used is not known.
"""

from typing import Any

from connector.simulator.accounts import ACCESS_SECONDS, ACCOUNTS, ADVERTISER, REFRESH_SECONDS, SCOPES
from connector.simulator.messages import Refused, Request, Response, ok
from connector.simulator.parameters import Given, json_body, required, text
from connector.simulator.world import World

DEAD_CODES = ("expired", "cancelled")
"""Auth codes that are dead from the start, so that a client can try what happens."""


def access_token(request: Request, world: World) -> Response:
    """`POST /oauth2/access_token/`: a single-use auth code becomes a long-term token, which never expires."""
    body = json_body(request)
    _check_app(body, world, "app_id", "secret", "auth_code")
    code = text(body, "auth_code")
    if code in world.accounts.used_codes or code in DEAD_CODES:
        raise Refused(40110, "The auth_code was used before, has expired or was cancelled.")
    world.accounts.used_codes.add(code)
    token = world.accounts.issue(None)
    return ok({"access_token": token, "advertiser_ids": [ADVERTISER], "scope": list(SCOPES)})


def refresh_token(request: Request, world: World) -> Response:
    """`POST /oauth2/refresh_token/`, the legacy call, and that of short-term tokens, with the names of each."""
    body = json_body(request)
    short_term = request.path.endswith("/tt_user/oauth2/refresh_token/")
    names = ("client_id", "client_secret") if short_term else ("app_id", "secret")
    _check_app(body, world, *names, "refresh_token")
    if body.get("grant_type") != "refresh_token":
        raise Refused(40108, "grant_type must be refresh_token.")
    return ok(_refreshed(text(body, "refresh_token"), world))


def revoke_token(request: Request, world: World) -> Response:
    """`POST /oauth2/revoke_token/`: the access token is dead from now on."""
    body = json_body(request)
    _check_app(body, world, "app_id", "secret", "access_token")
    value = text(body, "access_token")
    token = world.accounts.token(value)
    token.revoked = True
    world.accounts.tokens[value] = token
    return ok()


def advertisers(request: Request, world: World) -> Response:
    """`GET /oauth2/advertiser/get/`: the ad accounts that the token serves."""
    token = world.accounts.permit(request.token, ACCOUNTS)
    _check_app(request.parameters(), world, "app_id", "secret")
    served = sorted(token.advertisers or {ADVERTISER})
    return ok({"list": [{"advertiser_id": one, "advertiser_name": f"Advertiser {one[-4:]}"} for one in served]})


def user_info(request: Request, world: World) -> Response:
    """`GET /user/info/`: that the token is alive."""
    world.accounts.token(request.token)
    user = {"display_name": "Simulated user", "email": "s***@example.com", "core_user_id": "7000000000000000002"}
    return ok({**user, "create_time": int(world.started)})


def _check_app(given: Given, world: World, *names: str) -> None:
    """Raises Refused: 40002 for what is missing, 40113 for another app's secret."""
    required(given, *names)
    world.accounts.check_app(text(given, names[0]), text(given, names[1]))


def _refreshed(value: str, world: World) -> dict[str, Any]:
    accounts = world.accounts
    known = accounts.refresh_tokens.get(value)
    if value in accounts.tokens or (known and known.revoked) or not (known or accounts.any_token):
        raise Refused(40107, "The refresh token is wrong, or the token is a long-term one.")
    if known and known.ends is not None and known.ends <= accounts.clock():
        raise Refused(40103, "The refresh token has expired.")
    return _new_pair(value, world)


def _new_pair(value: str, world: World) -> dict[str, Any]:
    accounts, following = world.accounts, value
    if world.strictness.refreshing == "rotates":
        following = accounts.issue_refresh()
        accounts.refresh_tokens[value] = type(accounts.refresh_tokens[following])(revoked=True)
    return {
        "access_token": accounts.issue(ACCESS_SECONDS),
        "token_type": "Bearer",
        "scope": ",".join(map(str, SCOPES)),
        "expires_in": int(ACCESS_SECONDS),
        "refresh_token": following,
        "refresh_token_expires_in": int(REFRESH_SECONDS),
        "open_id": "simulated",
    }
