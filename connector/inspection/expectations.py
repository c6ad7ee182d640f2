"""Expectations of a test of a query: events or members by their parameters, excluded rows and warnings by reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connector.catalogue import OWN_PROPERTY, Catalogue, Parameter
from connector.catalogue.parameter import CONTENTS
from connector.config.nodes import Node, plain
from connector.config.project import Project
from connector.config.query_test import QueryTest
from connector.config.suggest import did_you_mean
from connector.core.outcomes import REASONS, WARNINGS, Skip
from connector.destinations.registry import destination_of
from connector.errors import ConfigurationError, Problem, Rule

ROWS, ITEMS = "rows", "contents"
"""Keys of an expected event beside its parameters: the rows that it is made of, and its line items."""
ROW = "row"
"""The key of an expected member or excluded row beside its parameters or columns: the number of its row."""


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """The expected value of a parameter."""

    key: str
    """The parameter as the test has it."""
    node: Node
    parameter: Parameter | None = None
    """None for a property of the user's own."""

    @property
    def path(self) -> tuple[str, ...]:
        """The path of the value in the event."""
        return self.parameter.path if self.parameter else tuple(self.key.split(".", 1))


@dataclass(frozen=True, slots=True)
class ExpectedRecord:
    """An event or a member."""

    node: Node
    values: Sequence[ExpectedValue]
    rows: Sequence[int] | None = None
    """The numbers of its rows, from 1."""
    items: Sequence[Sequence[ExpectedValue]] | None = None
    """Its line items."""


@dataclass(frozen=True, slots=True)
class ExpectedExclusion:
    """An excluded row: its number, and what its columns have."""

    node: Node
    row: int | None
    columns: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expected outcome of a test."""

    records: Sequence[ExpectedRecord] | int | None
    """The events or members, or their number; None: they are not compared."""
    rejects: Mapping[str, int | Sequence[ExpectedExclusion]] = field(default_factory=dict)
    skips: Mapping[str, int | Sequence[ExpectedExclusion]] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)


@dataclass
class ExpectationReader:
    """Reads what a test expects, and collects what is wrong with it."""

    test: QueryTest
    catalogue: Catalogue
    event_source: str
    """`web`, `offline` or `audience`."""
    problems: list[Problem] = field(default_factory=list)

    def read(self) -> Expectation:
        """Return the expectation."""
        unit, other = ("members", "events") if self.event_source == "audience" else ("events", "members")
        expect = self.test.expect
        if wrong := expect.child(other):
            kind = "an audience" if unit == "members" else "events"
            self._add(wrong, f'The orchestration "{self.test.orchestration}" sends {kind}: write {unit}, not {other}.')
        node = expect.child(unit)
        return Expectation(
            self._records(node) if node is not None and node.value is not None else None,
            dict(self._exclusions("rejects", REASONS)),
            dict(self._exclusions("skips", tuple(Skip))),
            {reason: self._count(node) for reason, node in self._by_reason("warnings", WARNINGS)},
        )

    def _add(self, node: Node, message: str, rule: Rule = Rule.INVALID_VALUE) -> None:
        self.problems.append(self.test.problem(node, message, rule))

    def _records(self, node: Node) -> list[ExpectedRecord] | int:
        if not isinstance(node.value, list):
            return self._count(node, ", or a list of mappings of parameters to values")
        return [self._record(child) for child in node.value]

    def _count(self, node: Node, alternative: str = "") -> int:
        if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0:
            return node.value
        self._add(node, f"{node.origin[-1]} must be a number{alternative}.")
        return 0

    def _record(self, node: Node) -> ExpectedRecord:
        if not isinstance(node.value, dict):
            self._add(node, "An expected event or member is a mapping of parameters to values.")
            return ExpectedRecord(node, ())
        key = ROW if self.event_source == "audience" else ROWS
        values = [self._value(name, child) for name, child in node.entries() if name not in {key, ITEMS}]
        return ExpectedRecord(
            node, [value for value in values if value], self._rows(node.child(key)), self._items(node.child(ITEMS))
        )

    def _rows(self, node: Node | None) -> list[int] | None:
        if node is None:
            return None
        rows = plain(node) if isinstance(node.value, list) else [plain(node)]
        if all(isinstance(row, int) and row > 0 for row in rows):
            return rows
        self._add(node, f"{node.origin[-1]} must be the number of a row of the result, from 1, or a list of them.")
        return None

    def _items(self, node: Node | None) -> list[list[ExpectedValue]] | None:
        if node is None:
            return None
        if not isinstance(node.value, list) or not all(isinstance(child.value, dict) for child in node.value):
            self._add(node, "contents must be a list of line items, each a mapping of parameters to values.")
            return None
        return [
            [value for name, child in item.entries() if (value := self._value(name, child, in_item=True))]
            for item in node.value
        ]

    def _value(self, name: str, node: Node, *, in_item: bool = False) -> ExpectedValue | None:
        if self.catalogue.own_properties and name.startswith(OWN_PROPERTY) and not in_item:
            return ExpectedValue(name, node)
        parameter = self.catalogue.named(name)
        known = [one for one in self.catalogue.parameters if one.path and self.event_source in one.sources]
        if parameter is None:
            names = [one.name for one in known if not in_item or one.path[:2] == CONTENTS]
            hint = did_you_mean(name, [*names, *(() if in_item else (self._row_key, ITEMS))]) or (
                f" There is {', '.join(names)}."
            )
            self._add(node, f'Unknown parameter "{name}".{hint}', Rule.UNKNOWN_PARAMETER)
            return None
        is_route = parameter.name in {"event_source", "event_source_id"}
        if (parameter in known or (is_route and not in_item)) and (parameter.path[:2] == CONTENTS or not in_item):
            return ExpectedValue(name, node, parameter)
        where = "a line item" if in_item else f"what is sent here ({self.event_source})"
        self._add(node, f'"{name}" is not part of {where}.', Rule.UNKNOWN_PARAMETER)
        return None

    @property
    def _row_key(self) -> str:
        return ROW if self.event_source == "audience" else ROWS

    def _by_reason(self, key: str, reasons: Sequence[StrEnum]) -> Iterator[tuple[str, Node]]:
        node = self.test.expect.child(key)
        for reason, child in node.entries() if node else ():
            if reason in set(reasons):
                yield reason, child
                continue
            hint = did_you_mean(reason, reasons) or f" There is {', '.join(reasons)}."
            self._add(child, f'Unknown reason "{reason}" in {key}.{hint}', Rule.UNKNOWN_NAME)

    def _exclusions(self, key: str, reasons: Sequence[StrEnum]) -> Iterator[tuple[str, int | list[ExpectedExclusion]]]:
        for reason, node in self._by_reason(key, reasons):
            if isinstance(node.value, list):
                yield reason, [self._exclusion(child) for child in node.value]
            else:
                yield reason, self._count(node, ", or a list of rows, each {row: NUMBER} or {column: value}")

    def _exclusion(self, node: Node) -> ExpectedExclusion:
        if not isinstance(node.value, dict):
            self._add(node, "An expected row is a mapping, {row: NUMBER} or {column: value}.")
            return ExpectedExclusion(node, None, {})
        rows = self._rows(node.child(ROW))
        return ExpectedExclusion(
            node, rows[0] if rows else None, {name: child for name, child in node.entries() if name != ROW}
        )


def read_expectations(project: Project, tests: Sequence[QueryTest]) -> list[Expectation]:
    """Return what each test expects. Raises ConfigurationError with the problems of all."""
    problems: list[Problem] = []
    expectations: list[Expectation] = []
    for test in tests:
        destination = destination_of(project.orchestration(test.orchestration).destination)
        reader = ExpectationReader(test, destination.catalogue, destination.kind)
        expectations.append(reader.read())
        problems += reader.problems
    if problems:
        raise ConfigurationError(problems)
    return expectations
