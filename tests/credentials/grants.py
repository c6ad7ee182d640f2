"""A project whose credential is an app with a grant, and a simulator that knows nothing but what it gave itself."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from connector.config.credential import Credential
from connector.destinations.tiktok.endpoint import refreshing_tokens
from connector.destinations.tiktok.token_refresh import RefreshingTokens
from connector.destinations.tiktok.token_store import TokenFile
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator
from connector.simulator.strictness import parse_strictness
from tests.cli.shop import GOOD, NAME, Shop, shop

APP, SECRET, REFRESH, CODE = "7100000000000000001", "app-secret-9f31", "refresh-token-77aa", "auth-code-55cc"
STARTING = "access-token-12de"
TRACK, REFRESHING = "/open_api/v1.3/event/track/", "/open_api/v1.3/oauth2/refresh_token/"
APP_ONLY = {"app_id": APP, "app_secret": SECRET}
GRANT = {**APP_ONLY, "refresh_token": REFRESH}
__all__ = ["NAME"]


@contextmanager
def simulating(*faults: str, strictness: Iterable[str] = (), refresh: str | None = REFRESH) -> Iterator[Simulator]:
    """A simulator that takes only what it gave; `refresh` is a refresh token that it gave before."""
    simulator = Simulator(faults=map(parse, faults), strictness=parse_strictness(strictness), tokens=[STARTING])
    if refresh:
        accounts = simulator.world.accounts
        accounts.refresh_tokens[refresh] = type(accounts.resolve_token(STARTING))()
    with simulator:
        yield simulator


def selling(
    directory: Path, url: str, credential: dict[str, Any] = GRANT, *, rows: int = 20, **destination: Any
) -> Shop:
    """A project with so many good events."""
    made = shop(directory, url, GOOD.format(rows=rows), destination=destination)
    rewrite(made, credential)
    return made


def rewrite(made: Shop, credential: dict[str, Any]) -> None:
    """The credential is written otherwise."""
    settings = yaml.safe_load(made.settings.read_text())
    made.settings.write_text(yaml.safe_dump({**settings, "credentials": {"tiktok": credential}}))


@dataclass(frozen=True)
class Folder:
    """The folder of tokens."""

    made: Shop

    @property
    def file(self) -> Path:
        """The one file with a grant."""
        (found,) = (self.made.state / "tokens").glob("*.json")
        return found

    @property
    def kept(self) -> dict[str, Any]:
        """What is in it."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found


def credential(**given: str) -> Credential:
    """The credential `tiktok`; without anything given, an app with a refresh token."""
    return Credential.model_validate({"name": "tiktok", **(given or GRANT)})


def tokens_in(state: Path, url: str, given: Credential | None = None, **options: Any) -> RefreshingTokens:
    """The grant as one process has it."""
    given = given or credential()
    tokens = refreshing_tokens(given, TokenFile(state, given, url), url)
    for name, value in options.items():
        setattr(tokens, f"_{name}", value)
    return tokens


def plain(token: SecretStr) -> str:
    """The token itself."""
    return token.get_secret_value()
