"""Comparison of what a test of a query expects with the outcome of its rows."""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from connector.catalogue import Kind
from connector.catalogue.parameter import CONTENTS
from connector.config.nodes import Node, plain
from connector.config.query_test import QueryTest
from connector.inspection.expectations import ROW, Expectation, ExpectedExclusion, ExpectedRecord, ExpectedValue
from connector.inspection.observation import Digests, Exclusion, Observation, Record, as_list
from connector.runs.digests import digests_of
from connector.runs.job import Job

_NOTHING = "nothing"
_LAST_SECOND = 1 << 37
"""Unix seconds from which on no date is shown."""
_DIGEST_DIGITS = 12
"""Hex digits of a digest in messages."""
_KEYS = ("event_id", "order_id")
"""Parameters by which an expected event is recognised."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between what is expected and what came out. Identifiers are shown as digests only."""

    subject: str
    """The thing that differs, such as `event 1 (rows 1, 2)` or `rejects`."""
    key: str
    """The parameter or reason; empty if the subject as a whole is missing or unexpected."""
    expected: str
    actual: str
    line: int | None = None
    """The line of the expected value in the file of the test."""

    @property
    def sentence(self) -> str:
        """The difference on one line."""
        subject = f"{self.subject}: {self.key}" if self.key else self.subject
        return f"{subject}: expected {self.expected}, got {self.actual}"

    def as_json(self) -> dict[str, Any]:
        """Return an entry of `differences` as `connector test --json` prints it."""
        return {name: getattr(self, name) for name in self.__slots__}


def compare(test: QueryTest, expectation: Expectation, observation: Observation) -> Iterator[Difference]:
    """Yield every difference, in the order of the test's file."""
    if isinstance(expectation.records, int):
        unit = "members" if observation.job.destination.kind == "audience" else "events"
        if expectation.records != len(observation.records):
            line = test.expect.at((unit,)).line
            yield Difference(unit, "", f"{expectation.records:,}", f"{len(observation.records):,}", line)
    elif expectation.records is not None:
        yield from _Records(observation, expectation.records).differences()
    yield from _exclusions(test, "rejects", expectation.rejects, observation)
    yield from _exclusions(test, "skips", expectation.skips, observation)
    yield from _counts(test, "warnings", expectation.warnings, observation.warnings)


class _Records:
    """Pairs expected events or members with those that came out."""

    def __init__(self, observation: Observation, expected: Sequence[ExpectedRecord]) -> None:
        self._observation, self._expected = observation, expected
        self._is_audience = observation.job.destination.kind == "audience"
        self._digests = Digests(observation.job, expected)

    def differences(self) -> Iterator[Difference]:
        pairs = self._pairs()
        for index, record in enumerate(self._expected):
            if index in pairs:
                yield from self._compare(index, record, self._observation.records[pairs[index]])
            else:
                yield Difference(self._subject(index), "", self._summary(record), _NOTHING, record.node.line)
        for index, actual in enumerate(self._observation.records):
            if index not in pairs.values():
                unit = "member" if self._is_audience else "event"
                yield Difference(f"{unit} of {_rows(actual)}", "", _NOTHING, _shown(actual.content))

    def _pairs(self) -> dict[int, int]:
        """Return the index of the record for each expected one."""
        return assign(
            {
                (i, j): len(list(self._compare(i, record, actual)))
                for i, record in enumerate(self._expected)
                for j, actual in enumerate(self._observation.records)
                if self._may_be(i, record, actual)
            }
        )

    def _may_be(self, index: int, record: ExpectedRecord, actual: Record) -> bool:
        """Return whether a record is the expected one: its rows or ids are the same, if the test has them."""
        if record.rows is not None:
            return tuple(record.rows) == actual.rows
        keys = [value for value in record.values if value.parameter and value.parameter.name in _KEYS]
        return not keys or any(not list(self._value(index, value, actual)) for value in keys)

    def _compare(self, index: int, record: ExpectedRecord, actual: Record) -> Iterator[Difference]:
        subject = f"{self._subject(index)} ({_rows(actual)})"
        if record.rows is not None and tuple(record.rows) != actual.rows:
            yield Difference(subject, "rows", _shown(list(record.rows)), _shown(list(actual.rows)), record.node.line)
        for value in record.values:
            for expected, found in self._value(index, value, actual):
                yield Difference(subject, value.key, expected, found, value.node.line)
        if record.items is not None:
            yield from self._items(subject, record, as_list(actual.value(CONTENTS)))

    def _items(self, subject: str, record: ExpectedRecord, actual: Sequence[Any]) -> Iterator[Difference]:
        items = record.items or ()
        line = record.node.at(("contents",)).line
        if len(items) != len(actual):
            yield Difference(subject, "contents", _item_count(items), _item_count(actual), line)
            return
        # The order of the rows of a query without ORDER BY is not known.
        costs = {
            (i, j): len(list(_item_differences(item, one)))
            for i, item in enumerate(items)
            for j, one in enumerate(actual)
        }
        pairs = assign(costs)
        for index, item in enumerate(items):
            found = actual[pairs[index]]
            for value in _item_differences(item, found):
                key, has = f"contents[{index + 1}].{value.key}", found.get(value.path[-1])
                yield Difference(subject, key, _shown(plain(value.node)), _shown(has), value.node.line)

    def _value(self, index: int, value: ExpectedValue, actual: Record) -> Iterator[tuple[str, str]]:
        """Yield the expected and the actual text if a value differs."""
        parameter = value.parameter
        if parameter and parameter.hashed:
            yield from self._hashed(index, value, actual)
            return
        expected, found = plain(value.node), self._actual(value, actual)
        if parameter and parameter.kind is Kind.TIMESTAMP:
            expected = self._time(expected)
            if expected != found:
                yield _shown_time(expected), _shown_time(found)
        elif not _is_equal(expected, found):
            yield _shown(expected), _shown(found)

    def _hashed(self, index: int, value: ExpectedValue, actual: Record) -> Iterator[tuple[str, str]]:
        parameter = value.parameter
        if parameter is None:
            return
        expected = self._digests.of(index, parameter)
        found = as_list(actual.value((parameter.name,) if self._is_audience else parameter.path))
        given = [one for one in as_list(plain(value.node)) if one is not None]
        if given and not expected:
            yield f"a value that is not a valid {parameter.name}", _shown_digests(found)
        elif sorted(expected) != sorted(found):
            yield _shown_digests(expected), _shown_digests(found)

    def _actual(self, value: ExpectedValue, actual: Record) -> Any:
        parameter = value.parameter
        if parameter and parameter.kind is Kind.ROUTE and actual.route:
            return actual.route.resource_type if parameter.name == "event_source" else actual.route.resource_id
        if parameter and parameter.in_contents:
            items = [item.get(parameter.path[-1]) for item in as_list(actual.value(CONTENTS))]
            return items if isinstance(value.node.value, list) else items[0] if len(items) == 1 else items or None
        return actual.value(value.path)

    def _time(self, value: Any) -> Any:
        """Return an expected time in Unix seconds; as it is if it is no time."""
        if not isinstance(value, str):
            return value
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return int(value) if value.strip().isdecimal() else value
        if len(value.strip()) == 10:
            moment = datetime.combine(moment.date(), time())
        zone = ZoneInfo(self._observation.job.destination.timezone)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())

    def _subject(self, index: int) -> str:
        return f"{'member' if self._is_audience else 'event'} {index + 1}"

    def _summary(self, record: ExpectedRecord) -> str:
        """Describe an expected record without its identifiers."""
        open_values = [value for value in record.values if not (value.parameter and value.parameter.personal)]
        rows = {"rows": list(record.rows)} if record.rows else {}
        return (
            _shown({**rows, **{value.key: plain(value.node) for value in open_values}})
            if open_values or rows
            else ("the people of this line" if self._is_audience else "the event of this line")
        )


def assign(costs: Mapping[tuple[int, int], int]) -> dict[int, int]:
    """Assign an actual thing to each expected one, by the number of differences of each pair that is possible.

    As many as possible get one without a difference, in the order of both where there is a choice; of the others, the
    pairs that differ least.
    """
    equal: dict[int, list[int]] = {}
    for (i, j), cost in costs.items():
        if cost == 0:
            equal.setdefault(i, []).append(j)
    pairs: dict[int, int] = {}
    owners: dict[int, int] = {}
    for i in sorted(equal):
        _augment(i, equal, pairs, owners)
    for _, i, j in sorted((cost, i, j) for (i, j), cost in costs.items()):
        if i not in pairs and j not in owners:
            pairs[i], owners[j] = j, i
    return pairs


def _augment(start: int, equal: Mapping[int, Sequence[int]], pairs: dict[int, int], owners: dict[int, int]) -> None:
    """Give one more expected thing a pair; those that have one may get another (an augmenting path)."""
    reached: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        i = waiting.popleft()
        for j in equal[i]:
            if j in reached:
                continue
            reached[j] = i
            if j in owners:
                waiting.append(owners[j])
                continue
            free: int | None = j
            while free is not None:
                owner = reached[free]
                owners[free] = owner
                previous = pairs.get(owner)
                pairs[owner] = free
                free = previous
            return


def _item_count(items: Sequence[Any]) -> str:
    return "1 line item" if len(items) == 1 else f"{len(items)} line items"


def _item_differences(item: Sequence[ExpectedValue], actual: Mapping[str, Any]) -> Iterator[ExpectedValue]:
    """Yield the expected values of a line item that another one does not have."""
    return (value for value in item if not _is_equal(plain(value.node), actual.get(value.path[-1])))


def _exclusions(
    test: QueryTest,
    key: str,
    expected: Mapping[str, int | Sequence[ExpectedExclusion]],
    observation: Observation,
) -> Iterator[Difference]:
    counts = {reason: one if isinstance(one, int) else len(one) for reason, one in expected.items()}
    yield from _counts(test, key, counts, observation.counts[key])
    outcome = "rejected" if key == "rejects" else "skipped"
    for reason, rows in expected.items():
        found = [one for one in observation.exclusions if (one.outcome, one.reason) == (outcome, reason)]
        if isinstance(rows, int) or len(rows) != len(found):
            continue
        pairs = assign(
            {
                (i, j): 0
                for i, row in enumerate(rows)
                for j, one in enumerate(found)
                if _is_exclusion(observation.job, row, one)
            }
        )
        left = [{ROW: one.row, **one.columns} for j, one in enumerate(found) if j not in pairs.values()]
        for index, row in enumerate(rows):
            if index not in pairs:
                yield Difference(key, reason, _described(observation.job, row), _shown(left), row.node.line)


def _is_exclusion(job: Job, expected: ExpectedExclusion, actual: Exclusion) -> bool:
    is_row = expected.row is None or expected.row == actual.row
    return is_row and all(_has(job, key, plain(node), actual.columns) for key, node in expected.columns.items())


def _has(job: Job, key: str, value: Any, columns: Mapping[str, Any]) -> bool:
    """Return whether an excluded row has a value of a parameter; of identifiers, only digests are stored."""
    parameter = job.destination.catalogue.named(key)
    name = parameter.name if parameter else key
    if value is None or parameter is None or not parameter.hashed:
        return _is_equal(value, columns.get(name))
    (digests,) = digests_of(job, [{name: [str(one) for one in as_list(value)]}])
    return sorted(digests.get(name, ())) == sorted(map(str, as_list(columns.get(name))))


def _described(job: Job, expected: ExpectedExclusion) -> str:
    row = {ROW: expected.row} if expected.row is not None else {}
    catalogue = job.destination.catalogue
    values = {
        key: f"the {key} of this line" if (one := catalogue.named(key)) and one.personal else plain(node)
        for key, node in expected.columns.items()
    }
    return _shown({**row, **values})


def _counts(test: QueryTest, key: str, expected: Mapping[str, int], actual: Mapping[str, int]) -> Iterator[Difference]:
    for reason in dict.fromkeys([*expected, *sorted(actual)]):
        if expected.get(reason, 0) != actual.get(reason, 0):
            node: Node = test.expect.at((key, reason))
            rows = (f"{expected.get(reason, 0):,}", f"{actual.get(reason, 0):,}")
            yield Difference(key, reason, *rows, node.line)


def _rows(record: Record) -> str:
    shown = ", ".join(map(str, record.rows[:10])) + ("…" if len(record.rows) > 10 else "")
    return f"{'row' if len(record.rows) == 1 else 'rows'} {shown}"


def _is_equal(expected: Any, actual: Any) -> bool:
    """Compare a value of the test's file with one of JSON: ids may be written without quotation marks."""
    if isinstance(expected, Mapping):
        is_mapping = isinstance(actual, Mapping)
        return is_mapping and all(_is_equal(value, actual.get(key)) for key, value in expected.items())
    if isinstance(expected, list):
        is_list = isinstance(actual, list) and len(actual) == len(expected)
        return is_list and all(map(_is_equal, expected, actual))
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual or (str(expected).lower() == str(actual).lower() and None not in (expected, actual))
    if isinstance(actual, str):
        return str(expected) == actual
    try:
        return Decimal(str(expected)) == Decimal(str(actual))
    except InvalidOperation:
        return False


def _shown(value: Any) -> str:
    return _NOTHING if value is None else json.dumps(value, ensure_ascii=False, default=_as_number)


def _as_number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


def _shown_digests(digests: Sequence[str]) -> str:
    return ", ".join(f"SHA-256 {digest[:_DIGEST_DIGITS]}…" for digest in sorted(digests)) or _NOTHING


def _shown_time(value: Any) -> str:
    if not isinstance(value, int) or not 0 <= value < _LAST_SECOND:
        return _shown(value)
    return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
