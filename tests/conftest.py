"""Services that tests of several packages need."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from tests.crash.scene import Launcher, launching
from tests.hypothesis_settings import is_thorough, load_profile
from tests.postgres import Postgres, postgres
from tests.snowflake.account import Account, snowflake_account
from tests.statements import share_compiled_statements


def pytest_configure(config: pytest.Config) -> None:
    """Draw all examples of long properties in `make thorough`."""
    load_profile(config.option.markexpr)
    share_compiled_statements()
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but never look through what stays: the modules and thousands of tests."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", name="postgres")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; a test makes a database of its own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session", name="snowflake")
def snowflake_stand_in() -> Iterator[Account]:
    """One stand-in for Snowflake for all tests of this process."""
    with snowflake_account() as account:
        yield account


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """One process that starts commands and kills them, for all tests of this process."""
    with launching() as process:
        yield process


ROOT = Path(__file__).parent
EVERY_NTH = {
    "audiences/test_corrupt_stage.py": 3,
    "audiences/test_doubtful.py": 3,
    "audiences/test_rivals.py": 2,
    "cases/test_identity.py": 3,
    "cli/test_nothing_sent.py": 2,
    "cli/test_unused_parameters.py": 2,
    "files/test_variants.py": 2,
}
"""Long tables of neighbours, each case of which takes a process, a file or a compiled query: `make test` takes every nth
case of each test, CI and `make thorough` the others too."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark all but every nth case of a test in EVERY_NTH as thorough, and properties where all examples are drawn."""
    seen: Counter[str] = Counter()
    for item in items:
        if is_thorough() and is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.thorough)
        name = item.nodeid.partition("[")[0]
        nth = EVERY_NTH.get(item.path.relative_to(ROOT).as_posix(), 1)
        if seen[name] % nth:
            item.add_marker(pytest.mark.thorough)
        seen[name] += 1
