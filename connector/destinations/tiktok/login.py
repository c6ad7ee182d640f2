"""Grants are asked for and refreshed, beside any run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import SecretStr

from connector.destinations.tiktok.credential_status import Access, CredentialStatus, standing
from connector.destinations.tiktok.endpoint import SIMULATOR, as_written, asking, kept_tokens
from connector.destinations.tiktok.oauth import Advertiser, authorisation_url
from connector.destinations.tiktok.redirect import Redirect, code_in, new_state, parameters
from connector.destinations.tiktok.token_refresh import grown
from connector.destinations.tiktok.token_store import Grant
from connector.errors import AuthorisationError, ConfigurationError, UsageError

ANSWER_SECONDS = 600.0
"""For the user to agree: TikTok sends a code by e-mail meanwhile."""

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Login:
    """How a credential stands after a login, and the ad accounts it may use; None where TikTok did not list them."""

    standing: CredentialStatus
    advertisers: list[Advertiser] | None
    why_not: str = ""


def refresh(access: Access) -> CredentialStatus:
    """Refreshes the grant now. Raises UsageError where nothing can be, AuthorisationError where TikTok does not."""
    kind = standing(access).kind
    if kind != "refreshed":
        why = "has no grant yet" if kind == "none" else "has a long-term token, which does not expire"
        raise UsageError(f"{access.credential.name} {why}: there is nothing to refresh.")
    kept_tokens(access.credential, access.file, _reachable(access), access.network).refresh()
    return standing(access)


def received_code(access: Access, port: int, show: Show) -> SecretStr:
    """The code that TikTok's page leads back with; `show` gets the page's address first.

    Raises UsageError where the port is not free, AuthorisationError where no code of this login comes.
    """
    with Redirect(port) as redirect:
        show(page(access, redirect.url, redirect.state))
        return redirect.code(ANSWER_SECONDS)


def pasted_code(access: Access, redirect_uri: str, show: Show, read: Callable[[], str]) -> SecretStr:
    """The code that a user pastes: alone, or as the whole address that TikTok's page led back to.

    `show` gets the page's address, `read` gives what is pasted then. The state of an address has to be the page's.
    Raises AuthorisationError where it is not, or access was denied.
    """
    state = new_state()
    show(page(access, redirect_uri, state))
    text = read().strip()
    if not text:
        raise UsageError("No code was pasted.")
    return code_in(parameters(text), state) if "?" in text else SecretStr(text)


def page(access: Access, redirect_uri: str, state: str) -> str:
    """The address of TikTok's page. Raises ConfigurationError without an app."""
    if access.credential.app_id is None or access.credential.app_secret is None:
        raise ConfigurationError(f"The credential {access.credential.name} needs app_id and app_secret for a login.")
    return authorisation_url(_reachable(access), access.credential.app_id, redirect_uri, state)


def log_in(access: Access, code: SecretStr) -> Login:
    """Exchanges a code for a grant, keeps that, and asks what it opens. Raises AuthorisationError."""
    with asking(access.credential, _reachable(access), access.network) as oauth:
        with access.file.locked():
            # Written as it is, so that no code is used up for a grant that cannot be kept.
            access.file.write(access.file.read() or as_written(access.credential))
            kept = grown(Grant(), oauth.exchange(code), datetime.now(UTC))
            access.file.write(kept)
        try:
            advertisers = oauth.advertisers(kept.access_token or SecretStr(""))
        except AuthorisationError as error:
            return Login(standing(access), None, error.message)
        ids = tuple(one.advertiser_id for one in advertisers)
        with access.file.locked():
            access.file.write(replace(access.file.read() or kept, advertiser_ids=ids))
    return Login(standing(access), advertisers)


def _reachable(access: Access) -> str:
    if access.api_url == SIMULATOR:
        raise UsageError(
            f"{access.credential.name} goes to the simulator within this command (target {access.target}), which keeps "
            "no grants. Name a target that goes to TikTok, or to `connector simulate` by its address."
        )
    return access.api_url
