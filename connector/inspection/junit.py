"""Results of tests of queries as JUnit XML, which CI systems show."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from connector.inspection.query_tests import QueryTestOutcome, QueryTestReport, QueryTestResult

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: QueryTestReport, directory: Path) -> str:
    """Return a suite for each orchestration, with a case for each test; files are relative to the project folder."""
    suites: dict[str, list[QueryTestResult]] = {}
    for result in report.results:
        suites.setdefault(result.test.orchestration, []).append(result)
    body = "".join(_suite(name, results, directory) for name, results in suites.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{_counts(report.results)}>\n{body}</testsuites>\n'


def _suite(name: str, results: list[QueryTestResult], directory: Path) -> str:
    cases = "".join(_case(result, directory) for result in results)
    return f"  <testsuite name={_attribute(name)}{_counts(results)}>\n{cases}  </testsuite>\n"


def _counts(results: Sequence[QueryTestResult]) -> str:
    failures = sum(result.outcome is QueryTestOutcome.FAILED for result in results)
    errors = sum(result.outcome is QueryTestOutcome.ERROR for result in results)
    seconds = sum(result.seconds for result in results)
    return f' tests="{len(results)}" failures="{failures}" errors="{errors}" time="{seconds:.3f}"'


def _case(result: QueryTestResult, directory: Path) -> str:
    test = result.test
    file = str(_relative(test.file, directory))
    attributes = (
        f"name={_attribute(test.name)} classname={_attribute(test.orchestration)} file={_attribute(file)} "
        f'line="{test.node.line}" time="{result.seconds:.3f}"'
    )
    if result.outcome is QueryTestOutcome.PASSED:
        return f"    <testcase {attributes}/>\n"
    element = "error" if result.problems else "failure"
    problems = [replace(one, file=one.file and _relative(one.file, directory)) for one in result.problems]
    lines = [*map(str, problems), *(one.sentence for one in result.differences)]
    message = _attribute("\n".join(lines))
    return f"    <testcase {attributes}>\n      <{element} message={message}/>\n    </testcase>\n"


def _relative(path: Path, directory: Path) -> Path:
    return path.relative_to(directory) if path.is_relative_to(directory) else path


def _attribute(text: str) -> str:
    return quoteattr(_NOT_IN_XML.sub("\ufffd", text), {"\n": "&#10;"})
