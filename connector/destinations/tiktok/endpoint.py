"""Build clients and tokens from the settings of a destination and its credential."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from pydantic import SecretStr

from connector.config.credential import Credential
from connector.config.network import DIRECT, Network
from connector.config.project import Project
from connector.core.local_server import is_loopback
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.oauth import REFRESH_PATH, App, OAuth, TokenResponse
from connector.destinations.tiktok.reply import TIMEOUT_SECONDS
from connector.destinations.tiktok.settings import TikTokSettings
from connector.destinations.tiktok.token_refresh import RefreshingTokens
from connector.destinations.tiktok.token_store import Grant, GrantStore, TokenFile
from connector.destinations.tiktok.tokens import FixedToken, Tokens, sendable_token
from connector.errors import ConfigurationError, Problem, Rule

SIMULATOR = "simulator"
"""The `api_url` of the local simulator."""

SIMULATOR_TOKEN = SecretStr("simulator")
"""The token for the simulator, which takes any, of a credential without one."""


def refuse_simulators_token(project: Project, settings: TikTokSettings) -> None:
    """Raise ConfigurationError if requests with the token of the simulator would go to another machine."""
    token = settings.credential.access_token
    if settings.api_url == SIMULATOR or is_loopback(settings.api_url) or token != SIMULATOR_TOKEN:
        return
    message = (
        f'destinations.{settings.name}: the token is "{SIMULATOR}", and requests would go to {settings.api_url}. Write '
        f"`{settings.name}: {{api_url: {SIMULATOR}}}` below `destinations` of the target {project.target}, or give the "
        f'credential "{settings.credential.name}" a token of TikTok.'
    )
    place = project.location("destinations", settings.name, "credential")
    raise ConfigurationError([Problem(message, *place, rule=Rule.INVALID_VALUE)])


def connect(
    api_url: str,
    tokens: Tokens,
    *,
    max_in_flight: int = 8,
    timeout: float = TIMEOUT_SECONDS,
    test_event_code: str | None = None,
    simulator_url: str | None = None,
    network: Network = DIRECT,
    stop: Event | None = None,
) -> EventsClient:
    """Return a client for a destination; it opens no connection yet.

    `simulator_url` is the address of the running simulator, for the `api_url` `simulator`.
    """
    url = simulator_url if api_url == SIMULATOR and simulator_url else api_url
    return EventsClient(
        url,
        tokens,
        connections=max_in_flight,
        test_event_code=test_event_code,
        timeout=timeout,
        network=network,
        stop=stop,
    )


def tokens_of(
    credential: Credential,
    api_url: str,
    store: GrantStore,
    *,
    simulator_url: str | None = None,
    network: Network = DIRECT,
) -> Tokens:
    """Return the configured access token of a credential, or its stored grant, which is refreshed.

    Raises ConfigurationError if there is no token or it cannot be sent; AuthorisationError for an unreadable grant.
    """
    if app_of(credential) and (credential.refresh_token or store.exists()):
        return refreshing_tokens(credential, store, simulator_url or api_url, network)
    token = credential.access_token or (SIMULATOR_TOKEN if api_url == SIMULATOR else None)
    if token is None:
        raise ConfigurationError(
            f"The credential {credential.name} has no access token yet. Authorise with "
            f"`connector auth login {credential.name}`."
        )
    return FixedToken(token)


def grant_store(project: Project, credential: Credential, api_url: str) -> GrantStore:
    """Return where the grant of a credential is stored: in the ledger if the machines of an engine share it.

    Raises ConfigurationError if the package that encrypts it there is missing.
    """
    file = TokenFile(project.state_directory, credential, api_url)
    if not project.engines or api_url == SIMULATOR or app_of(credential) is None:
        return file
    if not project.ledger_url.startswith("postgres"):
        return file
    from connector.destinations.tiktok.token_ledger import LedgerGrant

    return LedgerGrant(project.ledger_url, credential, file)


def refreshing_tokens(
    credential: Credential, store: GrantStore, url: str, network: Network = DIRECT
) -> RefreshingTokens:
    """Return the tokens of a credential with an app, refreshed at `url`."""

    def refresh(refresh_token: SecretStr) -> TokenResponse:
        with open_oauth(credential, url, network) as oauth:
            return oauth.refresh(refresh_token)

    return RefreshingTokens(configured_grant(credential), store, refresh)


def configured_grant(credential: Credential) -> Grant:
    """Return the grant in the project file. Raises ConfigurationError for a token that no header can hold."""
    token = credential.access_token
    return Grant(access_token=sendable_token(token) if token else None, refresh_token=credential.refresh_token)


@contextmanager
def open_oauth(credential: Credential, url: str, network: Network = DIRECT) -> Iterator[OAuth]:
    """Open a connection for the calls for tokens. Raises ConfigurationError without an app."""
    from connector.destinations.tiktok.transport import Transport

    app = app_of(credential)
    if app is None:
        raise ConfigurationError(f"The credential {credential.name} needs app_id and app_secret for this.")
    transport = Transport(url, network=network)
    try:
        yield OAuth(transport, app)
    finally:
        transport.close()


def app_of(credential: Credential) -> App | None:
    """Return the app that a credential names; None if it names none."""
    if credential.app_id is None or credential.app_secret is None:
        return None
    return App(credential.app_id, credential.app_secret, credential.refresh_path or REFRESH_PATH)
