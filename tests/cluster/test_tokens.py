"""A cluster that asks for a token, and one that asks for none; with the stage in an object store."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.cli.tiktok import TikTok
from tests.cluster.nodes import QUIET, Nodes, nodes
from tests.cluster.spread import Spread, assert_equal, spread
from tests.cluster.test_equal import ALL, begun, built, in_one
from tests.files.servers import BUCKET, Server, s3
from tests.postgres import Postgres

TOKEN, WRONG = token_hex(32), token_hex(32)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3(tmp_path_factory.mktemp("bucket")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(bucket: Server) -> Iterator[Nodes]:
    """A node that asks for the token, and has access to the bucket."""
    environ = {**QUIET, **bucket.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    with nodes(environ, count=1) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bucket: Server) -> None:
    """Drivers with neither a token nor a mode."""
    monkeypatch.delenv("RAY_AUTH_MODE")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in bucket.environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def made(tmp_path: Path, guarded: Nodes, postgres: Postgres, tiktok: TikTok) -> Spread:
    return built(lambda query, **further: spread(tmp_path, guarded, postgres.new_database(), tiktok, query, **further))


def test_whoever_has_the_token_needs_no_mode(made: Spread, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    one = in_one(made, postgres.new_database())
    begun(made, postgres.new_database())
    made.change_engine(stage=f"s3://{BUCKET}/stage")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    assert_equal(one, made.result(merge_in_tasks=True))


@pytest.mark.parametrize("token", [WRONG, None], ids=["wrong", "none"])
def test_whoever_has_not_is_told(made: Spread, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    made.shop.query.write_text(ALL)
    outcome = made.run()
    assert outcome.code == 1
    assert 'The engine "cluster" cannot be reached at' in outcome.json["error"]
    assert "it asks for a token" in outcome.json["error"]
    assert TOKEN not in outcome.stdout + outcome.stderr
    assert not made.tiktok.requests


def test_a_token_that_nobody_asks_for_does_no_harm(
    nodes: Nodes, tmp_path: Path, postgres: Postgres, tiktok: TikTok, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    made = built(lambda query, **further: spread(tmp_path, nodes, postgres.new_database(), tiktok, query, **further))
    one = in_one(made, postgres.new_database())
    begun(made, postgres.new_database())
    assert_equal(one, made.result())
