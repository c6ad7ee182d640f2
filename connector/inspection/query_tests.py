"""Tests of queries: stage given rows as a run does, and compare the outcome with the expected one."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from connector.config.project import Project
from connector.config.query_test import QueryTest, load_query_tests
from connector.errors import ConfigurationError, ConnectorError, Problem
from connector.inspection.comparison import Difference, compare
from connector.inspection.expectations import Expectation, read_expectations
from connector.inspection.observation import observe
from connector.ledger.ledger import Ledger, open_ledger
from connector.runs.result import QueryFailed

_NO_COLUMN = re.compile(r"Referenced column|does not have a column named|Column .* not found", re.IGNORECASE)


class QueryTestOutcome(StrEnum):
    """The outcome of a test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It could not be executed."""


@dataclass(frozen=True, slots=True)
class QueryTestResult:
    """A test that was run."""

    test: QueryTest
    seconds: float
    differences: Sequence[Difference] = ()
    problems: Sequence[Problem] = ()
    """Why it could not be executed."""
    rows: int = 0
    """Rows of the result."""

    @property
    def outcome(self) -> QueryTestOutcome:
        """True if it passed."""
        if self.problems:
            return QueryTestOutcome.ERROR
        return QueryTestOutcome.FAILED if self.differences else QueryTestOutcome.PASSED

    def as_json(self) -> dict[str, Any]:
        """Return an entry of `tests` as `connector test --json` prints it."""
        return {
            "orchestration": self.test.orchestration,
            "name": self.test.name,
            "file": str(self.test.file),
            "line": self.test.node.line,
            "outcome": self.outcome.value,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "differences": [difference.as_json() for difference in self.differences],
            "problems": [problem.as_json() for problem in self.problems],
        }


@dataclass(frozen=True, slots=True)
class QueryTestReport:
    """The results of tests."""

    target: str
    results: Sequence[QueryTestResult]
    ignored: Sequence[Path] = ()
    """Files of the folder that hold something else."""

    def count(self, outcome: QueryTestOutcome) -> int:
        """Return the number of tests with an outcome."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def passed(self) -> bool:
        """True if every test passed."""
        return self.count(QueryTestOutcome.PASSED) == len(self.results)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector test --json` prints."""
        return {
            "target": self.target,
            "passed": self.count(QueryTestOutcome.PASSED),
            "failed": self.count(QueryTestOutcome.FAILED),
            "errors": self.count(QueryTestOutcome.ERROR),
            "seconds": round(sum(result.seconds for result in self.results), 3),
            "tests": [result.as_json() for result in self.results],
        }


def run_query_tests(
    project: Project, name: str | None = None, on_result: Callable[[QueryTestResult], None] = lambda _: None
) -> QueryTestReport:
    """Run the tests of a project, of one orchestration, or the one test `ORCHESTRATION/TEST`. Send nothing.

    They need no warehouse, no secret and no state. Raises ConfigurationError with the problems of all files of tests,
    UsageError if nothing has the name.
    """
    project = project.with_stand_ins()
    found = load_query_tests(project, name)
    expectations = read_expectations(project, found.tests)
    with tempfile.TemporaryDirectory(prefix="connector-test-") as folder:
        ledger = open_ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        try:
            results = []
            for test, expectation in zip(found.tests, expectations, strict=True):
                results.append(_run(project, test, expectation, ledger))
                on_result(results[-1])
        finally:
            ledger.close()
    return QueryTestReport(project.target, results, found.ignored)


def _run(project: Project, test: QueryTest, expectation: Expectation, ledger: Ledger) -> QueryTestResult:
    start = time.monotonic()
    try:
        observation = observe(project, test, ledger)
        differences = list(compare(test, expectation, observation))
    except ConnectorError as error:
        problems = list(_problems(project, test, error))
        return QueryTestResult(test, time.monotonic() - start, problems=problems)
    return QueryTestResult(test, time.monotonic() - start, differences, rows=observation.read)


def _problems(project: Project, test: QueryTest, error: ConnectorError) -> Iterator[Problem]:
    if isinstance(error, ConfigurationError):
        yield from error.problems
    elif isinstance(error, QueryFailed):
        advice = _advice(error.message, project.orchestration(test.orchestration).sql_dialect or "duckdb")
        yield replace(error.problem, message=f"{error.problem.message}{advice}")
    else:
        yield test.problem(test.node, error.message)


def _advice(message: str, dialect: str) -> str:
    """Return what to do about a query that DuckDB refuses."""
    if _NO_COLUMN.search(message):
        return " If the table has the column, write it in its rows, or under columns."
    if dialect == "duckdb":
        return ""
    return (
        f" The query was translated from {dialect} to DuckDB. If DuckDB cannot do what it does, give the rows of its "
        "result, under result."
    )
