"""A ledger that cannot be used: one sentence, exit code 1, no stack trace, no password."""

import re
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from connector.ledger.ledger import open_ledger
from connector.ledger.tables import SCHEMA_VERSION, schema_version
from tests.cli.command import ROOT, Outcome, connector, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.ledger.runs import writing
from tests.postgres import Postgres

PASSWORD = "opensesame"
NOT_A_LEDGER = re.escape("Invalid URL in `ledger`: use a file (sqlite:///PATH) or PostgreSQL (postgresql://…).")
NOT_KNOWN = "Invalid URL in `ledger`: use sqlite:///PATH or postgresql://…"


@pytest.fixture
def project(tmp_path: Path) -> Shop:
    """A project whose query gives two events."""
    return shop(tmp_path / "shop", "simulator", GOOD.format(rows=2))


def with_ledger(project: Shop, url: str) -> Shop:
    """The same project with its ledger there."""
    settings = yaml.safe_load(project.settings.read_text())
    project.settings.write_text(yaml.safe_dump({**settings, "ledger": url}))
    return project


def refused(done: Outcome, code: int = 1) -> str:
    """The sentence with which the command ended."""
    assert done.code == code
    assert PASSWORD not in done.stdout + done.stderr
    return done.sentence


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"postgresql://user:{PASSWORD}@host:port/x", NOT_KNOWN),
        (f"postgresql+nothing://user:{PASSWORD}@host/x", NOT_KNOWN),
        (f"mysql://user:{PASSWORD}@host/x", NOT_A_LEDGER),
        (f"nothing://user:{PASSWORD}@host/x", NOT_A_LEDGER),
        ("sqlite://", NOT_A_LEDGER),
        ("sqlite:///", NOT_A_LEDGER),
        ("sqlite:///:memory:", NOT_A_LEDGER),
        ("sqlite:///file:l.sqlite?uri=true", NOT_A_LEDGER),
        (f"postgresql://user:{PASSWORD}@127.0.0.1:1/x", "The ledger could not be read: .*Connection refused"),
        ("sqlite:///orchestrations.yaml", "The ledger could not be read: file is not a database"),
        (
            "sqlite:///orchestrations.yaml/x.sqlite",
            "The ledger could not be opened: '.*orchestrations.yaml' cannot be written .*",
        ),
        ("sqlite:///queries", "The ledger could not be read: unable to open database file"),
    ],
)
def test_a_url_that_leads_nowhere(project: Shop, url: str, sentence: str) -> None:
    done = inside("run", NAME, project=with_ledger(project, url).directory)
    assert re.fullmatch(sentence, refused(done, 2 if sentence in {NOT_KNOWN, NOT_A_LEDGER} else 1))


@pytest.mark.parametrize("command", [["runs"], ["resume"], ["plan", NAME], ["retry", "x"], ["rejects", "x"]])
def test_every_command_says_so(project: Shop, command: list[str]) -> None:
    project = with_ledger(project, "sqlite:///orchestrations.yaml")
    assert refused(inside(*command, project=project.directory)).startswith("The ledger could not be read: ")


def test_a_database_or_a_user_that_is_not_there(project: Shop, postgres: Postgres) -> None:
    url = postgres.named("nowhere").replace("postgres@", f"postgres:{PASSWORD}@")
    assert "nowhere" in refused(inside("run", NAME, project=with_ledger(project, url).directory))
    url = postgres.url.replace("postgres@", f"nobody:{PASSWORD}@")
    assert "nobody" in refused(inside("run", NAME, project=with_ledger(project, url).directory))


def test_the_driver_is_missing(project: Shop, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "psycopg.py").write_text('raise ModuleNotFoundError("No module named psycopg", name="psycopg")')
    project = with_ledger(project, f"postgresql://user:{PASSWORD}@127.0.0.1:1/x")
    done = connector("runs", project=project.directory, environ={"PYTHONPATH": f"{missing}:{ROOT}"})
    assert refused(done) == "The ledger needs psycopg: pip install 'sql-to-tiktok[postgres]'."


def test_a_ledger_of_a_newer_version(project: Shop) -> None:
    with open_ledger(f"sqlite:///{project.state / 'ledger.sqlite'}") as ledger, writing(ledger) as connection:
        connection.execute(update(schema_version).values(version=SCHEMA_VERSION + 1))
    assert refused(inside("run", NAME, project=project.directory)) == (
        f"The ledger has schema version {SCHEMA_VERSION + 1}, but this connector supports versions up to "
        f"{SCHEMA_VERSION}: update the connector."
    )


def test_with_json_it_is_an_object(project: Shop) -> None:
    done = inside("run", NAME, "--json", project=with_ledger(project, "sqlite:///queries").directory)
    assert done.code == 1
    assert set(done.json) == {"error"}
