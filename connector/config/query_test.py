"""Tests of queries: files in `tests/` with rows to read, and the events, members and excluded rows to expect."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from connector.config.fields import Mapped, Text, accepts, text
from connector.config.nodes import Node
from connector.config.problems import ProblemList
from connector.config.project import Project
from connector.config.project_files import TESTS
from connector.config.settings import Settings, Violation
from connector.config.suggest import did_you_mean
from connector.config.validate_entry import validate_entry
from connector.config.yaml import parse_yaml
from connector.errors import ConfigurationError, Problem, Rule, UsageError

_DAY = re.compile(r"\s*\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1980, 2200
_WITHOUT_TESTS = "The file has no tests: write them under tests, by name, or delete the file."
_MOMENT = "must be a time such as 2026-11-20T06:15:00Z"


@accepts(lambda _: {"type": "string", "pattern": r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"})
def moment(value: object) -> datetime:
    """Validate a time in ISO 8601; without an offset it is in UTC."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(text(value).strip())
    except ValueError:
        raise ValueError(_MOMENT) from None
    if not isinstance(value, datetime) and not _DAY.match(str(value)):
        raise ValueError(_MOMENT)
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError(f"must be a time between {_FIRST_YEAR} and {_LAST_YEAR}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@accepts(lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
def lines(value: object) -> str:
    """Validate the lines of a file: a text of several lines, or a list of them."""
    given = value if isinstance(value, list) else [value]
    parts = [part for part in given if isinstance(part, str)]
    if len(parts) < len(given):
        raise ValueError("must be the lines of the file: a text of several lines (with |), or a list of texts")
    joined = "\n".join(parts)
    return joined if joined.endswith("\n") or not joined else f"{joined}\n"


@accepts(lambda _: {"type": ["array", "object"]})
def table(value: object) -> Any:
    """Validate the rows of a table: a list of mappings, or a mapping with `rows` and `columns`."""
    if not isinstance(value, list | dict):
        raise ValueError("must be a list of rows, as [{column: value}], or a mapping with rows and columns")  # noqa: TRY004
    return value


@accepts(lambda _: {"type": "object", "additionalProperties": {"type": ["array", "object"]}})
def tables(value: object) -> dict[str, Any]:
    """Validate a mapping of tables to their rows."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of tables to their rows")  # noqa: TRY004
    return value


Moment = Annotated[datetime, BeforeValidator(moment)]
Lines = Annotated[str, BeforeValidator(lines)]
Table = Annotated[Any, BeforeValidator(table)]
Tables = Annotated[dict[str, Any], BeforeValidator(tables)]


class _Rows(Settings):
    """The rows to read, and the clock."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    description: Text | None = None
    """A text for people."""
    started_at: Moment | None = None
    """The time at which the run starts: `run.started_at`, `now()` and `current_date` in the query, and the age of
    events. Without an offset, in UTC."""
    last_success_at: Moment | None = None
    """`run.last_success_at` in the query. Without it, there was no run before."""
    parameters: Mapped = Field(default_factory=dict)
    """Values of parameters, in place of those of the orchestration."""
    given: Tables | None = None
    """The tables that the query reads: their names, each with a list of rows, or with `rows` and `columns` (types)."""
    lines: Lines | None = None
    """The lines of the file, for an orchestration with `file`."""
    result: Table | None = None
    """The rows of the query's result, in place of tables: the query is not executed."""


class QueryTestFile(_Rows):
    """A file of tests; what it has beside `tests` holds for all of them."""

    orchestration: Text | None = None
    """The orchestration. Without it, that of the file's name."""
    tests: Mapped
    """The tests by name."""


class ExpectSettings(Settings):
    """The expected outcome of every row."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    events: Annotated[Any, BeforeValidator(lambda value: value)] = None
    """The events to be sent, as parameters and their values, or their number. Without it, they are not compared."""
    members: Annotated[Any, BeforeValidator(lambda value: value)] = None
    """The people of an audience, as identifiers, or their number. Without it, they are not compared."""
    rejects: Mapped = Field(default_factory=dict)
    """Rejected rows by reason: their number, or a list of what they have. Without it, none."""
    skips: Mapped = Field(default_factory=dict)
    """Skipped rows by reason, likewise."""
    warnings: Mapped = Field(default_factory=dict)
    """The number of rows by warning. Without it, none."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse events and members in one test."""
        if values.get("events") is not None and values.get("members") is not None:
            yield "", "has both events and members; an orchestration sends one of them"


class QueryTestSettings(_Rows):
    """A test."""

    expect: Mapped
    """The expected events, members, rejects, skips and warnings."""


@dataclass(frozen=True, slots=True)
class GivenTable:
    """A table of a test."""

    name: str
    node: Node
    rows: Sequence[Node]
    types: Mapping[str, Node] = field(default_factory=dict)
    """The declared types of columns."""


@dataclass(frozen=True, slots=True)
class QueryTest:
    """A test of an orchestration's query, or of its file, and of its data template."""

    name: str
    orchestration: str
    file: Path
    node: Node
    settings: QueryTestSettings
    """Its own settings, completed by those of its file."""
    started_at: datetime
    tables: Sequence[GivenTable]
    """The tables that the query reads."""
    result: GivenTable | None
    """The rows of the result, in place of the tables."""
    expect: Node
    shared: frozenset[str] = frozenset()
    """The names of the tables that stand in the file for all of its tests."""

    @property
    def label(self) -> str:
        """The name by which the command line selects it."""
        return f"{self.orchestration}/{self.name}"

    def problem(self, node: Node, message: str, rule: Rule = Rule.INVALID_VALUE) -> Problem:
        """Return a problem in its file."""
        return Problem(message, self.file, node.line, node.column, rule)


@dataclass(frozen=True, slots=True)
class QueryTests:
    """The tests of a project."""

    tests: Sequence[QueryTest]
    ignored: Sequence[Path] = ()
    """Files that hold something else."""


def load_query_tests(project: Project, name: str | None = None) -> QueryTests:
    """Load the tests of a project, or those of a name: of an orchestration, a file, or a test (`ORCHESTRATION/TEST`).

    Raises ConfigurationError with the problems of all files, UsageError if nothing has the name.
    """
    problems = list(_misnamed(project.config_directory / TESTS))
    tests: list[QueryTest] = []
    ignored: list[Path] = []
    for path in sorted((project.config_directory / TESTS).glob("*.yaml")):
        document, found = parse_yaml(path)
        root = document.root if document else Node({}, 1)
        if document and not found and not _is_test_file(root):
            if root.children() and isinstance(root.value, dict) and path.stem not in project.orchestrations:
                ignored.append(path)
            else:
                problems.append(Problem(_WITHOUT_TESTS, path, 1, 1, Rule.MISSING_KEY))
            continue
        loader = _Loader(project, path)
        tests += loader.tests(root) if document else []
        problems += [*found, *loader.problems.ordered()]
    if problems:
        raise ConfigurationError(problems)
    return QueryTests(_selected(project, tests, name) if name else tests, ignored)


def _misnamed(folder: Path) -> Iterator[Problem]:
    """Yield a problem for each file of tests with another ending."""
    for path in sorted(folder.glob("*.yml")):
        document, _ = parse_yaml(path)
        if document and _is_test_file(document.root):
            yield Problem(f"A file of tests ends in .yaml: rename it to {path.stem}.yaml.", path, 1, 1, Rule.UNREADABLE)


def load_test_file(project: Project, path: Path) -> list[QueryTest]:
    """Load the tests of one file. Raises ConfigurationError."""
    document, problems = parse_yaml(path)
    loader = _Loader(project, path)
    tests = loader.tests(document.root) if document else []
    if problems or loader.problems.items:
        raise ConfigurationError([*problems, *loader.problems.ordered()])
    return tests


def _selected(project: Project, tests: Sequence[QueryTest], name: str) -> list[QueryTest]:
    selected = [test for test in tests if name in {test.orchestration, test.label}]
    selected = selected or [test for test in tests if name in {test.name, test.file.stem}]
    if selected:
        return selected
    if name in project.orchestrations:
        raise UsageError(
            f'There is no test of "{name}": write {TESTS}/{name}.yaml, or have one recorded with --record.'
        )
    names = [*project.orchestrations, *(test.label for test in tests), *(test.name for test in tests)]
    hint = did_you_mean(name, names) or f" The orchestrations are {', '.join(project.orchestrations)}."
    raise UsageError(f'No orchestration and no test has the name "{name}".{hint}')


def _is_test_file(root: Node) -> bool:
    return bool({key for key, _ in root.entries()} & set(QueryTestFile.known_keys()) - {"description"})


class _Loader:
    """Reads one file."""

    def __init__(self, project: Project, path: Path) -> None:
        self.project, self.path = project, path
        self.problems = ProblemList(path)

    def tests(self, root: Node) -> list[QueryTest]:
        """Return the tests of the file."""
        shared = validate_entry(QueryTestFile, root, self.problems, {})
        orchestration = self._orchestration(root)
        tests = root.child("tests")
        if shared is None or tests is None or orchestration is None:
            return []
        if not tests.children():
            self.problems.add(tests, "must be a mapping of the names of tests to the tests")
        found = [self._test(name, node, root, shared, orchestration) for name, node in tests.entries()]
        return [test for test in found if test]

    def _orchestration(self, root: Node) -> str | None:
        node = root.child("orchestration")
        name = str(node.value) if node and node.value is not None else self.path.stem
        names = self.project.orchestrations
        if name in names:
            return name
        if node is None:
            where = f"The file is named after no orchestration: write orchestration: NAME.{did_you_mean(name, names)}"
            self.problems.record(Problem(where, self.path, root.line, root.column, Rule.UNKNOWN_NAME))
        else:
            self.problems.add_absent(node, "orchestration", name, names, "in orchestrations.yaml")
        return None

    def _test(self, name: str, node: Node, root: Node, shared: QueryTestFile, orchestration: str) -> QueryTest | None:
        if not isinstance(node.value, dict):
            self.problems.add(node, "must be a mapping with expect, and given, lines or result")
            return None
        own = validate_entry(QueryTestSettings, node, self.problems, {})
        expect = node.child("expect")
        if own is None or expect is None or validate_entry(ExpectSettings, expect, self.problems, {}) is None:
            return None
        started_at = own.started_at or shared.started_at
        if started_at is None:
            sentence = "lacks started_at, the time at which it runs, such as 2026-11-20T06:15:00Z; the file may have it"
            self.problems.add(node, sentence, rule=Rule.MISSING_KEY)
            return None
        settings = own.model_copy(
            update={
                "last_success_at": own.last_success_at or shared.last_success_at,
                "parameters": {**shared.parameters, **own.parameters},
                "lines": own.lines if own.lines is not None else shared.lines,
            }
        )
        tables, result = self._tables(root, node), self._result(root, node)
        shared_names = frozenset(name for name, _ in _entries(root, "given")) - {
            name for name, _ in _entries(node, "given")
        }
        return QueryTest(
            name, orchestration, self.path, node, settings, started_at, tables, result, expect, shared_names
        )

    def _result(self, root: Node, node: Node) -> GivenTable | None:
        found = node.child("result") or (None if node.child("given") else root.child("result"))
        return self._table("result", found, None) if found else None

    def _tables(self, root: Node, node: Node) -> list[GivenTable]:
        """Return the tables of the file and of the test; those of the test come in place of the file's."""
        shared = dict(_entries(root, "given"))
        own = dict(_entries(node, "given"))
        built = [self._table(name, own.get(name) or shared[name], shared.get(name)) for name in {**shared, **own}]
        return [one for one in built if one]

    def _table(self, name: str, node: Node, shared: Node | None) -> GivenTable | None:
        if not isinstance(node.value, list | dict):
            self.problems.add(node, "must be a list of rows, as [{column: value}], or a mapping with rows and columns")
            return None
        unknown = [child for key, child in node.entries() if key not in {"rows", "columns"}]
        for child in unknown:
            self.problems.add_unknown(child, ("rows", "columns"))
        if unknown:
            return None
        rows = node if isinstance(node.value, list) else node.child("rows")
        types = (node.child("columns") if isinstance(node.value, dict) else None) or (
            shared.child("columns") if shared and isinstance(shared.value, dict) else None
        )
        return self._checked(name, node, rows, types)

    def _checked(self, name: str, node: Node, rows: Node | None, types: Node | None) -> GivenTable | None:
        before = len(self.problems.items)
        if types is not None and not isinstance(types.value, dict):
            self.problems.add(types, "must be a mapping of columns to their types, as {order_id: varchar}")
        for _, kind in types.entries() if types else ():
            if not isinstance(kind.value, str):
                self.problems.add(kind, "must be the name of a type, such as varchar or decimal(18,2)")
        if rows is not None and not isinstance(rows.value, list | None):
            self.problems.add(rows, "must be a list of rows, as [{column: value}]")
        self._refuse_repeated(types)
        children = rows.children() if rows else []
        for row in children:
            self._refuse_repeated(row)
            if not isinstance(row.value, dict):
                self.problems.add(row, "must be a row, as {column: value}")
            elif any(not column.strip() for column, _ in row.entries()):
                self.problems.add(row, "has a column without a name")
        is_empty = not any(row.children() for row in children) and not (types and types.children())
        if is_empty and len(self.problems.items) == before:
            self.problems.add(node, "has neither rows nor columns; write the columns, as columns: {order_id: varchar}")
        if len(self.problems.items) > before:
            return None
        return GivenTable(name, node, children, dict(types.entries()) if types else {})

    def _refuse_repeated(self, columns: Node | None) -> None:
        """Refuse columns that differ in upper and lower case only, which name one column in SQL."""
        names: dict[str, str] = {}
        for name, node in columns.entries() if columns else ():
            first = names.setdefault(name.lower(), name)
            if first != name:
                sentence = f"gives the column {first} a second time, in other letters; keep one of them"
                self.problems.add(node, sentence, rule=Rule.DUPLICATE_KEY)


def _entries(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    child = node.child(key)
    if child is not None:
        yield from child.entries()
