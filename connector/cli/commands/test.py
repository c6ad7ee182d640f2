"""`connector test`: run the project's tests of queries."""

import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.completion import complete_orchestration
from connector.cli.console import GREEN, RED, Level, colour, out, out_json, pluralize, say
from connector.cli.failures import AlreadyPrinted, relative_to_here, reported
from connector.cli.options import TargetOptions
from connector.cli.output import ForceOption, check_output, output_file
from connector.cli.tables import table

if TYPE_CHECKING:
    from connector.api import Project
    from connector.inspection.query_tests import QueryTestReport, QueryTestResult

_JUNIT = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*\?>\s*(?:<!--.*?-->\s*)*<testsuites[\s/>]", re.DOTALL)

NameOrAll = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The orchestration whose tests to run, or a test, as ORCHESTRATION/TEST (default: all).",
        autocompletion=complete_orchestration,
    ),
]


JunitOption = Annotated[
    Path | None,
    typer.Option(
        "--junit", metavar="FILE", help="Also write the results as JUnit XML, for CI; earlier ones are replaced."
    ),
]


RecordOption = Annotated[
    bool,
    typer.Option(
        "--record",
        help="Write a test from the first rows of the orchestration's result, with made-up people.",
    ),
]
RowsOption = Annotated[int, typer.Option("--rows", metavar="N", min=1, max=1000, help="How many rows to record.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="The file of the recorded test: tests/NAME_recorded.yaml."),
]


@reported
def test(
    name: NameOrAll = None,
    junit: JunitOption = None,
    record: RecordOption = False,
    rows: RowsOption = 10,
    output: OutputOption = None,
    force: ForceOption = False,
    *,
    options: TargetOptions,
) -> None:
    """Run the tests of queries in tests/*.yaml on an embedded DuckDB. Sends nothing, and needs no warehouse."""
    from connector.errors import UsageError

    _refuse_unrelated(record=record, junit=junit, output=output)
    project = options.open_project()
    if record:
        _record(project, name, rows, output, force=force, as_json=options.json_output)
        return
    if junit is not None:
        check_output(junit, project.settings, force=force or _is_junit(junit))
    report = project.test(name, on_result=None if options.json_output else _print_result)
    for path in report.ignored:
        say(f"{path} has no tests of queries.")
    if not report.results:
        raise UsageError("There are no tests: write tests/NAME.yaml, or record one with --record NAME.")
    if junit is not None:
        _write_junit(junit, report, project.settings.directory)
    _print_report(report, as_json=options.json_output)


def _refuse_unrelated(*, record: bool, junit: Path | None, output: Path | None) -> None:
    from connector.errors import UsageError

    if record and junit is not None:
        raise UsageError("--junit is for running tests, and --record only writes one: use one of them.")
    if output is not None and not record:
        raise UsageError("-o is for --record. Write results with --junit FILE.")


def _print_report(report: "QueryTestReport", *, as_json: bool) -> None:
    from connector.errors import ConnectorError
    from connector.inspection.query_tests import QueryTestOutcome

    if as_json:
        out_json(_with_relative_files(report.as_json()))
    else:
        out(_summary(report))
    if not report.passed:
        failed = len(report.results) - report.count(QueryTestOutcome.PASSED)
        error = ConnectorError(f"{failed:,} of {pluralize(len(report.results), 'test')} did not pass.")
        raise AlreadyPrinted(error) if as_json else error


def _record(
    project: "Project", name: str | None, rows: int, output: Path | None, *, force: bool, as_json: bool
) -> None:
    from connector.errors import UsageError

    if name is None:
        raise UsageError("--record needs the name of an orchestration: connector test --record NAME")
    path = output or project.settings.config_directory / "tests" / f"{name}_recorded.yaml"
    if name in project.orchestrations:
        if output is None:
            path.parent.mkdir(exist_ok=True)
        check_output(path, project.settings, force=force, is_test=True)
    recorded = project.record_test(name, rows)
    with output_file(path) as sink:
        sink.write(recorded.text.encode())
    if as_json:
        out_json({"file": str(_relative(path)), "rows": recorded.rows, "notes": list(recorded.notes)})
        return
    out(str(_relative(path)))
    for note in recorded.notes:
        say(note, Level.WARNING)
    say(f"{pluralize(recorded.rows, 'row')} recorded, with made-up people. Run it with: connector test {name}")


def _is_junit(path: Path) -> bool:
    """Return whether a file holds results as JUnit XML, which the next results replace."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _JUNIT.match(file.read(4096)) is not None
    except OSError:
        return False


def _write_junit(path: Path, report: "QueryTestReport", directory: Path) -> None:
    from connector.inspection.junit import junit_xml

    with output_file(path) as sink:
        sink.write(junit_xml(report, directory).encode())


def _print_result(result: "QueryTestResult") -> None:
    word = colour(f"{result.outcome.value:<6}", GREEN if result.outcome.value == "passed" else RED)
    out(f"{word}  {result.test.label}  {result.seconds:.2f} s")
    for problem in result.problems:
        out(f"  {relative_to_here(problem)}")
    file = _relative(result.test.file)
    for subject, differences in groupby(result.differences, lambda one: one.subject):
        found = list(differences)
        out(f"  {file}:{found[0].line}: {subject}" if found[0].line else f"  {file}: {subject}")
        rows = [(one.key, f"expected {one.expected}", f"got {one.actual}") for one in found]
        for line in table(rows if found[0].key else [row[1:] for row in rows], indent="    "):
            out(line)


def _with_relative_files(value: Any) -> Any:
    """Return the object with the paths of files relative to the current folder, if they are below it."""
    if isinstance(value, list):
        return [_with_relative_files(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(_relative(Path(item))) if key == "file" and item else _with_relative_files(item)
        for key, item in value.items()
    }


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _counts(report: "QueryTestReport") -> str:
    from connector.inspection.query_tests import QueryTestOutcome

    words = {
        QueryTestOutcome.PASSED: "passed",
        QueryTestOutcome.FAILED: "failed",
        QueryTestOutcome.ERROR: "with an error",
    }
    return ", ".join(f"{count:,} {word}" for outcome, word in words.items() if (count := report.count(outcome)))


def _summary(report: "QueryTestReport") -> str:
    return f"{pluralize(len(report.results), 'test')}: {_counts(report)}, target {report.target}. Nothing was sent."
