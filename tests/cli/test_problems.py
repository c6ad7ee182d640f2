"""All problems of a project at once, across its files, each with the line, the column and the rule."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.errors import Rule
from connector.example.example_project import write_example
from tests.cli.command import Outcome, inside

TEMPLATE = """\
extends: tiktok_events
parameters:
  event: event_name
  emial: x
  value: {colum: y}
  email:
    - a
    - {column: b, timezon: UTC}
  description: {value: "{{ parameters.wording }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_example(tmp_path)
    return tmp_path


def change(folder: Path, file: str, *pairs: tuple[str, str]) -> None:
    text = (folder / file).read_text("utf-8")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / file).write_text(text, "utf-8")


def validated(folder: Path, *options: str) -> Outcome:
    return inside("validate", "--json", *options, project=folder)


def places(folder: Path, *options: str) -> list[tuple[str, Any, Any, str]]:
    problems = validated(folder, *options).json["problems"]
    return [
        (Path(one["file"]).relative_to(folder).as_posix(), one["line"], one["column"], one["rule"]) for one in problems
    ]


def line(folder: Path, file: str, text: str) -> int:
    lines = (folder / file).read_text("utf-8").splitlines()
    return next(number for number, one in enumerate(lines, 1) if text in one)


def test_a_valid_project_has_no_problems(folder: Path) -> None:
    outcome = validated(folder)
    assert outcome.code == 0
    assert outcome.json["problems"] == []
    assert "error" not in outcome.json
    assert len(outcome.json["orchestrations"]) == 5


def test_problems_of_all_files_are_listed_at_once_with_their_places(folder: Path) -> None:
    change(folder, "orchestrations.yaml", ("default_region: US", "default_region: USA"), ("days: 7", "dayz: 7"))
    change(folder, "orchestrations.yaml", ("line_items: false ", "line_item: false"))
    change(folder, "queries/legacy_offline_events.sql", ("SELECT", "SELEC"))
    (folder / "templates" / "web_events.yaml").write_text(TEMPLATE, "utf-8")
    settings, query = "orchestrations.yaml", "queries/store_purchases.sql"
    days, select = line(folder, query, "{{ parameters.days"), line(folder, "queries/legacy_offline_events.sql", "SELEC")
    written = (folder / query).read_text("utf-8").splitlines()[days - 1]
    assert places(folder) == [
        (settings, line(folder, settings, "default_region: USA"), 5, "invalid_value"),
        (settings, line(folder, settings, "line_item:"), 5, "unknown_key"),
        ("queries/legacy_offline_events.sql", select, 1, "query_syntax"),
        (query, days, written.index("days") + 1, "missing_value"),
        ("templates/web_events.yaml", 4, 3, "unknown_parameter"),
        ("templates/web_events.yaml", 5, 3, "unknown_key"),
        ("templates/web_events.yaml", 5, 3, "invalid_value"),
        ("templates/web_events.yaml", 8, 7, "unknown_key"),
        ("templates/web_events.yaml", 9, 3, "missing_value"),
    ]
    outcome = inside("validate", project=folder)
    assert outcome.code == 2
    assert len(outcome.stderr.splitlines()) == 9


QUERIES = {
    "an invalid word": ("SELEC 1", (1, 1, "query_syntax")),
    "below other lines": ("-- why\n\nSELECT 1 AS a,\n  FRM t t t", (4, 9, "query_syntax")),
    "below Jinja": ("{% for n in [1, 2] %}\n-- {{ n }}\n{% endfor %}\nSELECT a b c", (4, 12, "query_syntax")),
    "within a macro": (
        "{% macro m() %}\n  a b c\n{% endmacro %}\nSELECT\n  {{ m() }}\nFROM t",
        (2, 7, "query_syntax"),
    ),
    "behind a literal": ("SELECT {{ parameters.days }} AS a b", (1, None, "query_syntax")),
    "behind a literal of several lines": (
        "SELECT {{ 'a\\nb\\nc' }} AS a,\n  b c d FROM t",
        (2, 7, "query_syntax"),
    ),
    "two statements": ("SELECT 1;\nDELETE FROM t", (1, 9, "not_one_select")),
    "a statement that writes": ("\nCOPY t TO 'x'", (2, 1, "not_one_select")),
    "one that writes in a clause": (
        "WITH x AS (\n  INSERT INTO t VALUES (1)\n) SELECT * FROM x",
        (2, 3, "not_one_select"),
    ),
    "a pivot without values": (
        "WITH p AS (\n  PIVOT orders ON currency USING sum(value)\n) SELECT * FROM p",
        (2, 3, "not_one_select"),
    ),
    "an unknown name": ("SELECT\n  1, {{ nothing }}", (2, 9, "query_template")),
    "a name of dbt": ("SELECT * FROM {{ ref('x') }}", (1, 18, "query_template")),
    "Jinja": ("SELECT\n  {{ parameters.days", (2, 3, "query_template")),
    "a value without a literal": ("SELECT\n {{ parameters }}", (2, 2, "query_template")),
    "a parameter": ("SELECT {{ parameters.dais }}", (1, 22, "missing_value")),
}


@pytest.mark.parametrize("mistake", QUERIES)
def test_a_problem_of_a_query_has_the_place_in_its_file(folder: Path, mistake: str) -> None:
    text, place = QUERIES[mistake]
    (folder / "queries" / "store_purchases.sql").write_text(text, "utf-8")
    assert places(folder) == [("queries/store_purchases.sql", *place)]


def test_every_parameter_that_is_not_set_is_named(folder: Path) -> None:
    text = "SELECT {{ parameters.one }},\n {{ parameters.two }}, {{ parameters.days }}, {{ parameters.one }}"
    (folder / "queries" / "store_purchases.sql").write_text(text, "utf-8")
    found = [one["message"] for one in validated(folder).json["problems"]]
    where = '(there is days): add it to parameters of the orchestration "store_purchases".'
    assert found == [f'The parameter "{name}" is not set {where}' for name in ("one", "two")]


SETTINGS = {
    "syntax": ("version: 1", "version: [1", "syntax"),
    "a placeholder": ('"{{ env.TIKTOK_ACCESS_TOKEN }}"', '"{{ env.TIKTOK_ACCESS_TOKEN "', "syntax"),
    "twice": ("    warehouse: demo", "    warehouse: demo\n    warehouse: demo", "duplicate_key"),
    "two spellings": (
        "    template: tiktok_events",
        "    template: tiktok_events\n    Data Template: x",
        "duplicate_key",
    ),
    "unknown key": ("    workflow: manual", "    workflo: manual", "unknown_key"),
    "lacks a key": ("    destination: store_events", "    # nowhere", "missing_key"),
    "lacks a type": ("    type: tiktok_events", "    # of no type", "missing_key"),
    "a value": ("event_source: offline", "event_source: shop", "invalid_value"),
    "a type": ("    tags: [stores]", "    tags: {a: b}", "invalid_value"),
    "two that exclude each other": (
        "    query: store_purchases",
        "    query: store_purchases\n    file: x.csv",
        "key_conflict",
    ),
    "no such warehouse": ("    warehouse: demo", "    warehouse: demmo", "unknown_name"),
    "no such query": ("    query: store_purchases", "    query: store_purchase", "unknown_name"),
    "no such template": ("    template: web_events", "    template: web_event", "unknown_name"),
    "no such target": ("target: local", "target: lokal", "unknown_name"),
    "waits for itself": (
        'schedule: {cron: "15 6 * * *", timezone: America/New_York}',
        "schedule: {after: store_purchases}",
        "cycle",
    ),
    "a shell variable": ('"{{ env.TIKTOK_ACCESS_TOKEN }}"', '"${TIKTOK_ACCESS_TOKEN}"', "shell_variable"),
    "a variable that is not set": (
        "    parameters: {days: 7}",
        "    parameters: {days: '{{ env.NO_SUCH_VARIABLE }}'}",
        "missing_value",
    ),
    "a missing driver": ("duckdb:///demo/warehouse.duckdb", "mssql+pyodbc://host/x", "missing_driver"),
    "an event": ("fixed_event_name: Purchase", "fixed_event_name: Purchas", "invalid_value"),
}


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_problem_of_the_settings_has_a_line_a_column_and_a_rule(folder: Path, mistake: str) -> None:
    old, new, rule = SETTINGS[mistake]
    change(folder, "orchestrations.yaml", (old, new))
    outcome = validated(folder)
    assert outcome.code == 2
    mine = [one for one in outcome.json["problems"] if one["rule"] == rule]
    assert mine, outcome.json["problems"]
    assert all(one["line"] > 0 and one["column"] > 0 for one in mine)
    assert all(one["message"] in outcome.json["error"] for one in outcome.json["problems"])


def test_a_problem_within_a_flow_mapping_has_the_column_of_its_key(folder: Path) -> None:
    change(folder, "orchestrations.yaml", ("timezone: America/New_York", "timezone: Nowhere"))
    found = (folder / "orchestrations.yaml").read_text("utf-8").splitlines()
    number = line(folder, "orchestrations.yaml", "timezone: Nowhere")
    place = ("orchestrations.yaml", number, found[number - 1].index("timezone") + 1, "invalid_value")
    assert places(folder) == [place]


def test_a_project_file_that_is_no_yaml_hides_no_mistakes_of_other_files(folder: Path) -> None:
    change(folder, "orchestrations.yaml", ("version: 1", "version: [1"))
    (folder / "queries" / "vip_customers.sql").write_text("SELECT\n  {{ parameters.days", "utf-8")
    (folder / "templates" / "web_events.yaml").write_text("parameters: {email: [", "utf-8")
    found = places(folder)
    assert [one[0] for one in found] == [
        "orchestrations.yaml",
        "queries/vip_customers.sql",
        "templates/web_events.yaml",
    ]
    assert found[1] == ("queries/vip_customers.sql", 2, 3, "query_template")


def test_a_folder_without_a_project_is_a_problem_too(tmp_path: Path) -> None:
    outcome = validated(tmp_path)
    (problem,) = outcome.json["problems"]
    assert (outcome.code, outcome.json["target"], outcome.json["orchestrations"]) == (2, None, [])
    assert (problem["file"], problem["rule"]) == (None, "unreadable")


def test_an_unknown_target_is_the_one_problem(folder: Path) -> None:
    (folder / "queries" / "store_purchases.sql").write_text("SELEC", "utf-8")
    outcome = validated(folder, "--target", "produktion")
    assert [one["message"] for one in outcome.json["problems"]] == [
        'There is no target "produktion". Did you mean "production"?'
    ]
    assert outcome.json["target"] is None


def test_an_unknown_orchestration_is_a_problem(folder: Path) -> None:
    assert [one[3] for one in places(folder, "store_purchase")] == ["unknown_name"]


def test_every_rule_is_used() -> None:
    source = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "connector").rglob("*.py"))
    assert [rule for rule in Rule if f"Rule.{rule.name}" not in source] == []


def test_queries_that_the_warehouse_refuses_are_all_listed_with_the_problems_of_others(folder: Path) -> None:
    (folder / "queries" / "store_purchases.sql").write_text("SELECT *\nFROM nowhere", "utf-8")
    (folder / "queries" / "vip_customers.sql").write_text("SELECT no_function()", "utf-8")
    (folder / "queries" / "web_purchases.sql").write_text("SELECT 1 AS nothing", "utf-8")
    outcome = validated(folder, "--connect")
    found = {(Path(one["file"]).name, one["rule"]) for one in outcome.json["problems"]}
    assert outcome.code == 2
    assert {("store_purchases.sql", "query_failed"), ("vip_customers.sql", "query_failed")} <= found
    assert ("web_events.yaml", "columns") in found
    assert inside("validate", "--connect", project=folder).code == 2


def _unopened(folder: Path) -> None:
    """Give three orchestrations two warehouses that do not exist."""
    settings = yaml.safe_load((folder / "orchestrations.yaml").read_text("utf-8"))
    for name in ("gone", "lost"):
        settings["warehouses"][name] = {"url": f"sqlite:///{name}.sqlite"}
    queries = [one for one in settings["orchestrations"].values() if "query" in one]
    for one, warehouse in zip(queries, ("gone", "gone", "lost"), strict=False):
        one["warehouse"] = warehouse
    (folder / "orchestrations.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")


def test_warehouses_that_cannot_be_opened_are_each_told_once(folder: Path) -> None:
    _unopened(folder)
    outcome = inside("validate", "--connect", project=folder)
    told = [one for one in outcome.stderr.splitlines() if "does not exist" in one]
    assert outcome.code == 1
    assert [Path(one.split('"')[1]).name for one in told] == ["gone.sqlite", "lost.sqlite"]


def test_a_warehouse_that_cannot_be_opened_hides_no_other_problem(folder: Path) -> None:
    _unopened(folder)
    for query in (folder / "queries").glob("*.sql"):
        query.write_text("DELETE FROM orders", "utf-8")
        break
    outcome = validated(folder, "--connect")
    rules = [one["rule"] for one in outcome.json["problems"]]
    assert outcome.code == 2
    assert "not_one_select" in rules
    assert "source_failed" in rules


REFUSED = {
    "a column": ("SELECT\n  1 AS a,\n  guestmail AS email\nFROM (SELECT 1 AS mail)", (3, 3)),
    "a table": ("-- why\nSELECT *\nFROM nowhere", (3, 6)),
    "a function": ("SELECT\n\n   no_function(1)", (3, 4)),
    "a table of a long line": (f"SELECT 1,\n '{'x' * 300}' AS a FROM nowhere", (2, 315)),
    "below a loop": ("{% for n in [1, 2] %}\n-- {{ n }}\n{% endfor %}\nSELECT a\nFROM nowhere", (5, 6)),
    "behind a literal": ("SELECT {{ 'a\nb' }},\n  nothing", (3, 3)),
    "on the line of a literal": ("SELECT 1,\n  {{ parameters.days }}, nothing", (2, None)),
    "in a subquery": ("WITH x AS (\n  SELECT nothing FROM (SELECT 1 AS a)\n)\nSELECT * FROM x", (2, 10)),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_the_warehouse_refuses_has_the_place_in_the_file_of_the_query(folder: Path, mistake: str) -> None:
    text, place = REFUSED[mistake]
    (folder / "queries" / "store_purchases.sql").write_text(text, "utf-8")
    assert places(folder, "store_purchases", "--connect") == [("queries/store_purchases.sql", *place, "query_failed")]
    (problem,) = validated(folder, "store_purchases", "--connect").json["problems"]
    assert "LINE" not in problem["message"]
    sentence = inside("preview", "store_purchases", project=folder).sentence
    assert sentence.startswith(f"queries/store_purchases.sql:{place[0]}: The query failed: ")


QUERY, TOKEN = "    query: store_purchases", "{{ env.TIKTOK_ACCESS_TOKEN }}"
ONE_LINE = {
    "an unknown type": ("    type: tiktok_events", "    type: tiktok", 'Did you mean "tiktok_events"?'),
    "a path": (QUERY, "    query: queries/store_purchases.sql", "write `query: store_purchases`."),
    "a file": (QUERY, "    query: store_purchases.sql", "write `query: store_purchases`."),
    "SQL": (QUERY, "    query: SELECT * FROM stays", "is SQL: save it as queries/NAME.sql and write `query: NAME`."),
    "SQL with WITH": (QUERY, "    query: with x as (select 1) select 2", "is SQL: save it as queries/NAME.sql"),
    "SQL on several lines": (
        QUERY,
        "    query: |\n      -- x\n      SELECT 1/2",
        "is SQL: save it as queries/NAME.sql",
    ),
    "a name like SQL": (QUERY, "    query: with returns", 'names the query "with returns"'),
    "a template's path": (
        "template: web_events",
        "template: templates/web_events.yaml",
        "write `template: web_events`.",
    ),
    "a placeholder without quotes": (f'"{TOKEN}"', TOKEN, "needs quotation marks"),
}


@pytest.mark.parametrize("mistake", ONE_LINE)
def test_one_mistake_is_one_line(folder: Path, mistake: str) -> None:
    old, new, told = ONE_LINE[mistake]
    change(folder, "orchestrations.yaml", (old, new))
    assert told in inside("validate", project=folder).sentence
