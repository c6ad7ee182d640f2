"""What a project hands out: targets merged, the environment filled in, everything that is referred to in place."""

from pathlib import Path

import pytest

from connector.config.project import Project
from connector.destinations.file.settings import FileSettings
from connector.destinations.tiktok.settings import AudienceSettings, EventsSettings, TikTokSettings
from connector.errors import ConfigurationError
from tests.config.project import BASE, changed, line_of, load, problems

TARGETS = (
    BASE
    + """\
target: local
targets:
  local:
    destinations: {stores: {api_url: simulator}}
  sandbox:
    orchestrations: {purchases: {limit: 10, test_event_code: 12345, tags: [b]}}
  production:
"""
)


def events(project: Project) -> EventsSettings:
    destination = project.orchestration("purchases").destination
    assert isinstance(destination, EventsSettings)
    return destination


def refused(project: Project, name: str = "purchases") -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        project.orchestration(name)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_an_orchestration_comes_with_all_that_it_refers_to(tmp_path: Path) -> None:
    orchestration = load(tmp_path).orchestration("purchases")
    assert orchestration.name == "purchases"
    assert orchestration.target == "default"
    assert orchestration.query_path == tmp_path / "queries" / "purchases.sql"
    assert orchestration.warehouse is not None
    assert orchestration.warehouse.dialect == orchestration.sql_dialect == "duckdb"
    assert orchestration.warehouse.url.get_secret_value() == f"duckdb:///{tmp_path}/demo/warehouse.duckdb"
    assert isinstance(orchestration.destination, TikTokSettings)
    token = orchestration.destination.credential.access_token
    assert token is not None
    assert token.get_secret_value() == "token-that-never-prints"


def test_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    project = load(tmp_path)
    orchestration, destination = project.orchestration("purchases"), events(project)
    assert (orchestration.workflow, orchestration.line_items, orchestration.parameters) == (
        "manual",
        True,
        {},
    )
    assert (destination.default_region, destination.timezone, destination.max_age_days) == ("US", "UTC", 28)
    assert (destination.max_in_flight, destination.requests_per_second) == (8, 1000)
    assert (destination.retry.max_attempts, destination.retry.max_minutes) == (12, 15)
    assert (destination.retry.first_wait, destination.retry.longest_wait) == (0.5, 10)
    assert destination.api_url == "https://business-api.tiktok.com"
    assert project.retention_days == 30
    assert project.state_directory == tmp_path / ".connector"
    assert project.ledger_url.startswith(f"sqlite:///{tmp_path}/.connector/")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).orchestration("purchases").limit = 5  # type: ignore[misc]


@pytest.mark.parametrize("asked", [None, "local"])
def test_the_target_of_the_file_is_used_unless_another_is_asked_for(tmp_path: Path, asked: str | None) -> None:
    project = load(tmp_path, TARGETS, target=asked)
    assert project.target == project.orchestration("purchases").target == "local"
    assert events(project).api_url == "simulator"
    assert events(project).advertiser_id == "7654321098765432109"


def test_mappings_merge_and_everything_else_is_replaced(tmp_path: Path) -> None:
    text = TARGETS.replace(
        "    warehouse: demo\n", "    warehouse: demo\n    tags: [a]\n    parameters: {days: 7, n: 1}\n"
    )
    text = text.replace("tags: [b]", "tags: [b], parameters: {days: 1}")
    orchestration = load(tmp_path, text, target="sandbox").orchestration("purchases")
    assert orchestration.tags == ("b",)
    assert orchestration.parameters == {"days": 1, "n": 1}
    assert orchestration.test_event_code == "12345"


def test_a_blank_target_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, TARGETS, target="production").orchestration("purchases").limit is None


@pytest.mark.parametrize("blank", ["", "null", "~"])
@pytest.mark.parametrize(
    "target", ["{}", "\n    destinations: {}", "\n    destinations:\n      stores: {}", "\n    notifications: {}"]
)
def test_a_blank_target_or_section_or_entry_changes_nothing(tmp_path: Path, target: str, blank: str) -> None:
    project = load(tmp_path, f"{BASE}targets:\n  production: {target.format(blank)}\n")
    expected = load(tmp_path, f"{BASE}targets:\n  production: {{}}\n")
    assert project.orchestration("purchases") == expected.orchestration("purchases")
    assert events(project) == events(expected) == events(load(tmp_path))


@pytest.mark.parametrize(("name", "value"), [("timezone", "Europe/Berlin"), ("retry", "{max_attempts: 3}")])
def test_a_setting_that_a_target_leaves_blank_has_its_default(tmp_path: Path, name: str, value: str) -> None:
    text = BASE.replace("    event_source: offline\n", f"    event_source: offline\n    {name}: {value}\n")
    blank = f"targets:\n  production:\n    destinations:\n      stores:\n        {name}:\n"
    default = getattr(events(load(tmp_path)), name)
    assert getattr(events(load(tmp_path, text)), name) != default
    assert getattr(events(load(tmp_path, text + blank)), name) == default


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, TARGETS, target="prodution")
    (problem,) = caught.value.problems
    assert problem.file is None, "it is the command, not the file, that names the target"
    assert 'Did you mean "production"?' in problem.message


def test_a_target_has_to_be_chosen_where_there_are_several(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, TARGETS.replace("target: local\n", ""))
    assert "local, sandbox, production" in problem


def test_the_only_target_need_not_be_chosen(tmp_path: Path) -> None:
    assert load(tmp_path, BASE + "targets: {one: {}}\n").target == "one"
    assert load(tmp_path, BASE + "target: only\n").target == "only"


def test_a_problem_in_a_target_points_into_the_target(tmp_path: Path) -> None:
    text = TARGETS.replace("limit: 10", "limit: ten")
    assert problems(tmp_path, text) == [
        f'{line_of(text, "limit: ten")}: targets.sandbox.orchestrations.purchases.limit is "ten"; '
        "it must be a whole number of at least 1."
    ]


def test_what_only_another_target_lacks_is_said_with_its_name(tmp_path: Path) -> None:
    text = TARGETS.replace('    advertiser_id: "7654321098765432109"\n', "").replace(
        "api_url: simulator", "api_url: simulator, advertiser_id: 1"
    )
    found = problems(tmp_path, text)
    assert [
        problem.endswith(f'(With the target "{name}".)')
        for problem, name in zip(found, ("sandbox", "production"), strict=True)
    ]
    assert all("lacks advertiser_id" in problem for problem in found)


def test_a_misspelt_entry_in_a_target_is_compared_with_the_others(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, TARGETS.replace("{stores: {api_url", "{store: {api_url"))
    assert "targets.local.destinations.store " in problem
    assert 'Did you mean "stores"?' in problem


def test_an_unknown_orchestration_is_refused(tmp_path: Path) -> None:
    (problem,) = refused(load(tmp_path), "purchase")
    assert 'no orchestration "purchase"' in problem
    assert 'Did you mean "purchases"?' in problem


def test_a_query_file_that_is_not_there_is_compared_with_those_that_are(tmp_path: Path) -> None:
    text = changed("query: purchases", "query: purchase")
    (problem,) = refused(load(tmp_path, text))
    assert problem.startswith(f"{line_of(text, 'query:')}: ")
    assert 'Did you mean "purchases"?' in problem


def test_a_template_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = changed("query: purchases", "query: purchases\n    template: mine")
    (problem,) = refused(load(tmp_path, text))
    assert '"mine"' in problem
    assert "templates/" in problem


def test_a_built_in_template_needs_no_file_until_the_project_has_one(tmp_path: Path) -> None:
    text = changed("query: purchases", "query: purchases\n    template: tiktok_events")
    assert load(tmp_path, text).orchestration("purchases").template_path is None
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "tiktok_events.yaml").touch()
    found = load(tmp_path, text).orchestration("purchases").template_path
    assert found == tmp_path / "templates" / "tiktok_events.yaml"


def test_ids_without_quotes_keep_their_digits(tmp_path: Path) -> None:
    project = load(tmp_path, BASE.replace('"7654321098765432109"', "07654321098765432109"))
    assert events(project).advertiser_id == "07654321098765432109"


def test_norway_is_a_region(tmp_path: Path) -> None:
    assert (
        events(
            load(tmp_path, changed("event_source: offline", "event_source: offline\n    default_region: NO"))
        ).default_region
        == "NO"
    )


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/", "http://127.0.0.1:1", "http://[::1]:1", "https://a.example/v1"]
)
def test_an_api_url_may_be_https_or_this_machine(tmp_path: Path, url: str) -> None:
    project = load(tmp_path, changed("event_source: offline", f'event_source: offline\n    api_url: "{url}"'))
    assert events(project).api_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a.db", "sqlite:///{}/a.db"),
        ("duckdb:///a.duckdb?access_mode=read_only", "duckdb:///{}/a.duckdb?access_mode=read_only"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("duckdb:///:memory:", "duckdb:///:memory:"),
        ("duckdb://", "duckdb://"),
        ("postgresql+psycopg://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
    ],
)
def test_database_files_are_below_the_project(tmp_path: Path, url: str, path: str) -> None:
    project = load(tmp_path, changed("duckdb:///demo/warehouse.duckdb", url))
    assert project.warehouse("demo").url.get_secret_value() == path.format(tmp_path)


def test_an_audience_is_modelled(tmp_path: Path) -> None:
    text = BASE + "  vips: {query: purchases, warehouse: demo, destination: vips}\n"
    vips = "  vips: {type: tiktok_audience, credential: tiktok, Advertiser ID: 7654321098765432109, audience: VIP}\n"
    destination = (
        load(tmp_path, text.replace("orchestrations:\n", vips + "orchestrations:\n")).orchestration("vips").destination
    )
    assert isinstance(destination, AudienceSettings)
    assert destination.advertiser_ids == (("7654321098765432109",),)
    assert destination.mode == "mirror"


def test_an_audience_name_that_would_be_cut_is_refused(tmp_path: Path) -> None:
    vips = f"  vips: {{type: tiktok_audience, credential: tiktok, advertiser_ids: [1], audience: {'x' * 71}}}\n"
    (problem,) = problems(tmp_path, BASE.replace("orchestrations:\n", vips + "orchestrations:\n"))
    assert "70 characters" in problem


def test_field_names_of_the_seed_documents_are_taken_as_they_stand(tmp_path: Path) -> None:
    text = (
        BASE.replace("advertiser_id:", "Advertiser ID:")
        .replace("event_source_id:", "Event set ID:")
        .replace("event_source:", "Event source:")
        .replace(
            "    type: tiktok_events\n",
            "    type: tiktok_events\n    Event set name: Stores\n    Auto tracking?: true\n    Admin only: true\n"
            "    PII setting: true\n    Fixed event name: Purchase\n    Limited data use: false\n",
        )
        .replace("query: purchases", "query: purchases\n    Data Template: tiktok_events")
        .replace("access_token: token-that-never-prints", "app_id: 5, app_secret: s, refresh token: r")
        + "roles: {owners: {users: [ana], admin: true}}\n"
    )
    project = load(tmp_path, text)
    destination = events(project)
    assert destination.event_source_id == "7654321098765432110"
    assert (destination.event_set_name, destination.auto_tracking) == ("Stores", True)
    assert (destination.admin_only, destination.pii, destination.fixed_event_name) == (True, True, "Purchase")
    assert destination.credential.refresh_token is not None
    assert project.orchestration("purchases").template == "tiktok_events"


def test_two_spellings_of_one_field_are_refused(tmp_path: Path) -> None:
    text = changed("    event_source: offline\n", "    event_source: offline\n    event_set_id: 5\n")
    (problem,) = problems(tmp_path, text)
    assert "event_set_id" in problem
    assert f"line {line_of(text, 'event_set_id')}" in problem
    assert problem.startswith(f"{line_of(text, 'event_source_id')}: ")


def test_an_event_set_may_be_found_by_its_name_alone(tmp_path: Path) -> None:
    text = changed('event_source_id: "7654321098765432110"', "event_set_name: Stores")
    assert events(load(tmp_path, text)).event_source_id is None


def test_the_shipped_examples_are_right_under_every_target() -> None:
    from connector.config.project import load_project

    folder = Path(__file__).parents[2]
    for target in ("local", "sandbox", "production"):
        project = load_project(folder, {"TIKTOK_ACCESS_TOKEN": "x"}, target)
        assert [project.orchestration(name).name for name in project.orchestrations] == list(project.orchestrations)


def test_a_target_that_changes_the_type_of_a_destination_drops_the_settings_that_this_has_not(tmp_path: Path) -> None:
    archive = "targets:\n  archive:\n    destinations:\n      stores: {type: file, path: out}\n"
    settings = load(tmp_path, BASE + archive).destination("stores")
    assert isinstance(settings, FileSettings)
    assert (settings.path, settings.event_source, settings.event_source_id) == ("out", "offline", "7654321098765432110")


def test_a_setting_that_such_a_target_gives_itself_is_still_checked(tmp_path: Path) -> None:
    archive = "targets:\n  archive:\n    destinations:\n      stores: {type: file, path: out, credential: tiktok}\n"
    (problem,) = problems(tmp_path, BASE + archive)
    assert "credential" in problem
