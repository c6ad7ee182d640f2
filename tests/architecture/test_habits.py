"""What no module does."""

import pytest
from _pytest.mark import ParameterSet

from connector.hashed import HashedRows
from tests.architecture.modules import ROOT, Module, calls, modules

PRINTING = {"print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
COMMANDS = ("connector/cli/", "connector/simulator/process.py")
MOCKS = ("unittest.mock", "mock", "pytest_mock")


LIBRARY = [module for module in modules() if not module.path.startswith(COMMANDS)]
KNOWN = {"connector/pipeline/rejects.py": "takes stdout by itself instead of being given it by the command"}


def marked(module: Module) -> ParameterSet:
    """A module as a case; a known fault is to be taken off the list as soon as it is mended."""
    faults = [pytest.mark.xfail(strict=True, reason=KNOWN[module.path])] if module.path in KNOWN else []
    return pytest.param(module, id=module.path, marks=faults)


@pytest.mark.parametrize("module", [marked(module) for module in LIBRARY])
def test_only_the_command_line_prints(module: Module) -> None:
    assert PRINTING & {*module.names(), *module.imports()} == set()


def test_only_the_transform_makes_hashed_rows() -> None:
    assert {one.room for one in modules() if HashedRows.__name__ in calls(one)} == {"transform"}


def test_only_the_pipeline_opens_a_source() -> None:
    importing = {one.room for one in modules() if any(name.startswith("connector.sources") for name in one.imports())}
    assert importing - {"sources"} == {"pipeline"}


def test_no_test_uses_mocks() -> None:
    tests = [*modules(ROOT / "tests"), *modules(ROOT / "benchmarks")]
    assert [one.path for one in tests if any(name.startswith(MOCKS) for name in one.imports())] == []
