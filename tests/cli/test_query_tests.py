"""`connector test`: given rows, expected outcomes, and what it says about each mistake."""

from collections.abc import Mapping
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from connector.config.query_test_schema import query_test_schema
from connector.config.yaml import read_yaml
from connector.inspection.comparison import assign
from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop, shop

ROOT = Path(__file__).parents[2]
SCHEMA = Draft7Validator(query_test_schema())
NOW = "2026-11-20T06:15:00Z"
QUERY = """\
SELECT o.order_id AS event_id, o.paid_at AS timestamp, p.email, p.phone, o.total AS value, 'USD' AS currency
FROM orders AS o LEFT JOIN people AS p USING (person)
WHERE o.paid_at >= current_date - {{ parameters.days }}
ORDER BY o.order_id
"""
ORDER = {"order_id": "R1", "person": 1, "paid_at": "2026-11-19T17:30:00", "total": 12.5}
PERSON = {"person": 1, "email": "Ada@Example.com", "phone": "(206) 555-0100"}
GIVEN = {"orders": [ORDER], "people": [PERSON]}
EVENT = {"event_id": "R1", "email": "ada@example.com", "value": 12.5}


@pytest.fixture
def project(tmp_path: Path) -> Shop:
    return shop(tmp_path / "shop", "simulator", QUERY, parameters={"days": 7})


def write(made: Shop, tests: Mapping[str, Any], **file: Any) -> Path:
    path = made.directory / "tests" / f"{NAME}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"started_at": NOW, **file, "tests": dict(tests)}, sort_keys=False))
    return path


def one(made: Shop, expect: Mapping[str, Any], given: Mapping[str, Any] = GIVEN, **further: Any) -> Outcome:
    write(made, {"it": {"given": given, "expect": expect, **further}})
    return inside("test", project=made.directory)


def differences(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    (test,) = outcome.json["tests"]
    return [(each["subject"], each["key"], each["expected"], each["actual"]) for each in test["differences"]]


def test_the_examples_own_tests_pass() -> None:
    outcome = inside("test", project=ROOT)
    assert outcome.code == 0, outcome.stdout
    assert "Nothing was sent." in outcome.stdout


@pytest.mark.parametrize(
    "expected",
    [
        EVENT,
        {},
        {"rows": [1], "event": "Purchase", "currency": "USD"},
        {"timestamp": "2026-11-19T17:30:00Z"},
        {"timestamp": "2026-11-19T18:30:00+01:00"},
        {"timestamp": "2026-11-19T17:30:00"},
        {"timestamp": 1795109400},
        {"phone": "+12065550100"},
        {"phone": "206.555.0100"},
        {"email": sha256(b"ada@example.com").hexdigest()},
        {"email": ["ADA@example.com"]},
        {"order_id": None, "shop_id": None},
        {"event_source": "offline", "event_source_id": "7654321098765432109"},
        {"value": "12.50"},
        {"contents": []},
    ],
    ids=str,
)
def test_an_event_has_what_is_expected(project: Shop, expected: Mapping[str, Any]) -> None:
    outcome = one(project, {"events": [expected]})
    assert (outcome.code, outcome.stderr) == (0, ""), outcome.stdout


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        ({"event_id": "R1", "value": 13}, "value  expected 13  got 12.5"),
        ({"event_id": "R1", "currency": "EUR"}, 'currency  expected "EUR"  got "USD"'),
        ({"event_id": "R1", "shop_id": "9"}, 'shop_id  expected "9"  got nothing'),
        ({"event_id": "R1", "currency": None}, 'currency  expected nothing  got "USD"'),
        ({"rows": [1], "event_id": "R2"}, 'event_id  expected "R2"  got "R1"'),
        ({"event_id": "R1", "timestamp": "2026-11-19"}, "got 1795109400 (2026-11-19 17:30:00 UTC)"),
        ({"event_id": "R1", "email": "eve@example.com"}, "got SHA-256 "),
        ({"event_id": "R1", "email": "eve@@example"}, "expected a value that is not a valid email"),
        ({"event_id": "R1", "contents": [{"content_id": "m"}]}, "expected 1 line item  got 0 line items"),
        ({"event_id": "R2"}, 'expected {"event_id": "R2"}  got nothing'),
    ],
    ids=str,
)
def test_a_difference_is_shown_with_both_values_and_its_line(
    project: Shop, expected: Mapping[str, Any], shown: str
) -> None:
    outcome = one(project, {"events": [expected]})
    assert outcome.code == 1
    assert shown in outcome.stdout
    assert f"tests/{NAME}.yaml:" in outcome.stdout
    assert outcome.sentence == "1 of 1 test did not pass."
    assert "@" not in outcome.stdout


def test_an_event_that_is_not_expected_is_a_difference(project: Shop) -> None:
    outcome = one(project, {"events": []})
    assert outcome.code == 1
    assert "event of row 1" in outcome.stdout
    assert "expected nothing" in outcome.stdout


@pytest.mark.parametrize("events", [0, 2])
def test_events_can_be_counted(project: Shop, events: int) -> None:
    outcome = one(project, {"events": events})
    assert f"expected {events}  got 1" in outcome.stdout
    assert one(project, {"events": 1}).code == 0


NOBODY = {"orders": [ORDER, {**ORDER, "order_id": "R2", "person": 2}], "people": [PERSON]}


@pytest.mark.parametrize(
    ("rejects", "code"),
    [
        ({"missing_identity": 1}, 0),
        ({"missing_identity": [{"row": 2}]}, 0),
        ({"missing_identity": [{"event_id": "R2"}]}, 0),
        ({"missing_identity": [{}]}, 0),
        ({}, 1),
        ({"missing_identity": 2}, 1),
        ({"missing_identity": [{"row": 1}]}, 1),
        ({"missing_identity": [{"event_id": "R1"}]}, 1),
        ({"missing_identity": [{"email": None}]}, 0),
        ({"missing_identity": [{"email": "ada@example.com"}]}, 1),
        ({"invalid_identity": 1}, 1),
    ],
    ids=str,
)
def test_rejected_rows_are_counted_or_listed(project: Shop, rejects: Mapping[str, Any], code: int) -> None:
    outcome = one(project, {"events": [EVENT], "rejects": rejects}, NOBODY)
    assert outcome.code == code, outcome.stdout


@pytest.mark.parametrize(
    ("email", "code"), [("ada@example.com", 0), (sha256(b"ada@example.com").hexdigest(), 0), ("x@y.org", 1)]
)
def test_a_rejected_row_is_known_by_its_identifier(project: Shop, email: str, code: int) -> None:
    given = {**GIVEN, "orders": [{**ORDER, "total": "a lot"}]}
    outcome = one(project, {"events": 0, "rejects": {"invalid_amount": [{"emails": email}]}}, given)
    assert outcome.code == code, outcome.stdout
    assert "@" not in outcome.stdout


def test_a_rejected_row_a_skip_and_a_warning_that_are_not_expected_fail_the_test(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", QUERY, parameters={"days": 7}, line_items=False)
    people = [PERSON, {"person": 2, "email": "nobody", "phone": "206 555 0101"}]
    orders = [ORDER, ORDER, {**ORDER, "order_id": "R2", "person": 2}, {**ORDER, "order_id": "R3", "person": 3}]
    write(made, {"it": {"given": {"orders": orders, "people": people}, "expect": {"events": 2}}})
    outcome = inside("test", "--json", project=made.directory)
    assert differences(outcome) == [
        ("rejects", "missing_identity", "0", "1"),
        ("skips", "duplicate", "0", "1"),
        ("warnings", "invalid_email", "0", "1"),
    ]
    expect = {
        "rejects": {"missing_identity": 1},
        "skips": {"duplicate": [{"row": 2}]},
        "warnings": {"invalid_email": 1},
    }
    assert one(made, expect, {"orders": orders, "people": people}).code == 0


ITEM = {
    "event_id": "R1",
    "timestamp": "2026-11-19T17:30:00Z",
    "email": "ada@example.com",
    "currency": "USD",
    "value": 2,
}
IN_ANY_ORDER: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "events": (
        [{**ITEM, "event_id": f"R{n}", "value": min(n, 2)} for n in (1, 2, 3)],
        [{"currency": "USD"}, {"value": 2}, {"event_id": "R2"}],
    ),
    "contents": (
        [{**ITEM, "content_id": f"m{n}", "price": min(n, 2), "quantity": 1} for n in (1, 2, 3)],
        [{"quantity": 1}, {"price": 2}, {"content_id": "m2"}],
    ),
    "rejects": (
        [{**ITEM, "event_id": f"R{n}", "value": min(n, 2), "email": None} for n in (1, 2, 3)],
        [{}, {"value": 2}, {"row": 2}],
    ),
}


@pytest.mark.parametrize("order", [*permutations(range(3))], ids=str)
@pytest.mark.parametrize("kind", IN_ANY_ORDER)
def test_what_is_expected_may_stand_in_any_order(project: Shop, kind: str, order: tuple[int, ...]) -> None:
    rows, expected = IN_ANY_ORDER[kind]
    parts = [expected[index] for index in order]
    expect = {
        "events": {"events": parts},
        "contents": {"events": [{"contents": parts}]},
        "rejects": {"rejects": {"missing_identity": parts}},
    }[kind]
    write(project, {"it": {"result": rows, "expect": expect}})
    outcome = inside("test", project=project.directory)
    assert outcome.code == 0, outcome.stdout


@pytest.mark.parametrize("kind", IN_ANY_ORDER)
def test_one_thing_does_not_count_as_two_expected_ones(project: Shop, kind: str) -> None:
    rows, expected = IN_ANY_ORDER[kind]
    parts = [expected[0], expected[2], expected[2]]
    expect = {
        "events": {"events": parts},
        "contents": {"events": [{"contents": parts}]},
        "rejects": {"rejects": {"missing_identity": parts}},
    }[kind]
    write(project, {"it": {"result": rows, "expect": expect}})
    assert inside("test", project=project.directory).code == 1


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), max_size=4))
def test_as_many_as_possible_are_assigned_without_a_difference(costs: list[list[int]]) -> None:
    width = min(map(len, costs), default=0)
    pairs = assign({(i, j): row[j] for i, row in enumerate(costs) for j in range(width)})
    orders = permutations([*range(width), *[-1] * len(costs)], len(costs))
    best = max(sum(j >= 0 and row[j] == 0 for row, j in zip(costs, order, strict=True)) for order in set(orders))
    assert len(pairs) == len(set(pairs.values())) == min(width, len(costs))
    assert sum(costs[i][j] == 0 for i, j in pairs.items()) == best


# What is wrong with a test -----------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"expct": {}}, '.expct is not a known key. Did you mean "expect"?'),
    "unknown key of the file": ({"file": {"startd_at": NOW}}, 'startd_at is not a known key. Did you mean "started_at"?'),
    "unknown key of a table": ({"given": {"orders": {"row": [ORDER]}}}, 'orders.row is not a known key. Did you mean "rows"?'),
    "unknown key of expect": ({"expect": {"event": []}}, 'expect.event is not a known key. Did you mean "events"?'),
    "no expect": ({"expect": None}, "lacks expect"),
    "no clock": ({"file": {"started_at": None}}, "lacks started_at, the time at which it runs"),
    "a time long ago": ({"started_at": "0001-01-01"}, "must be a time between 1980 and 2200"),
    "a row without columns": ({"given": {**GIVEN, "orders": [{}]}}, "has neither rows nor columns"),
    "no time": ({"started_at": "yesterday"}, 'started_at is "yesterday"; it must be a time such as'),
    "rows that are a text": ({"given": {"orders": "R1"}}, "must be a list of rows, as [{column: value}]"),
    "a row that is a text": ({"given": {**GIVEN, "orders": ["R1"]}}, "must be a row, as {column: value}"),
    "a column twice": ({"given": {**GIVEN, "orders": [{**ORDER, "Order_ID": "R2"}]}}, "Order_ID gives the column order_id a second time"),
    "a column twice in a later row": ({"given": {**GIVEN, "orders": [ORDER, {**ORDER, "TOTAL": 1}]}}, "TOTAL gives the column total a second"),
    "a type twice": ({"given": {**GIVEN, "orders": {"rows": [ORDER], "columns": {"total": "int", "Total": "int"}}}}, "Total gives the column total a"),
    "a column of the result twice": ({"result": [{"email": "a", "EMAIL": "b"}]}, "EMAIL gives the column email a second time"),
    "neither rows nor columns": ({"given": {**GIVEN, "orders": []}}, "has neither rows nor columns"),
    "unknown parameter": ({"expect": {"events": [{"e_mail": "a"}]}}, 'Unknown parameter "e_mail". Did you mean "email"?'),
    "a parameter of the web": ({"expect": {"events": [{"ip": "1.1.1.1"}]}}, '"ip" is not part of what is sent here (offline).'),
    "a parameter that is not sent": ({"expect": {"events": [{"phone_region": "US"}]}}, '"phone_region" is not part of'),
    "no list of events": ({"expect": {"events": "R1"}}, "events must be a number, or a list of mappings"),
    "an event that is a text": ({"expect": {"events": ["R1"]}}, "An expected event or member is a mapping"),
    "rows of an event": ({"expect": {"events": [{"rows": [0]}]}}, "rows must be the number of a row of the result, from 1"),
    "contents": ({"expect": {"events": [{"contents": {"price": 1}}]}}, "contents must be a list of line items"),
    "an item's parameter": ({"expect": {"events": [{"contents": [{"email": "a"}]}]}}, '"email" is not part of a line item.'),
    "members of events": ({"expect": {"members": 1}}, "sends events: write events, not members."),
    "unknown reason": ({"expect": {"rejects": {"no_identity": 1}}}, 'Unknown reason "no_identity" in rejects.'),
    "a near miss of a reason": ({"expect": {"skips": {"duplicates": 1}}}, 'Did you mean "duplicate"?'),
    "a warning's rows": ({"expect": {"warnings": {"invalid_email": [{}]}}}, "invalid_email must be a number."),
    "a list of texts": ({"expect": {"rejects": {"missing_identity": ["R1"]}}}, "An expected row is a mapping"),
    "another orchestration": ({"file": {"orchestration": "purchase"}}, 'Did you mean "purchases"?'),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file_is_one_sentence_with_its_line(
    project: Shop, changes: dict[str, Any], sentence: str
) -> None:
    test = {"given": GIVEN, "expect": {"events": [EVENT]}, **changes}
    file = test.pop("file", {})
    write(project, {"it": {key: value for key, value in test.items() if value is not None}}, **file)
    outcome = inside("test", project=project.directory)
    assert outcome.code == 2
    (line,) = outcome.stderr.splitlines()
    assert sentence in line
    assert f"tests/{NAME}.yaml:" in line
    assert outcome.stdout == ""


SEEN_BY_THE_COMMAND_ONLY = {
    "a parameter of the web",
    "members of events",
    "no clock",
    "another orchestration",
    "a time long ago",
    "a row without columns",
    "a column twice",
    "a column twice in a later row",
    "a type twice",
    "a column of the result twice",
}
"""Mistakes that depend on other files, or on what the file says for all of its tests."""


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in SEEN_BY_THE_COMMAND_ONLY])
def test_editors_mark_the_mistake_too(project: Shop, name: str) -> None:
    test = {"given": GIVEN, "expect": {"events": [EVENT]}, **MISTAKES[name][0]}
    file = test.pop("file", {})
    path = write(project, {"it": {key: value for key, value in test.items() if value is not None}}, **file)
    assert not SCHEMA.is_valid(read_yaml(path).data)


@pytest.mark.parametrize("name", MISTAKES)
def test_validate_lists_the_mistake_too(project: Shop, name: str) -> None:
    changes, sentence = MISTAKES[name]
    test = {"given": GIVEN, "expect": {"events": [EVENT]}, **changes}
    file = test.pop("file", {})
    write(project, {"it": {key: value for key, value in test.items() if value is not None}}, **file)
    outcome = inside("validate", project=project.directory)
    assert outcome.code == 2
    assert sentence in outcome.sentence
    assert inside("validate", NAME, project=project.directory).code == 0


def test_validate_accepts_tests_without_mistakes(project: Shop) -> None:
    write(project, {"it": {"given": GIVEN, "expect": {"events": [EVENT]}}})
    assert inside("validate", project=project.directory).code == 0


def test_the_mistakes_of_all_files_are_listed_at_once(project: Shop) -> None:
    write(project, {"one": {"expect": {"events": [{"vlaue": 1}]}}, "two": {"expect": {"skips": {"x": 1}}}})
    assert len(inside("test", project=project.directory).stderr.splitlines()) == 2
    (project.directory / "tests" / "other.yaml").write_text("tests: {it: {expect: {}}}\n")
    assert "named after no orchestration" in inside("test", project=project.directory).sentence


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "a table without rows": (
        {"given": {"orders": [ORDER]}},
        "The query reads the table people, of which purchases/it gives no rows: write them under given.",
    ),
    "a misspelt table": ({"given": {"order": [ORDER], "people": [PERSON]}}, 'write them under given. Did you mean "order"?'),
    "a table that is not read": ({"given": {**GIVEN, "peoples": [PERSON]}}, 'does not read the table peoples. Did you mean "people"?'),
    "a value of another type": (
        {"given": {**GIVEN, "orders": {"columns": {"total": "decimal(9,2)"}, "rows": [{**ORDER, "total": "a lot"}]}}},
        'orders.total is "a lot", which is not a value of the type decimal(9,2). Declare another type under columns.',
    ),
    "an address of another type": (
        {"given": {**GIVEN, "people": {"columns": {"email": "bigint"}, "rows": [PERSON]}}},
        "which is not a value of the type bigint",
    ),
    "an unknown type": ({"given": {**GIVEN, "orders": {"columns": {"total": "money!"}, "rows": [ORDER]}}}, 'orders.total has the type "money!"'),
    "a type of another database": ({"given": {**GIVEN, "orders": {"columns": {"total": "number"}, "rows": [ORDER]}}}, 'unknown type "number"'),
    "lines for a query": ({"lines": "a,b\n", "given": None}, "has a query: give the tables that it reads under given, not lines."),
    "a column that is not given": ({"given": {**GIVEN, "people": [{"person": 1}]}}, "queries/purchases.sql:1"),
    "a column that the query needs": (
        {"given": {**GIVEN, "people": [{"person": 1}]}},
        "If the table has the column, write it in its rows, or under columns.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), ERRORS.values(), ids=ERRORS)
def test_what_keeps_a_test_from_running_is_told_and_the_others_run(
    project: Shop, changes: dict[str, Any], sentence: str
) -> None:
    good = {"given": GIVEN, "expect": {"events": [EVENT]}}
    wrong = {key: value for key, value in {**good, **changes}.items() if value is not None}
    write(project, {"it": wrong, "other": good})
    outcome = inside("test", project=project.directory)
    assert outcome.code == 1
    assert sentence in outcome.stdout
    assert "2 tests: 1 passed, 1 with an error" in outcome.stdout
    assert "@" not in outcome.stdout


# Which tests run ----------------------------------------------------------------------------------------------


def test_tests_are_chosen_by_orchestration_and_name(project: Shop) -> None:
    good = {"given": GIVEN, "expect": {"events": [EVENT]}}
    write(project, {"one": good, "two": good})
    for name, number in ((None, 2), (NAME, 2), (f"{NAME}/two", 1), ("two", 1)):
        outcome = inside("test", *([name] if name else []), "--json", project=project.directory)
        assert (outcome.code, outcome.json["passed"]) == (0, number)
    for name, hint in {"purchase": 'Did you mean "purchases"?', f"{NAME}/tow": f'Did you mean "{NAME}/two"?'}.items():
        outcome = inside("test", name, project=project.directory)
        assert outcome.code == 2
        assert hint in outcome.sentence


def test_a_file_with_another_ending_is_told(project: Shop) -> None:
    path = write(project, {"one": {"given": GIVEN, "expect": {}}})
    path.rename(path.with_suffix(".yml"))
    assert (
        "A file of tests ends in .yaml: rename it to purchases.yaml."
        in inside("test", project=project.directory).sentence
    )


JUNIT = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites tests="0">\n</testsuites>\n'


@pytest.mark.parametrize(
    ("text", "is_replaced"),
    [
        (JUNIT, True),
        ("\ufeff" + JUNIT.replace("?>", "?><!-- of an earlier time -->"), True),
        ("", False),
        ("my notes", False),
        ("<testsuites/>", False),
        ('<?xml version="1.0"?>\n<project><testsuites/></project>', False),
        ('<?xml version="1.0"?>\n<testsuitesx/>', False),
    ],
)
def test_only_earlier_results_are_replaced(project: Shop, tmp_path: Path, text: str, is_replaced: bool) -> None:
    write(project, {"it": {"given": GIVEN, "expect": {"events": [EVENT]}}})
    file = tmp_path / "junit.xml"
    file.write_text(text)
    outcome = inside("test", "--junit", str(file), project=project.directory)
    assert (outcome.code, file.read_text() != text) == ((0, True) if is_replaced else (2, False)), outcome.stderr
    assert is_replaced or f'"{file}" exists' in outcome.sentence
    assert inside("test", "--junit", str(file), "--force", project=project.directory).code == 0


@pytest.mark.parametrize("text", [None, "version: 2\nmodels: []\n"], ids=["no file", "a file of something else"])
@pytest.mark.parametrize("options", [(), ("--json",), ("--junit", "junit.xml")], ids=str)
def test_a_project_without_tests_does_not_pass(project: Shop, text: str | None, options: tuple[str, ...]) -> None:
    if text:
        (project.directory / "tests").mkdir()
        (project.directory / "tests" / "schema.yaml").write_text(text)
    outcome = inside("test", *options, project=project.directory)
    assert outcome.code == 2
    assert "There are no tests: write tests/NAME.yaml" in outcome.stderr
    assert ("schema.yaml has no tests of queries." in outcome.stderr) is bool(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (name, text)
            for name in (NAME, "other")
            for text in ("", "# later\n", "---\n", "- one\n", "{}", "one", "null")
        ),
        (NAME, "version: 2\nmodels: []\n"),
    ],
)
def test_a_file_that_lost_its_tests_does_not_pass(project: Shop, name: str, text: str) -> None:
    path = write(project, {"it": {"given": GIVEN, "expect": {"events": [EVENT]}}})
    path.rename(path.with_stem("moved"))
    path.with_stem("moved").write_text(f"orchestration: {NAME}\n" + path.with_stem("moved").read_text())
    (path.parent / f"{name}.yaml").write_text(text)
    for command in ("test", "validate"):
        outcome = inside(command, project=project.directory)
        assert outcome.code == 2
        assert f"tests/{name}.yaml:1: The file has no tests: write them under tests" in outcome.stderr


TWO_TABLES = "SELECT o.*, p.person AS other FROM {} AS o JOIN {} AS p USING (person)"
ROWS = [{"person": 1, "event_id": "R1", "timestamp": "2026-11-19T17:30:00Z", "email": "ada@example.com", "value": 1}]


@pytest.mark.parametrize(
    ("tables", "given", "is_ambiguous"),
    [
        (("x.orders", "y.orders"), ("orders",), True),
        (("x.orders", "y.Orders"), ("ORDERS",), True),
        (("a.x.orders", "b.x.orders"), ("x.orders",), True),
        (("a.x.orders", "b.y.orders"), ("orders",), True),
        (("x.orders", "y.orders"), ("x.orders", "y.orders"), False),
        (("x.orders", "y.orders"), ("x.orders", "orders"), False),
        (("x.orders", "x.Orders"), ("orders",), False),
        (("x.orders", "orders"), ("orders",), False),
    ],
    ids=str,
)
def test_the_rows_of_one_table_are_not_those_of_another_one(
    project: Shop, tables: tuple[str, str], given: tuple[str, ...], is_ambiguous: bool
) -> None:
    project.query.write_text(TWO_TABLES.format(*tables))
    outcome = one(project, {"events": 1}, dict.fromkeys(given, ROWS))
    message = (
        f"{given[0]} is ambiguous, because the query reads {' and '.join(tables)}: write each of them, with its rows."
    )
    assert outcome.code == int(is_ambiguous), outcome.stdout
    assert (message.lower() in outcome.stdout.lower()) is is_ambiguous, outcome.stdout


def test_files_of_something_else_are_passed_over(project: Shop) -> None:
    path = write(project, {"it": {"given": GIVEN, "expect": {"events": [EVENT]}}})
    (path.parent / "schema.yaml").write_text("version: 2\nmodels: []\n")
    outcome = inside("test", project=project.directory)
    assert outcome.code == 0
    assert "schema.yaml has no tests of queries." in outcome.stderr


def test_nothing_is_left_behind_and_no_secret_is_needed(project: Shop) -> None:
    text = project.settings.read_text().replace("duckdb:///warehouse.duckdb", "postgresql://{{ env.NOBODY }}@db/x")
    text = text.replace("7654321098765432109", "{{ env.ADVERTISER }}", 1)
    project.settings.write_text(
        text.replace(" url:", " password: '{{ secret.vault }}'\n    url:", 1)
        + "secrets: {commands: {vault: ['false']}}\n"
    )
    assert one(project, {"events": [{"event_id": "R1"}]}).code == 0
    assert not project.state.exists()


def test_a_warehouse_whose_sql_is_not_known_is_told(project: Shop) -> None:
    written = project.settings.read_text()
    project.settings.write_text(written.replace("duckdb:///warehouse.duckdb", "'{{ env.WAREHOUSE_URL }}'"))
    assert "which SQL its query is written in is not known" in one(project, {"events": 1}).stdout
    named = written.replace("warehouse: own", "warehouse: own\n    dialect: postgresql")
    project.settings.write_text(named.replace("duckdb:///warehouse.duckdb", "'{{ env.WAREHOUSE_URL }}'"))
    assert one(project, {"events": 1}).code == 0


def test_the_results_are_also_written_for_ci(project: Shop, tmp_path: Path) -> None:
    good = {"given": GIVEN, "expect": {"events": [EVENT]}}
    wrong = {"given": GIVEN, "expect": {"events": [{**EVENT, "value": 1, "email": 'e"<&@x.org'}]}}
    write(project, {"one": good, "two": wrong, "three": {**good, "given": {}}})
    file = tmp_path / "junit.xml"
    assert inside("test", "--junit", str(file), project=project.directory).code == 1
    suites = ElementTree.parse(file).getroot()
    assert {key: suites.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    cases = {case.get("name"): case for case in suites.iter("testcase")}
    assert list(cases) == ["one", "two", "three"]
    (failure,) = cases["two"]
    assert failure.tag == "failure"
    assert "value: expected 1, got 12.5" in str(failure.get("message"))
    assert "x.org" not in file.read_text()
    assert [child.tag for child in cases["three"]] == ["error"]
    assert {case.get("file") for case in cases.values()} == {f"tests/{NAME}.yaml"}
    assert str(project.directory) not in file.read_text()
    own = str(project.directory / "tests" / f"{NAME}.yaml")
    for command in (("test", "--junit"), ("plan", NAME, "-o")):
        assert "belongs to the project" in inside(*command, own, "--force", project=project.directory).sentence
