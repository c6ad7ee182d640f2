"""Pytest plugin of `make mutants`: name the test that runs in the coverage data, and report failures without shrinking.

Coverage is started by its own `.pth` file in every process that has COVERAGE_PROCESS_START. A process that a test starts
takes its context from PYTEST_CURRENT_TEST.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest
from hypothesis import Phase, settings

RESULTS = "MUTANTS_RESULTS"
"""Names the environment variable with the file of results: one JSON list (test, seconds, passed) a line."""
TESTS = "MUTANTS_TESTS"
"""Names the environment variable with the file of the tests that run, a JSON list in their order."""

PROFILE = "mutants"
_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Skip Hypothesis's shrink phase: a failing example is enough."""
    settings.register_profile(PROFILE, phases=[Phase.explicit, Phase.generate], database=None)
    settings.load_profile(PROFILE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that are named, in their order."""
    if TESTS in os.environ:
        order = {test: place for place, test in enumerate(json.loads(Path(os.environ[TESTS]).read_text()))}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record the lines that run during a test under its name."""
    current = coverage.Coverage.current()
    if current is not None:
        current.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Append a test's time and result to the file of results, in the process that distributes the tests."""
    test = report.nodeid
    _seconds[test] = _seconds.get(test, 0.0) + report.duration
    if not report.passed:
        _failed.add(test)
    if report.when == "teardown" and "PYTEST_XDIST_WORKER" not in os.environ and RESULTS in os.environ:
        with Path(os.environ[RESULTS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([test, _seconds[test], test not in _failed]) + "\n")


def pytest_sessionfinish() -> None:
    """Save the coverage data: a worker of xdist ends without its exit handlers."""
    current = coverage.Coverage.current()
    if current is not None:
        current.save()
