"""What no module does."""

import pytest

from connector.hashed import HashedRows
from tests.architecture.modules import ROOT, Module, calls, modules

PRINTING = {"print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
COMMANDS = "connector/cli/"
MOCKS = ("unittest.mock", "mock", "pytest_mock")


LIBRARY = [module for module in modules() if not module.path.startswith(COMMANDS)]


@pytest.mark.parametrize("module", LIBRARY, ids=lambda module: module.path)
def test_only_the_command_line_prints(module: Module) -> None:
    assert PRINTING & {*module.names(), *module.imports()} == set()


def test_only_the_transform_makes_hashed_rows() -> None:
    assert {one.room for one in modules() if HashedRows.__name__ in calls(one)} == {"transform"}


@pytest.mark.parametrize("room", ["sources", "files"])
def test_only_the_pipeline_opens_what_hands_out_rows_as_they_are(room: str) -> None:
    importing = {one.room for one in modules() if any(name.startswith(f"connector.{room}") for name in one.imports())}
    assert importing - {room} == {"pipeline"}


def test_no_test_uses_mocks() -> None:
    tests = [*modules(ROOT / "tests"), *modules(ROOT / "benchmarks")]
    assert [one.path for one in tests if any(name.startswith(MOCKS) for name in one.imports())] == []
