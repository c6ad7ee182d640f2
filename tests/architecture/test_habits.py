"""What no module does."""

import pytest

from connector.core.hashed_rows import HashedRows
from tests.architecture.modules import ROOT, modules, parsed, paths

PRINTING = {"print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
COMMANDS = "connector/cli/"
MOCKS = ("unittest.mock", "mock", "pytest_mock")


LIBRARY = [path for path in paths() if not path.startswith(COMMANDS)]


@pytest.mark.parametrize("path", LIBRARY)
def test_only_the_command_line_prints(path: str) -> None:
    module = parsed(path)
    assert PRINTING & (module.names | module.imports) == set()


def test_only_the_transform_makes_hashed_rows() -> None:
    assert {one.room for one in modules() if HashedRows.__name__ in one.calls} == {"transform"}


@pytest.mark.parametrize(("room", "users"), [("sources", {"runs", "reporting"}), ("files", {"runs"})])
def test_only_runs_open_what_hands_out_rows_as_they_are(room: str, users: set[str]) -> None:
    """`runs export` writes to a warehouse, for which it looks up its driver in `sources`."""
    importing = {one.room for one in modules() if any(name.startswith(f"connector.{room}") for name in one.imports)}
    assert importing - {room} == users


def test_no_test_uses_mocks() -> None:
    tests = [*modules(ROOT / "tests"), *modules(ROOT / "benchmarks")]
    assert [one.path for one in tests if any(name.startswith(MOCKS) for name in one.imports)] == []


def test_duckdb_is_opened_in_one_place_which_keeps_it_from_downloading_extensions() -> None:
    assert [one.path for one in modules() if "duckdb.connect" in one.names] == ["connector/core/duckdb_connection.py"]
