"""`{{ env.NAME }}`: filled in late, missed by name, and secrets that never print."""

import traceback
from pathlib import Path

import pytest

from connector.config.project import Project
from connector.destinations.tiktok.settings import TikTokSettings
from connector.errors import ConfigurationError
from tests.config.project import BASE, changed, line_of, load, problems

SECRET = "s3cr3t-v4lu3"
FROM_ENV = changed("token-that-never-prints", '"{{ env.TOKEN }}"')


def refused(project: Project) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        project.orchestration("purchases")
    return caught.value


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    destination = load(tmp_path, FROM_ENV, environ={"TOKEN": SECRET}).orchestration("purchases").destination
    assert isinstance(destination, TikTokSettings)
    token = destination.credential.access_token
    assert token is not None
    assert token.get_secret_value() == SECRET


def test_a_missing_variable_is_named_only_when_it_is_needed(tmp_path: Path) -> None:
    project = load(tmp_path, FROM_ENV, environ={"TOKEN_": ""})
    (problem,) = refused(project).problems
    assert problem.line == line_of(FROM_ENV, "env.TOKEN")
    assert "credentials.tiktok.access_token needs the environment variable TOKEN, which is not set" in problem.message


def test_an_orchestration_does_not_ask_for_the_variables_of_another(tmp_path: Path) -> None:
    text = BASE.replace("warehouses:\n", 'warehouses:\n  other: {url: "snowflake://{{ env.USER_NAME }}@a"}\n')
    assert load(tmp_path, text).orchestration("purchases").name == "purchases"


def test_every_missing_variable_is_named_at_once(tmp_path: Path) -> None:
    text = FROM_ENV.replace("duckdb:///demo/warehouse.duckdb", "snowflake://{{ env.A }}@{{ env.B }}/x")
    messages = [problem.message for problem in refused(load(tmp_path, text)).problems]
    assert [message.partition("variable ")[2].partition(",")[0] for message in messages] == [
        "A",
        "B",
        "TOKEN",
    ]


def test_the_simulator_needs_no_credential_from_the_environment(tmp_path: Path) -> None:
    text = FROM_ENV.replace("    type: tiktok_events\n", "    type: tiktok_events\n    api_url: simulator\n")
    destination = load(tmp_path, text).orchestration("purchases").destination
    assert isinstance(destination, TikTokSettings)
    token = destination.credential.access_token
    assert token is not None
    assert token.get_secret_value() == "simulator"


def test_a_default_stands_in_for_a_missing_variable(tmp_path: Path) -> None:
    text = changed("query: purchases", "query: \"{{ env.QUERY | default('purchases') }}\"")
    assert load(tmp_path, text).orchestration("purchases").query == "purchases"


def test_variables_may_be_named_like_methods(tmp_path: Path) -> None:
    text = changed("query: purchases", 'query: "{{ env.items }}"')
    assert load(tmp_path, text, environ={"items": "purchases"}).orchestration("purchases").query == "purchases"


def test_numbers_and_switches_may_come_from_the_environment(tmp_path: Path) -> None:
    text = changed(
        "query: purchases",
        'query: purchases\n    limit: "{{ env.LIMIT }}"\n    line_items: "{{ env.ITEMS }}"',
    )
    orchestration = load(tmp_path, text, environ={"LIMIT": "10", "ITEMS": "false"}).orchestration("purchases")
    assert (orchestration.limit, orchestration.line_items) == (10, False)


def test_a_reference_may_come_from_the_environment(tmp_path: Path) -> None:
    text = changed("warehouse: demo", 'warehouse: "{{ env.W }}"')
    assert load(tmp_path, text, environ={"W": "demo"}).orchestration("purchases").warehouse is not None
    (problem,) = refused(load(tmp_path, text, environ={"W": "demmo"})).problems
    assert 'Did you mean "demo"?' in problem.message


def test_a_value_from_the_environment_is_checked_but_not_shown(tmp_path: Path) -> None:
    text = changed('"7654321098765432109"', '"{{ env.ADVERTISER }}"')
    error = refused(load(tmp_path, text, environ={"ADVERTISER": SECRET}))
    (problem,) = error.problems
    assert problem.line == line_of(text, "ADVERTISER")
    assert 'filled in from "{{ env.ADVERTISER }}"; it must be digits only' in problem.message
    assert SECRET not in str(error)


def test_a_value_is_not_filled_in_twice(tmp_path: Path) -> None:
    text = changed("query: purchases", 'query: purchases\n    description: "{{ env.A }}"')
    orchestration = load(tmp_path, text, environ={"A": "{{ env.B }}", "B": "no"}).orchestration("purchases")
    assert orchestration.description == "{{ env.B }}"


@pytest.mark.parametrize("text", ["{{ env.A.__class__ }}", "{{ 1 / 0 }}", "{{ ''.__class__.__mro__ }}"])
def test_only_the_environment_can_be_reached(tmp_path: Path, text: str) -> None:
    project = load(
        tmp_path,
        changed("query: purchases", f'query: purchases\n    description: "{text}"'),
        environ={"A": SECRET},
    )
    assert SECRET not in str(refused(project))


def test_no_secret_is_printed_by_what_a_project_hands_out(tmp_path: Path) -> None:
    text = (
        FROM_ENV.replace("duckdb:///demo/warehouse.duckdb", "postgresql://u:{{ env.TOKEN }}@h/db")
        .replace('"postgresql', "'postgresql")
        .replace('h/db"', f"h/db', password: {SECRET}, token: {SECRET}")
        .replace(
            "version: 1\n",
            f"version: 1\nledger: 'postgresql://u:{SECRET}@h/l'\nnotifications: {{a: 'x://{SECRET}'}}\n",
        )
    )
    project = load(tmp_path, text, environ={"TOKEN": SECRET})
    orchestration = project.orchestration("purchases")
    assert SECRET in project.ledger_url
    parts = (
        project,
        orchestration,
        orchestration.warehouse,
        orchestration.destination,
        project.credential("tiktok"),
    )
    for part in parts:
        assert SECRET not in repr(part) + str(part) + f"{part}"
    assert SECRET not in orchestration.model_dump_json()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("access_token: token-that-never-prints", f"acces_token: {SECRET}"),
        ("access_token: token-that-never-prints", f"access_token: [{SECRET}]"),
        ("access_token: token-that-never-prints", f"access_token: {{{SECRET}: 1}}"),
        ("{access_token: token-that-never-prints}", SECRET),
        ('"duckdb:///demo/warehouse.duckdb"', SECRET),
        ('"duckdb:///demo/warehouse.duckdb"', f'"{SECRET}" {SECRET}'),
        ("version: 1", f"version: 1\nledger: {SECRET}"),
        ("version: 1", f"version: 1\nnotifications: {SECRET}"),
        ("access_token: token-that-never-prints", f"access_token: !!int {SECRET}"),
    ],
)
def test_no_secret_is_printed_by_an_error_or_its_traceback(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, changed(old, new)).orchestration("purchases")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problems)
    assert SECRET not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_error_while_filling_in_has_no_secret_behind_it(tmp_path: Path) -> None:
    text = changed('url: "duckdb:///demo/warehouse.duckdb"', "url: '{{ env.URL }}'")
    error = refused(load(tmp_path, text, environ={"URL": SECRET}))
    assert SECRET not in "".join(traceback.format_exception(error))
    assert error.__context__ is None


def test_placeholders_are_tolerated_wherever_a_value_stands(tmp_path: Path) -> None:
    text = BASE.replace("event_source: offline", "event_source: '{{ env.A }}'\n    max_in_flight: '{{ env.B }}'")
    text = text.replace(
        "query: purchases",
        "query: purchases\n    schedule: {every: '{{ env.C }}'}\n    tags: ['{{ env.D }}']",
    )
    assert load(tmp_path, text).orchestrations == ("purchases",)


def test_a_misspelt_placeholder_is_found_without_the_environment(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, changed("query: purchases", "query: purchases\n    description: '{{ evn.A }}'"))
    assert '"evn"' in problem
