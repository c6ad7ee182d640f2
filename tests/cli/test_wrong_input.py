"""Mistakes a user is likely to make: one clear sentence, the right exit code, nothing opened and nothing sent."""

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, connector, environment, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving

QUERY = GOOD.format(rows=3)


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Iterator[Shop]:
    """A project whose warehouse is still to be made from its SQL; whatever a test does to it, nothing is sent."""
    before = len(tiktok.requests)
    project = shop(tmp_path / "shop", tiktok.url, QUERY)
    project.warehouse.unlink()
    project.warehouse.with_suffix(".sql").write_text("CREATE TABLE customers AS SELECT 'jo@example.com' AS mail;")
    yield project
    assert len(tiktok.requests) == before


def run(made: Shop, *options: str) -> Outcome:
    return inside("run", NAME, *options, project=made.directory)


def nothing_was_opened(made: Shop) -> bool:
    return not made.warehouse.exists() and not made.state.exists()


# orchestrations.yaml ----------------------------------------------------------------------------------------

SETTINGS_MISTAKES = {
    "typo in a key": ("fixed_event_name:", "fixed_event_nam:", "fixed_event_name"),
    "typo in an event": ("fixed_event_name: Purchase", "fixed_event_name: Purchas", 'Did you mean "Purchase"?'),
    "no such warehouse": ("warehouse: own", "warehouse: owm", "own"),
    "no such destination": ("destination: stores", "destination: store", "stores"),
    "no such credential": ("credential: tiktok", "credential: tictoc", "tiktok"),
    "no such query": ("query: purchases", "query: purchase", "purchases"),
    "no such template": ("query: purchases", "query: purchases\n    template: nope", "nope"),
    "unknown event source": ("event_source: offline", "event_source: in_store", "offline"),
    "id that is no number": ("event_source_id: '7654321098765432109'", "event_source_id: C4PIXEL", "event_source_id"),
    "id that lost its digits": ("advertiser_id: '7654321098765432109'", "advertiser_id: 7.6543e18", "advertiser_id"),
    "a zone without daylight saving": (
        "event_source: offline",
        "event_source: offline\n    timezone: EST",
        'never has daylight saving time. Did you mean "America/New_York"?',
    ),
    "http beyond this machine": ("api_url: http://127.0.0.1", "api_url: http://tiktok.example", "api_url"),
    "unknown warehouse": ("duckdb:///", "duckbd:///", "duckdb"),
    "percent over 100": ("query: purchases", "query: purchases\n    max_reject_percent: 200", "max_reject_percent"),
    "text for a switch": ("query: purchases", "query: purchases\n    line_items: nope", "line_items"),
    "no such version": ("version: 1", "version: 2", "version"),
    "missing variable": (
        "access_token: token",
        "access_token: '{{ env.NO_SUCH_VARIABLE }}' # token",
        "NO_SUCH_VARIABLE",
    ),
    "automatic without a schedule": ("query: purchases", "query: purchases\n    workflow: automatic", "schedule"),
    "duplicate key": ("query: purchases", "query: purchases\n    query: purchases", "query"),
    "no YAML": ("version: 1", "version: [1", "orchestrations.yaml"),
    "a zone's abbreviation": (
        "event_source: offline",
        "event_source: offline\n    timezone: PST",
        'Did you mean "America/Los_Angeles"?',
    ),
    "a zone's name in words": (
        "event_source: offline",
        "event_source: offline\n    timezone: Eastern Standard Time",
        'Did you mean "America/New_York"?',
    ),
    "an offset for a zone": ("event_source: offline", "event_source: offline\n    timezone: UTC+2", "name a city"),
    "a day that never comes": (
        "query: purchases",
        'query: purchases\n    schedule: {cron: "0 6 30 2 *"}',
        'no month of "2" has a day "30"',
    ),
    "a day that comes in none of the months": (
        "query: purchases",
        'query: purchases\n    schedule: {cron: "0 6 31 apr,JUN *"}',
        'no month of "apr,JUN" has a day "31"',
    ),
    "a name for a cron expression": (
        "query: purchases",
        'query: purchases\n    schedule: {cron: "@daily"}',
        'for @daily write "0 0 * * *"',
    ),
    "seconds in a cron expression": (
        "query: purchases",
        'query: purchases\n    schedule: {cron: "0 15 6 * * *"}',
        "there are no seconds",
    ),
    "a cron expression for a schedule": (
        "query: purchases",
        'query: purchases\n    schedule: "15 6 * * *"',
        'write {cron: "15 6 * * *"}',
    ),
    "a word for a schedule": (
        "query: purchases",
        'query: purchases\n    schedule: "@hourly"',
        'write {cron: "0 * * * *"}',
    ),
    "another word for a schedule": (
        "query: purchases",
        "query: purchases\n    schedule: daily",
        'write {cron: "0 0 * * *"}',
    ),
    "an interval for a schedule": ("query: purchases", "query: purchases\n    schedule: 15m", "write {every: 15m}"),
    "Hive": ("duckdb:///warehouse.duckdb", "hive://host/x", "pip install pyhive"),
    "region": ("event_source: offline", "event_source: offline\n    default_region: USA", "default_region"),
    "timezone": ("event_source: offline", "event_source: offline\n    timezone: New York", "timezone"),
}


@pytest.mark.parametrize("mistake", SETTINGS_MISTAKES)
def test_a_mistake_in_the_settings_is_told_in_one_sentence_before_anything_is_opened(made: Shop, mistake: str) -> None:
    old, new, told = SETTINGS_MISTAKES[mistake]
    text = made.settings.read_text()
    assert old in text
    made.settings.write_text(text.replace(old, new, 1))
    outcome = run(made)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "orchestrations.yaml" in outcome.sentence or "stores" in outcome.sentence
    assert told in outcome.sentence
    assert nothing_was_opened(made)


@pytest.mark.parametrize("command", ["run", "plan", "preview", "compile", "validate"])
def test_every_command_tells_the_mistake_alike(made: Shop, command: str) -> None:
    made.settings.write_text(made.settings.read_text().replace("event_source: offline", "event_source: shop"))
    outcome = inside(command, NAME, project=made.directory)
    assert outcome.code == 2
    assert "event_source" in outcome.sentence
    assert nothing_was_opened(made)


def test_all_mistakes_are_told_at_once_each_on_a_line(made: Shop) -> None:
    text = (
        made.settings.read_text()
        .replace("event_source: offline", "event_source: shop")
        .replace("version: 1", "version: 3")
    )
    made.settings.write_text(text)
    outcome = run(made)
    assert (outcome.code, len(outcome.stderr.splitlines())) == (2, 2)


@pytest.mark.parametrize("mistake", ["typo in an event", "unknown warehouse"])
def test_a_mistake_is_told_with_its_file_and_line(made: Shop, mistake: str) -> None:
    old, new, _ = SETTINGS_MISTAKES[mistake]
    made.settings.write_text(made.settings.read_text().replace(old, new, 1))
    assert f"{made.settings}:" in run(made).sentence


def test_a_variable_that_only_production_needs_is_named(project: Path, simulated: dict[str, Outcome]) -> None:
    outcome = inside("run", "store_purchases", "--target", "production", project=project)
    assert outcome.code == 2
    assert "TIKTOK_ACCESS_TOKEN, which is not set" in outcome.sentence


# Queries and templates --------------------------------------------------------------------------------------

QUERY_MISTAKES = {
    "unknown parameter": (
        "SELECT {{ parameters.dayz }} AS email, now() AS timestamp",
        'The parameter "dayz" is not set',
    ),
    "a parameter that nothing sets": (
        "SELECT {{ parameters.days }} AS email, now() AS timestamp",
        f'"days" is not set: add it to parameters of the orchestration "{NAME}"',
    ),
    "a model of dbt": ("SELECT * FROM {{ ref('orders') }}", "or the name of the table that the model builds"),
    "a source of dbt": (
        "SELECT * FROM {{ source('raw', 'orders') }}",
        '"source" is dbt\'s: write `dbt: {manifest:',
    ),
    "a variable of dbt": ("SELECT {{ var('days') }}", "write {{ parameters.NAME }}"),
    "a macro of dbt": ("SELECT {{ dbt_utils.star('x') }}", "is a package of dbt"),
    "settings of dbt": ("{{ config(materialized='table') }} SELECT 1", "settings are in orchestrations.yaml"),
    "the environment": ("SELECT {{ env.DAYS }}", '"{{ env.NAME }}"'),
    "a date of Airflow": ("SELECT '{{ ds }}'", "write {{ run.started_at }}"),
    "the name of the target": ("SELECT {{ target.name }}", "text, such as the name of the target"),
    "an invalid word": ("-- of today\nSELEC 1", "purchases.sql:2: This is not valid SQL: syntax error at or near"),
    "a comma too many": ("SELECT 1 AS a,,\n 2 AS b", "purchases.sql:1: This is not valid SQL"),
    "a bracket too few": ("SELECT (1 AS a", "purchases.sql:1: This is not valid SQL"),
    "a second statement": ("SELECT 1;\nSELECT 2", "purchases.sql:1: The query has to be one SELECT statement"),
    "no SELECT": (
        "\nDELETE FROM customers",
        'purchases.sql:2: The query has to be one SELECT statement and nothing else; it begins with "DELETE"',
    ),
    "a SELECT that writes": (
        "WITH x AS (INSERT INTO customers VALUES ('x') RETURNING mail)\nSELECT * FROM x",
        "purchases.sql:1: The query contains an INSERT statement",
    ),
    "open braces": ("SELECT\n{{ parameters.days AS email", "purchases.sql:2"),
    "empty": ("  \n", "The query is empty"),
    "only a comment": ("-- later", "The query is empty"),
}


@pytest.mark.parametrize("mistake", QUERY_MISTAKES)
def test_a_mistake_in_a_query_is_told_before_anything_is_opened(made: Shop, mistake: str) -> None:
    query, told = QUERY_MISTAKES[mistake]
    made.query.write_text(query)
    outcome = run(made)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert str(made.query) in outcome.sentence
    assert told in outcome.sentence
    assert nothing_was_opened(made)


def test_a_query_that_cannot_be_read_is_told(made: Shop) -> None:
    made.query.write_bytes(b"SELECT '\xff\xfe'")
    assert "UTF-8" in run(made).sentence
    made.query.unlink()
    made.query.mkdir()
    outcome = run(made)
    assert outcome.code == 2
    assert f"{made.query.name}, which is not a regular file: replace it with one." in outcome.sentence


COLUMN_MISTAKES = {
    "no time": ("SELECT 'jo@example.com' AS email", ['"timestamp"']),
    "nobody": ("SELECT now() AS timestamp, 2 AS value", ['"email"', '"phone"']),
    "structured e-mail": (
        "SELECT now() AS timestamp, {'mail': 'jo@example.com'} AS email",
        ['"email"', "STRUCT(mail VARCHAR)"],
    ),
    "date for a value": (
        "SELECT now() AS timestamp, 'jo@example.com' AS email, current_date AS value",
        ['"value"', "DATE"],
    ),
    "boolean time": ("SELECT true AS timestamp, 'jo@example.com' AS email", ['"timestamp"', "BOOLEAN"]),
    "twice": (
        "SELECT now() AS timestamp, 'jo@example.com' AS email, 'al@example.com' AS email",
        ['2 columns named "email"'],
    ),
    "twice in another case": (
        "SELECT now() AS timestamp, 'jo@example.com' AS email, 'al@example.com' AS \"EMAIL\"",
        ["2 columns", "email"],
    ),
}


@pytest.mark.parametrize("mistake", COLUMN_MISTAKES)
@pytest.mark.parametrize("command", ["run", "preview", "plan"])
def test_a_wrong_column_is_named(made: Shop, mistake: str, command: str) -> None:
    query, told = COLUMN_MISTAKES[mistake]
    made.query.write_text(query)
    outcome = inside(command, NAME, project=made.directory)
    sentence = outcome.stderr.splitlines()[-1]
    assert (outcome.code, outcome.stdout) == (2, "")
    assert str(made.query) in sentence
    assert all(word in sentence for word in told)
    assert "Traceback" not in outcome.stderr
    assert "jo@" not in outcome.stderr


TEMPLATE_MISTAKES = {
    "unknown parameter": ("parameters: {emial: mail}", "emial", 'Did you mean "email"?'),
    "no mapping": ("- email", "own.yaml", ""),
    "unknown key": ("parameter: {email: mail}", "parameter", ""),
    "extends nothing": ("extends: nope\nparameters: {}", "nope", ""),
    "extends itself": ("extends: own\nparameters: {}", "own", ""),
    "no YAML": ("parameters: {email: [", "own.yaml", ""),
    "a parameter beside parameters": ("email: mail", '"email" is a parameter: write it below parameters'),
    "a property beside parameters": ("properties.coupon: code", '"properties.coupon" is a parameter: write it below'),
    "a number for a column": ("parameters: {value: 5}", "For a constant, write {value: 5}."),
    "a switch for a column": ("parameters: {description: true}", "For a constant, write {value: true}."),
    "a zone's abbreviation": (
        "parameters: {timestamp: {column: at, timezone: EDT}}",
        'Did you mean "America/New_York"?',
    ),
    "a parameter that nothing sets": (
        "parameters: {event: {value: '{{ parameters.event }}'}}",
        f'"event" is not set: add it to parameters of the orchestration "{NAME}"',
    ),
}


@pytest.mark.parametrize("mistake", TEMPLATE_MISTAKES)
def test_a_mistake_in_a_template_is_told_before_anything_is_opened(made: Shop, mistake: str) -> None:
    text, *told = TEMPLATE_MISTAKES[mistake]
    use_template(made, text)
    outcome = run(made)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "own.yaml" in outcome.sentence
    assert all(word in outcome.sentence for word in told)
    assert nothing_was_opened(made)


def test_a_column_that_a_template_names_and_the_query_lacks_is_named_with_a_hint(made: Shop) -> None:
    use_template(made, "extends: tiktok_events\nparameters: {email: emial}")
    outcome = run(made)
    assert outcome.code == 2
    assert 'no column "emial"' in outcome.stderr
    assert 'Did you mean "email"?' in outcome.stderr


REVERSED = {"guest_mail": "email", "total": "value", "order": "event_id", "emai": "phone"}


@pytest.mark.parametrize("column", REVERSED)
def test_a_template_with_columns_and_parameters_reversed_is_told_so(made: Shop, column: str) -> None:
    use_template(made, f"extends: tiktok_events\nparameters:\n  {column}: {REVERSED[column]}")
    told = f'Unknown parameter "{column}". The other way round: `{REVERSED[column]}: {column}`.'
    assert told in inside("validate", NAME, project=made.directory).sentence


CONSTANTS = {
    "currency": "currency: EUR",
    "event": "event: CompletePayment",
    "country": "country: DE",
    "a text": "description: Winter",
}


@pytest.mark.parametrize("mistake", CONSTANTS)
def test_a_constant_that_is_written_as_a_column_is_told_how_to_be_written(made: Shop, mistake: str) -> None:
    use_template(made, f"extends: tiktok_events\nparameters:\n  {CONSTANTS[mistake]}")
    outcome = run(made)
    name, value = CONSTANTS[mistake].split(": ")
    assert outcome.code == 2
    assert f'{name}: there is no column "{value}". For a constant, write {{value: {value}}}.' in outcome.stderr


@pytest.mark.parametrize("mistake", ["currency", "event", "country"])
def test_validation_warns_of_a_column_that_looks_like_a_constant(made: Shop, mistake: str) -> None:
    use_template(made, f"extends: tiktok_events\nparameters:\n  {CONSTANTS[mistake]}")
    name, value = CONSTANTS[mistake].split(": ")
    outcome = inside("validate", NAME, project=made.directory)
    warning = f'templates/own.yaml:3: {name} takes the column "{value}"; for a constant, write {{value: {value}}}.'
    assert outcome.code == 0
    assert warning in outcome.stderr


def test_a_template_or_query_with_another_ending_is_named(made: Shop) -> None:
    use_template(made, "parameters: {}")
    (made.directory / "templates" / "own.yaml").rename(made.directory / "templates" / "own.yml")
    assert "templates/own.yml: rename it to own.yaml." in run(made).sentence
    (made.directory / "templates" / "own.yml").rename(made.directory / "templates" / "own.yaml")
    made.query.rename(made.query.with_suffix(".SQL"))
    assert "queries/purchases.SQL: rename it to purchases.sql." in run(made).sentence


def use_template(made: Shop, text: str) -> None:
    (made.directory / "templates").mkdir()
    (made.directory / "templates" / "own.yaml").write_text(text)
    settings = made.settings.read_text()
    made.settings.write_text(settings.replace("query: purchases", "query: purchases\n    template: own"))


# The warehouse ----------------------------------------------------------------------------------------------

FAILING = {
    "no such table": ("SELECT * FROM nowhere", "nowhere"),
    "no such column": ("SELECT nothing FROM customers", "nothing"),
}


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_a_warehouse_file_that_does_not_exist_is_told_with_the_one_that_is_meant(made: Shop, scheme: str) -> None:
    elsewhere = made.directory.parent / f"elsewhere.{scheme}"
    elsewhere.touch()
    made.query.write_text("SELECT 1 AS email")
    (made.directory / f"hotel.{scheme}").touch()
    settings = made.settings.read_text()
    before = yaml.safe_load(settings)["warehouses"]
    (name,) = before
    for path, told in {
        str(elsewhere).removeprefix("/"): f"For the absolute path, write four slashes, as in :///{elsewhere}.",
        f"hotle.{scheme}": f'Did you mean "hotel.{scheme}"?',
        f"nothing-alike.{scheme}": "does not exist",
    }.items():
        made.settings.write_text(settings.replace(before[name]["url"], f"{scheme}:///{path}"))
        assert told in inside("preview", NAME, project=made.directory).sentence


@pytest.mark.parametrize("run_id", ["latest", "0193a1b2", "20261130-101500-abcd"])
def test_a_run_in_place_of_a_command_is_told_how_to_be_shown(made: Shop, run_id: str) -> None:
    outcome = inside("runs", run_id, project=made.directory)
    assert outcome.code == 2
    assert f"connector runs show {run_id}" in outcome.stderr
    assert "runs show" not in inside("runs", "lits", project=made.directory).stderr


def test_a_run_without_a_name_lists_the_orchestrations(made: Shop) -> None:
    assert inside("run", project=made.directory).sentence.endswith(f"The names are {NAME}.")


def test_a_project_that_is_a_file_is_told_its_folder(made: Shop) -> None:
    assert f"name its folder, --project {made.directory}" in inside("validate", project=made.settings).sentence


def test_parameters_that_are_a_list_are_told_to_be_a_mapping(made: Shop) -> None:
    use_template(made, "parameters:\n  - email: mail")
    assert "`PARAMETER: COLUMN` below it, without the `- ` of a list." in run(made).sentence


@pytest.mark.parametrize("mistake", FAILING)
def test_a_failing_query_exits_with_1_and_is_a_failed_run(made: Shop, mistake: str) -> None:
    query, told = FAILING[mistake]
    made.query.write_text(query)
    outcome = run(made, "--json")
    record = outcome.record()
    assert outcome.code == 1
    assert outcome.sentence.startswith("queries/purchases.sql:1: The query failed: ")
    assert told in outcome.sentence
    assert (record["status"], record["error"]) == ("failed", outcome.sentence)
    assert set(record["rows"].values()) == {0}


def test_a_query_that_fails_half_way_leaves_nothing_staged(made: Shop) -> None:
    made.query.write_text(
        "SELECT now() AS timestamp, n || '@example.com' AS email, 'e' || n AS event_id,"
        " CASE WHEN n = 150000 THEN error('out of paper') END AS description FROM range(200000) AS t (n)"
    )
    outcome = run(made, "--json")
    assert outcome.code == 1
    assert "out of paper" in outcome.sentence
    assert outcome.record()["status"] == "failed"
    assert [path for path in (made.state / "runs").rglob("*") if path.is_file()] == []


def test_a_warehouse_file_that_is_not_there_is_named(made: Shop) -> None:
    made.warehouse.with_suffix(".sql").unlink()
    outcome = run(made, "--json")
    assert outcome.code == 1
    assert "warehouse.duckdb" in outcome.sentence
    assert outcome.record()["error"] == outcome.sentence


def test_a_warehouse_file_that_is_something_else_is_named(made: Shop) -> None:
    made.warehouse.write_text("id,email\n1,jo@example.com\n" * 500)
    outcome = run(made)
    assert outcome.code == 1
    assert "warehouse.duckdb" in outcome.stderr
    assert "jo@" not in outcome.stderr


def test_an_empty_result_is_a_completed_run(made: Shop) -> None:
    made.query.write_text(f"{QUERY} WHERE false")
    outcome = run(made, "--json")
    assert (outcome.code, outcome.record()["status"]) == (0, "completed")
    assert outcome.record()["requests"] == {"sent": 0, "retried": 0}


def test_a_query_of_several_statements_is_refused(made: Shop) -> None:
    leak = made.directory / "leak.csv"
    made.query.write_text(f"COPY customers TO '{leak}'; {QUERY}")
    outcome = inside("preview", NAME, project=made.directory)
    assert outcome.code != 0
    assert not leak.exists()


def test_a_statement_that_is_no_query_is_not_carried_out(made: Shop) -> None:
    leak = made.directory / "leak.csv"
    made.query.write_text(f"COPY customers TO '{leak}'")
    assert inside("preview", NAME, project=made.directory).code != 0
    assert not leak.exists()


# The command line -------------------------------------------------------------------------------------------

USAGE = {
    ("run", "purchase"): 'Did you mean "purchases"?',
    ("run", "nothing-like-it"): 'There is no orchestration "nothing-like-it"',
    ("plan", "purchase"): 'Did you mean "purchases"?',
    ("validate", "purchase"): 'Did you mean "purchases"?',
    ("run", NAME, "--target", "production"): "production",
    ("run", NAME, "--limit", "0"): "--limit",
    ("run", NAME, "--limit", "many"): "--limit",
    ("run", NAME, "--nonsense"): "--nonsense",
    ("run",): "Name the orchestrations to run",
    ("preview", NAME, "--rows", "0"): "--rows",
    ("walk",): "walk",
    ("runs", "show", "20200101T000000-abcdef"): 'There is no run "20200101T000000-abcdef"',
    ("rejects", "20200101T000000-abcdef"): 'There is no run "20200101T000000-abcdef"',
    ("rejects", "x", "--reason", "mising_identity"): 'Did you mean "missing_identity"?',
    ("rejects", "x", "--format", "xml"): "xml",
    ("runs", "list", "--orchestration", "purchase"): 'Did you mean "purchases"?',
}


@pytest.mark.parametrize("args", USAGE, ids=" ".join)
def test_wrong_usage_exits_with_2_and_says_what_was_wrong(made: Shop, args: tuple[str, ...]) -> None:
    outcome = inside(*args, project=made.directory)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert USAGE[args] in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not made.warehouse.exists()


def test_a_folder_without_a_project_is_told_what_to_do(tmp_path: Path) -> None:
    here, there = connector("runs", cwd=tmp_path), inside("runs", project=tmp_path / "nowhere")
    assert here.code == there.code == 2
    assert str(tmp_path) in here.sentence
    assert "connector init" in here.sentence
    assert str(tmp_path / "nowhere") in there.sentence


def test_a_project_file_with_another_name_is_told(made: Shop) -> None:
    for name in ("orchestrations.yml", "Orchestrations.yaml", "orchestration.yaml", "orchestrations.json"):
        other = made.settings.rename(made.directory / name)
        assert inside("runs", project=made.directory).sentence.endswith(f"Rename {name} to orchestrations.yaml.")
        other.rename(made.settings)


def test_a_folder_in_a_project_and_one_around_it_are_told_where_it_is(made: Shop) -> None:
    below, above = inside("runs", project=made.query.parent), inside("runs", project=made.directory.parent)
    assert (below.code, above.code) == (2, 2)
    assert f"add --project {made.directory}" in below.sentence
    assert f"add --project {made.directory.name}" in above.sentence


def test_a_project_without_runs_is_told_what_to_do(made: Shop) -> None:
    told = inside("runs", project=made.directory)
    assert (told.code, told.sentence) == (0, f"There are no runs yet. Start one: connector run {NAME}")
    assert "No run matches" in inside("runs", "list", "--status", "failed", project=made.directory).sentence
    assert inside("runs", "--json", project=made.directory).stderr == ""


def test_columns_that_were_not_checked_are_named(made: Shop) -> None:
    use_template(made, "extends: tiktok_events\nparameters: {email: [mail, other], value: {value: 5}}")
    outcome = inside("validate", NAME, project=made.directory)
    assert outcome.code == 0
    assert (
        f"Not checked: that the result has the columns mail, other. `connector validate {NAME} --connect`"
        in outcome.stderr
    )
    assert inside("validate", NAME, "--json", project=made.directory).json["orchestrations"][0]["columns_to_check"] == [
        "mail",
        "other",
    ]


def test_a_warehouse_that_does_not_answer_is_named_with_its_host(made: Shop) -> None:
    text = made.settings.read_text()
    made.settings.write_text(text.replace("duckdb:///warehouse.duckdb", "postgresql://jo:secret-word@127.0.0.1:1/x"))
    outcome = run(made)
    assert outcome.code == 1
    assert "127.0.0.1" in outcome.stderr
    assert "secret-word" not in outcome.stderr


@pytest.mark.parametrize("is_there", [False, True])
def test_a_state_folder_that_cannot_be_written_is_named(made: Shop, is_there: bool) -> None:
    locked = made.state if is_there else made.directory
    locked.mkdir(exist_ok=True)
    locked.chmod(0o555)
    try:
        outcome = without_override("run", NAME, project=made.directory)
    finally:
        locked.chmod(0o755)
    assert outcome.code == 1
    assert f"'{made.state}" in outcome.sentence
    assert "cannot be written (Permission denied). Let this user write there" in outcome.sentence
    made.query.unlink()  # nothing was opened, so there is no state to look at


def without_override(*args: str, project: Path) -> Outcome:
    """Runs the command without root's right to write where nobody may."""

    def drop() -> None:
        libc = ctypes.CDLL(None)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    done = subprocess.run(
        [sys.executable, "-m", "connector", *args],
        env=environment(project),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=drop,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_a_mistake_prints_one_object_where_json_is_asked_for(made: Shop) -> None:
    made.query.write_text("SELECT 1 AS nothing")
    outcome = connector("run", NAME, "--json", project=made.directory)
    assert outcome.code == 2
    assert "timestamp" in json.loads(outcome.stdout)["error"]
    outcome = inside("plan", "purchase", "--json", project=made.directory)
    assert "purchases" in json.loads(outcome.stdout)["error"]


def test_an_empty_test_event_code_never_sends_real_events(tmp_path: Path) -> None:
    with serving() as own:
        project = shop(tmp_path / "shop", own.url, QUERY).directory
        outcome = inside("run", NAME, "--test-event-code", "", project=project)
    assert own.requests == []
    assert outcome.code == 2


def test_a_state_folder_that_cannot_be_made_is_named(made: Shop) -> None:
    made.state.write_text("in the way")
    outcome = run(made)
    assert ".connector" in outcome.sentence


def test_the_project_may_be_named_before_the_subcommand_of_runs(made: Shop, tmp_path: Path) -> None:
    outcome = inside("runs", "--project", str(made.directory), "list", project=tmp_path)
    assert outcome.code == 0


def test_json_prints_one_object_for_an_unexpected_error_too(made: Shop) -> None:
    made.state.write_text("in the way")
    assert "error" in json.loads(run(made, "--json").stdout)


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_the_token_of_the_simulator_is_not_sent_to_tiktok(made: Shop, command: str) -> None:
    text = made.settings.read_text("utf-8")
    address = re.search("api_url: (http://127.0.0.1:[0-9]+)", text)
    assert address
    text = text.replace(f"api_url: {address[1]}", "api_url: https://business-api.tiktok.com")
    made.settings.write_text(re.sub("access_token: .*", "access_token: simulator", text), "utf-8")
    outcome = inside(command, NAME, project=made.directory)
    assert outcome.code == 2
    assert 'the token is "simulator", and requests would go to https://business-api.tiktok.com' in outcome.stderr
    assert "`stores: {api_url: simulator}` below `destinations` of the target default" in outcome.stderr
    assert nothing_was_opened(made)


LACKING: dict[str, tuple[dict[str, Any] | None, list[str]]] = {
    "no column of the name": (
        None,
        [
            'There is no column "timestamp". Did you mean "timestamps"?',
            "`COLUMN AS timestamp`",
            "There is: order_id, timestamps, ",
        ],
    ),
    "a template without it": (
        {"parameters": {"email": "mail", "order_id": "order_id"}},
        ['The template "own" maps no column to timestamp: add `timestamp: COLUMN`', "`extends: tiktok_events`"],
    ),
}


@pytest.mark.parametrize("mistake", LACKING)
def test_a_parameter_that_nothing_fills_is_told_with_the_columns_that_there_are(tmp_path: Path, mistake: str) -> None:
    template, told = LACKING[mistake]
    query = "SELECT 'o1' AS order_id, now() AS timestamps, 'jo@example.com' AS mail, 'jo@example.com' AS email"
    made = shop(tmp_path / "shop", "simulator", query, template=template)
    outcome = inside("plan", NAME, project=made.directory)
    assert outcome.code == 2
    assert [part for part in told if part not in outcome.stderr] == []
