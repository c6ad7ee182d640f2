"""Request and refresh grants outside of runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import SecretStr

from connector.destinations.tiktok.credential_status import Access, CredentialStatus, credential_status
from connector.destinations.tiktok.endpoint import SIMULATOR, configured_grant, open_oauth, refreshing_tokens
from connector.destinations.tiktok.oauth import Advertiser, authorisation_url
from connector.destinations.tiktok.redirect import Redirect, code_in, new_state, parameters
from connector.destinations.tiktok.token_refresh import merge_grant
from connector.destinations.tiktok.token_store import Grant, UndecryptableGrant
from connector.errors import AuthorisationError, ConfigurationError, UsageError

ANSWER_SECONDS = 600.0
"""Time for the user to agree: TikTok sends a code by e-mail meanwhile."""

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Login:
    """The result of a login."""

    status: CredentialStatus
    advertisers: list[Advertiser] | None
    """The ad accounts that the token may use; None if TikTok did not list them."""
    why_not: str = ""
    """Why TikTok did not list them."""


def refresh(access: Access) -> CredentialStatus:
    """Refresh the grant now. Raises UsageError if there is none to refresh, AuthorisationError if TikTok refuses."""
    kind = credential_status(access).kind
    if kind != "refreshed":
        why = "has no grant yet" if kind == "none" else "has a long-term token, which does not expire"
        raise UsageError(f"{access.credential.name} {why}: there is nothing to refresh.")
    refreshing_tokens(access.credential, access.store, _reachable(access), access.network).refresh()
    return credential_status(access)


def received_code(access: Access, port: int, show: Show) -> SecretStr:
    """Wait for the code with which TikTok's page redirects here; `show` gets the page's address first.

    Raises UsageError if the port is in use, AuthorisationError if no code of this login arrives.
    """
    with Redirect(port) as redirect:
        show(page(access, redirect.url, redirect.state))
        return redirect.code(ANSWER_SECONDS)


def pasted_code(access: Access, redirect_uri: str, show: Show, read: Callable[[], str]) -> SecretStr:
    """Return the code that the user pastes: alone, or as the whole address that TikTok's page redirected to.

    `show` gets the page's address, `read` returns the pasted text. The state of a pasted address must be the page's.
    Raises AuthorisationError if it is not, or if access was denied.
    """
    state = new_state()
    show(page(access, redirect_uri, state))
    text = read().strip()
    if not text:
        raise UsageError("No code was pasted.")
    return code_in(parameters(text), state) if "?" in text else SecretStr(text)


def page(access: Access, redirect_uri: str, state: str) -> str:
    """Return the address of TikTok's page. Raises ConfigurationError without an app."""
    if access.credential.app_id is None or access.credential.app_secret is None:
        raise ConfigurationError(f"The credential {access.credential.name} needs app_id and app_secret for a login.")
    return authorisation_url(_reachable(access), access.credential.app_id, redirect_uri, state)


def log_in(access: Access, code: SecretStr) -> Login:
    """Exchange a code for a grant, store it, and list its ad accounts. Raises AuthorisationError."""
    with open_oauth(access.credential, _reachable(access), access.network) as oauth:
        with access.store.locked():
            # Written unchanged first, so that no code is used up for a grant that cannot be stored.
            access.store.write(_readable(access) or configured_grant(access.credential))
            grant = merge_grant(Grant(), oauth.exchange(code), datetime.now(UTC))
            access.store.write(grant)
        try:
            advertisers = oauth.advertisers(grant.access_token or SecretStr(""))
        except AuthorisationError as error:
            return Login(credential_status(access), None, error.message)
        ids = tuple(advertiser.advertiser_id for advertiser in advertisers)
        with access.store.locked():
            access.store.write(replace(access.store.read() or grant, advertiser_ids=ids))
    return Login(credential_status(access), advertisers)


def _readable(access: Access) -> Grant | None:
    """Return the stored grant; None also if it cannot be decrypted, because a login replaces it."""
    try:
        return access.store.read()
    except UndecryptableGrant:
        return None


def _reachable(access: Access) -> str:
    if access.api_url == SIMULATOR:
        raise UsageError(
            f"{access.credential.name} goes to the simulator within this command (target {access.target}), which keeps "
            "no grants. Name a target that goes to TikTok, or to `connector simulate` by its address."
        )
    return access.api_url
