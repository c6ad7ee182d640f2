"""Credentials as they stand: what they are, where they come from, until when they hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.config.addresses import TIKTOK
from connector.config.credential import Credential
from connector.config.network import DIRECT, Network
from connector.config.project import Project
from connector.destinations.tiktok.endpoint import app_of, as_written
from connector.destinations.tiktok.token_store import Grant, TokenFile
from connector.errors import UsageError


@dataclass(frozen=True, slots=True)
class Access:
    """A credential, and where its grant counts."""

    credential: Credential
    target: str
    api_url: str
    file: TokenFile
    network: Network = DIRECT


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """What is known of a credential; no secret, not even a part of one. Times are in UTC.

    `kind` is `long_term` (nothing refreshes it), `refreshed` or `none`; `source` is `project file`, `login`, `refresh`
    or None. `unfinished_refresh` is when a refresh began of which nobody heard how it ended.
    """

    credential: str
    target: str
    api_url: str
    kind: str
    source: str | None
    kept_at: datetime | None
    expires_at: datetime | None
    refreshed_at: datetime | None
    refresh_expires_at: datetime | None
    unfinished_refresh: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The names in their order; times as ISO 8601."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in found.items()}


def access_of(project: Project, name: str) -> Access:
    """The credential under the project's target. Raises ConfigurationError; UsageError for several addresses."""
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
    file = TokenFile(project.state_directory, credential, urls[0])
    return Access(credential, project.target, urls[0], file, networks[0])


def standing(access: Access) -> CredentialStatus:
    """How a credential stands, as far as this machine knows. Raises AuthorisationError for an unreadable file."""
    credential, kept = access.credential, access.file.read() if app_of(access.credential) else None
    written = as_written(credential)
    now = kept or written
    return CredentialStatus(
        credential=credential.name,
        target=access.target,
        api_url=access.api_url,
        kind=_kind(now, refreshable=app_of(credential) is not None),
        source=_source(kept, written),
        kept_at=now.kept_at,
        expires_at=now.expires_at,
        refreshed_at=now.refreshed_at,
        refresh_expires_at=now.refresh_expires_at,
        unfinished_refresh=now.begun_at,
    )


def _kind(kept: Grant, *, refreshable: bool) -> str:
    if kept.refresh_token and refreshable:
        return "refreshed"
    return "long_term" if kept.access_token else "none"


def _source(kept: Grant | None, written: Grant) -> str | None:
    if kept and kept.kept_at:
        return "refresh" if kept.refreshed_at else "login"
    return "project file" if written.access_token or written.refresh_token else None
