"""Two nodes of Ray and what runs on them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.tiktok import TikTok, serving
from tests.cluster.inline import Inline, run_inline
from tests.cluster.nodes import QUIET, Nodes, nodes
from tests.cluster.spread import Spread, spread
from tests.postgres import Postgres


@pytest.fixture(scope="session", name="nodes")
def two_nodes() -> Iterator[Nodes]:
    """Two nodes of one core each for all tests of this process; a test that ends one starts another."""
    with nodes() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _environment_of_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of every command, which talks to those nodes."""
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    """A server in place of TikTok, which keeps every request."""
    with serving() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, nodes: Nodes, postgres: Postgres, tiktok: TikTok) -> Callable[..., Spread]:
    """Write a project: see `spread` for the arguments, of which the query is the first."""
    return lambda query, **further: spread(tmp_path, nodes, postgres.new_database(), tiktok, query, **further)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """The engine of all projects, without machines."""
    return run_inline(monkeypatch)


@pytest.fixture
def inline_project(tmp_path: Path, inline: Inline, postgres: Postgres, tiktok: TikTok) -> Callable[..., Spread]:
    """Write a project as `project` does, whose tasks run in this process: quicker, for what does not depend on Ray."""
    nowhere = Nodes(tmp_path, 1, {})
    return lambda query, **further: spread(
        tmp_path, nowhere, postgres.new_database(), tiktok, query, is_inline=True, **further
    )
