"""Report the status of credentials: their kind, their source, and when they expire."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.config.credential import Credential
from connector.config.network import DIRECT, Network
from connector.config.project import Project
from connector.destinations.tiktok.endpoint import app_of, configured_grant, grant_store
from connector.destinations.tiktok.settings import TIKTOK
from connector.destinations.tiktok.token_store import Grant, GrantStore
from connector.errors import UsageError


@dataclass(frozen=True, slots=True)
class Access:
    """A credential, and the target and address for which its grant is valid."""

    credential: Credential
    target: str
    api_url: str
    store: GrantStore
    network: Network = DIRECT


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """The status of a credential, without any part of a secret. Times are in UTC."""

    credential: str
    target: str
    api_url: str
    kind: str
    """`long_term` (never refreshed), `refreshed` or `none`."""
    source: str | None
    """`project file`, `login`, `refresh` or None."""
    kept_at: datetime | None
    expires_at: datetime | None
    refreshed_at: datetime | None
    refresh_expires_at: datetime | None
    unfinished_refresh: datetime | None
    """The start of a refresh whose result was never recorded."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields in order, times as ISO 8601."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def access_of(project: Project, name: str) -> Access:
    """Return the credential under the project's target. Raises ConfigurationError; UsageError for several addresses."""
    credential, urls = project.credential(name), project.api_urls(name) or (TIKTOK,)
    if len(urls) > 1:
        raise UsageError(
            f"{name} is used at {' and '.join(urls)} (target {project.target}): a grant is good at one of them. "
            "Name a credential of its own for each, or choose a target."
        )
    networks = project.networks(name) or (DIRECT,)
    if len(networks) > 1:
        raise UsageError(
            f"{name} is used by destinations with different proxy or ca_file (target {project.target}). Write the same "
            "for all of them, or choose a target."
        )
    store = grant_store(project, credential, urls[0])
    return Access(credential, project.target, urls[0], store, networks[0])


def credential_status(access: Access) -> CredentialStatus:
    """Return the status of a credential on this machine. Raises AuthorisationError for an unreadable grant."""
    credential, stored = access.credential, access.store.read() if app_of(access.credential) else None
    configured = configured_grant(credential)
    grant = stored or configured
    return CredentialStatus(
        credential=credential.name,
        target=access.target,
        api_url=access.api_url,
        kind=_kind(grant, refreshable=app_of(credential) is not None),
        source=_source(stored, configured),
        kept_at=grant.kept_at,
        expires_at=grant.expires_at,
        refreshed_at=grant.refreshed_at,
        refresh_expires_at=grant.refresh_expires_at,
        unfinished_refresh=grant.begun_at,
    )


def _kind(grant: Grant, *, refreshable: bool) -> str:
    if grant.refresh_token and refreshable:
        return "refreshed"
    return "long_term" if grant.access_token else "none"


def _source(stored: Grant | None, configured: Grant) -> str | None:
    if stored and stored.kept_at:
        return "refresh" if stored.refreshed_at else "login"
    return "project file" if configured.access_token or configured.refresh_token else None
