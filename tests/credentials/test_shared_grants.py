"""Machines that share a ledger share a grant: one refreshes it, and the ledger shows it to nobody else."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from pydantic import SecretStr

from connector.config.credential import Credential
from connector.config.project import load_project
from connector.destinations.tiktok import token_ledger
from connector.destinations.tiktok.endpoint import grant_store, refreshing_tokens
from connector.destinations.tiktok.token_ledger import LedgerGrant
from connector.destinations.tiktok.token_refresh import RefreshingTokens
from connector.destinations.tiktok.token_store import Grant, TokenFile, UndecryptableGrant
from connector.errors import AuthorisationError
from connector.ledger.ledger import open_ledger
from connector.simulator.server import Simulator
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop
from tests.credentials.grants import APP_ONLY, CODE, GRANT, REFRESHING, credential, plain, selling, simulating
from tests.postgres import Postgres

API = "https://business-api.tiktok.com"
ENGINES = {"cluster": {"type": "ray", "stage": "s3://bucket/connector"}}
KEPT = Grant(SecretStr("kept-token-a1"), SecretStr("kept-refresh-b2"), advertiser_ids=("1",))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulating() as started:
        yield started


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A new ledger."""
    url = postgres.new_database()
    open_ledger(url).close()
    return url


def machine(folder: Path, simulator: Simulator, ledger: str, given: dict[str, Any] = GRANT, **top: Any) -> Shop:
    """A project folder of a machine of an engine."""
    made = selling(folder, simulator.url, given, rows=20)
    settings = {**yaml.safe_load(made.settings.read_text()), "ledger": ledger, "engines": ENGINES, **top}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def store_of(url: str, state: Path, given: Credential | None = None) -> LedgerGrant:
    given = given or credential()
    return LedgerGrant(url, given, TokenFile(state, given, API))


def tokens_of_a_machine(url: str, state: Path, simulator: Simulator) -> RefreshingTokens:
    return refreshing_tokens(credential(), store_of(url, state), simulator.url)


def stored_bytes(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        return b"".join(row[0] for row in connection.execute("SELECT sealed FROM grants").fetchall())


def test_a_machine_uses_the_grant_that_another_refreshed(simulator: Simulator, url: str, tmp_path: Path) -> None:
    here, there = (machine(tmp_path / name, simulator, url) for name in ("here", "there"))
    assert inside("run", NAME, "--json", project=here.directory).json["status"] == "completed"
    again = inside("run", NAME, "--json", project=there.directory).json
    assert (again["status"], again["rows"]["skipped"]) == ("completed", 20)
    assert simulator.tally.endpoints[REFRESHING] == 1
    status = inside("auth", "status", "tiktok", "--json", project=there.directory).json
    assert (status["kind"], status["source"]) == ("refreshed", "refresh")
    assert list(tmp_path.rglob("tokens/*.json")) == []


def test_machines_that_find_no_token_at_once_refresh_it_once(url: str, tmp_path: Path) -> None:
    with simulating("slow:path=/oauth2/refresh_token/,seconds=0.3") as simulator:
        machines = [tokens_of_a_machine(url, tmp_path / str(number), simulator) for number in range(4)]
        with ThreadPoolExecutor(4) as threads:
            tokens = list(threads.map(lambda tokens: plain(tokens.current()), machines))
        assert len(set(tokens)) == 1
        assert simulator.tally.endpoints[REFRESHING] == 1


def test_the_ledger_has_no_token_that_can_be_read(url: str, tmp_path: Path) -> None:
    store = store_of(url, tmp_path)
    with store.locked():
        store.write(KEPT)
    assert store.read() == KEPT
    stored = stored_bytes(url)
    assert stored
    assert not any(secret in stored for secret in (b"kept-token-a1", b"kept-refresh-b2", b"access_token"))
    first = stored
    store.write(KEPT)
    assert stored_bytes(url) != first


def test_a_grant_that_was_moved_to_another_credential_or_changed_is_not_taken(url: str, tmp_path: Path) -> None:
    ours, other = store_of(url, tmp_path), store_of(url, tmp_path, credential(**{**GRANT, "refresh_token": "another"}))
    moved = b"UPDATE grants SET sealed = other.sealed FROM grants AS other WHERE other.key <> grants.key"
    changed = b"UPDATE grants SET sealed = sealed || decode('00', 'hex')"
    for statement in (moved, changed):
        other.write(KEPT)
        ours.write(KEPT)
        with psycopg.connect(url) as connection:
            connection.execute(statement)
        with pytest.raises(UndecryptableGrant):
            ours.read()


def test_another_secret_of_the_app_decrypts_nothing_until_somebody_logs_in(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    made = machine(tmp_path / "here", simulator, url, {**APP_ONLY, "app_secret": "an-earlier-secret"})
    project = load_project(made.directory, {})
    grant_store(project, project.credential("tiktok"), simulator.url).write(KEPT)
    changed = machine(tmp_path / "there", simulator, url, APP_ONLY)
    refused = inside("run", NAME, project=changed.directory)
    assert refused.code == 1
    assert "was encrypted with another app_secret. Put that one back, or authorise again" in refused.stderr
    logged_in = inside("auth", "login", "tiktok", "--code", CODE, project=changed.directory)
    assert logged_in.code == 0, logged_in.stderr
    assert inside("run", NAME, "--json", project=changed.directory).json["status"] == "completed"


def test_the_grant_of_a_machine_from_before_is_copied_to_all(url: str, tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "here", credential(), API)
    with file.locked():
        file.write(KEPT)
    assert store_of(url, tmp_path / "there").read() is None
    assert store_of(url, tmp_path / "here").read() == KEPT
    assert store_of(url, tmp_path / "there").read() == KEPT
    newer = replace(KEPT, access_token=SecretStr("newer"))
    store_of(url, tmp_path / "there").write(newer)
    assert store_of(url, tmp_path / "here").read() == newer


def test_a_machine_that_waits_too_long_for_another_says_so(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_of(url, tmp_path / "here").locked():
        monkeypatch.setattr(token_ledger, "LOCK_SECONDS", 1)
        with pytest.raises(AuthorisationError, match="cannot be read or stored: .*lock timeout") as raised:
            with store_of(url, tmp_path / "there").locked():
                raise AssertionError
    assert raised.value.is_temporary
    with store_of(url, tmp_path / "there").locked():
        assert store_of(url, tmp_path / "there").read() is None


def test_without_the_package_that_encrypts_it_a_shared_grant_is_refused(
    simulator: Simulator, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = machine(tmp_path / "here", simulator, url)
    for name in [name for name in sys.modules if name.startswith("cryptography")] + ["cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    refused = inside("run", NAME, project=made.directory)
    assert refused.code == 2
    assert "encrypting it needs cryptography: pip install 'sql-to-tiktok[ray]'." in refused.stderr


@pytest.mark.parametrize(("engines", "ledger", "given"), [
    ({}, "postgresql://h/db", GRANT),
    (ENGINES, "sqlite:///l.sqlite", GRANT),
    (ENGINES, "postgresql://h/db", {"access_token": "long-term"}),
])  # fmt: skip
def test_a_grant_that_no_other_machine_uses_stays_in_a_file(
    simulator: Simulator, tmp_path: Path, engines: dict[str, Any], ledger: str, given: dict[str, Any]
) -> None:
    project = load_project(machine(tmp_path / "here", simulator, ledger, given, engines=engines).directory, {})
    assert isinstance(grant_store(project, project.credential("tiktok"), simulator.url), TokenFile)


def test_a_ledger_that_is_away_is_a_failure_for_the_moment(tmp_path: Path) -> None:
    with pytest.raises(AuthorisationError, match="The grant of the credential tiktok cannot be read") as raised:
        store_of("postgresql://postgres@127.0.0.1:1/none", tmp_path).read()
    assert raised.value.is_temporary
