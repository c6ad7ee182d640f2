"""Engines: the clusters of machines that share the work of a run."""

from pathlib import Path

import pytest

from connector.config.engine import EngineSettings
from connector.errors import ConfigurationError
from tests.config.project import BASE, changed, line_of, load, problems

ENGINES = """\
engines:
  cluster: {type: ray, stage: /shared/connector}
  large:
    type: ray
    address: "{{ env.RAY_ADDRESS }}"
    stage: s3://bucket/connector
    splits: 64
    senders: 8
    lease_seconds: 30
"""
ENGAGED = ENGINES + changed("query: purchases", "query: purchases\n    engine: cluster\n    split_by: day")


def engine(directory: Path, settings: str) -> EngineSettings:
    return load(directory, f"{BASE}engines:\n  cluster: {{{settings}}}\n").engine("cluster")


def refused(directory: Path, settings: str) -> str:
    project = load_or_problem(directory, settings)
    return project.removeprefix(f"{len(BASE.splitlines()) + 2}: engines.cluster")


def load_or_problem(directory: Path, settings: str) -> str:
    (problem,) = problems(directory, f"{BASE}engines:\n  cluster: {{{settings}}}\n")
    return problem


def test_an_orchestration_without_an_engine_has_none(tmp_path: Path) -> None:
    project = load(tmp_path, ENGINES + BASE)
    assert project.orchestration("purchases").engine is None
    assert project.engines == ("cluster", "large")


def test_engines_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    project = load(tmp_path, ENGINES + BASE)
    assert project.engine("cluster").name == "cluster"
    assert "large" in project.engines
    with pytest.raises(ConfigurationError, match="RAY_ADDRESS"):
        project.engine("large")


def test_an_orchestration_comes_with_its_engine(tmp_path: Path) -> None:
    project = load(tmp_path, ENGAGED)
    orchestration = project.orchestration("purchases")
    assert orchestration.engine == project.engine("cluster")
    assert orchestration.split_by == "day"


def test_defaults_of_an_engine(tmp_path: Path) -> None:
    found = engine(tmp_path, "type: ray, stage: /shared")
    assert (found.name, found.type, found.address, found.stage) == ("cluster", "ray", "auto", "/shared")
    assert (found.lease_seconds, found.splits, found.senders) == (90, None, None)


def test_values_come_from_the_environment_when_the_engine_is_used(tmp_path: Path) -> None:
    found = load(tmp_path, ENGINES + BASE, environ={"RAY_ADDRESS": "10.0.0.5:6379"}).engine("large")
    assert (found.address, found.splits, found.senders, found.lease_seconds) == ("10.0.0.5:6379", 64, 8, 30)
    with pytest.raises(ConfigurationError, match="needs the environment variable RAY_ADDRESS, which is not set"):
        load(tmp_path, ENGINES + BASE).engine("large")
    with pytest.raises(ConfigurationError, match="HOST:PORT such as"):
        load(tmp_path, ENGINES + BASE, environ={"RAY_ADDRESS": "10.0.0.5"}).engine("large")


def test_a_target_may_have_another_engine_or_none(tmp_path: Path) -> None:
    targets = """\
target: local
targets:
  local: {orchestrations: {purchases: {engine: }}}
  production: {engines: {cluster: {stage: "gs://bucket/other"}}}
"""
    assert load(tmp_path, ENGAGED + targets, target="local").orchestration("purchases").engine is None
    production = load(tmp_path, ENGAGED + targets, target="production").orchestration("purchases").engine
    assert production is not None
    assert production.stage == "gs://bucket/other"


@pytest.mark.parametrize("address", ["auto", "local", "10.0.0.5:6379", "head.example.com:6379", "'[::1]:6379'"])
def test_addresses_that_a_run_can_join(tmp_path: Path, address: str) -> None:
    assert engine(tmp_path, f"type: ray, stage: /x, address: {address}").address == address.strip("'")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://head:10001", "a Ray Client address (ray://) cannot be used"),
        ("http://127.0.0.1:8265", "not the address of Ray's dashboard"),
        ("head", "must be HOST:PORT such as 10.0.0.5:6379, auto or local"),
        ("automatic", "must be HOST:PORT"),
        ("head:port", "must be HOST:PORT"),
        ("$RAY_ADDRESS", "must be HOST:PORT"),
        ("10.0.0.5:6379/x", "must be HOST:PORT"),
    ],
)
def test_other_addresses_are_refused(tmp_path: Path, address: str, message: str) -> None:
    found = refused(tmp_path, f'type: ray, stage: /x, address: "{address}"')
    assert found.startswith(f'.address is "{address}"; it must be ')
    assert message in found


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("/shared/connector", "/shared/connector"),
        ("/shared/", "/shared"),
        ("file:///shared", "file:///shared"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket/a?region=eu-west-1", "s3://bucket/a?region=eu-west-1"),
        ("gs://bucket/a", "gs://bucket/a"),
    ],
)
def test_stages(tmp_path: Path, stage: str, expected: str) -> None:
    assert engine(tmp_path, f'type: ray, stage: "{stage}"').stage == expected


@pytest.mark.parametrize(
    "stage",
    ["stage", "./stage", "~/stage", "../shared", "s3:/bucket", "s3://", "ftp://host/x", "sftp://host/x", "$STAGE"],
)
def test_a_stage_that_is_no_place_for_all_machines_is_refused(tmp_path: Path, stage: str) -> None:
    found = refused(tmp_path, f'type: ray, stage: "{stage}"')
    assert found.startswith(f'.stage is "{stage}"; it must be an absolute path such as /shared/connector')


@pytest.mark.parametrize(
    "stage",
    [
        "s3://id:secretpw@bucket/x",
        "s3://secretpw@bucket/x",
        "s3://id:sec/secretpw@bucket/x",
        "gs://id:sec@secretpw@bucket",
        "file://id:secretpw@host/x",
        "s3://id:secretpw" + "x" * 80 + "@bucket/x",
    ],
)
def test_keys_in_a_stage_are_refused_without_printing_them(tmp_path: Path, stage: str) -> None:
    found = refused(tmp_path, f'type: ray, stage: "{stage}"')
    assert "must not hold keys, because it is printed" in found
    assert f'is "{stage.partition(":")[0]}://…@' in found
    assert "secretpw" not in found


@pytest.mark.parametrize(
    "address", ["user:secretpw@10.0.0.5:6379", ":secretpw@head:6379", "secretpw@head:6379", "ray://u:secretpw@head:1"]
)
def test_a_password_in_an_address_is_not_printed(tmp_path: Path, address: str) -> None:
    found = refused(tmp_path, f'type: ray, stage: /x, address: "{address}"')
    assert "must be HOST:PORT" in found
    assert "secretpw" not in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("engine: cluster", "engine: s3://id:secretpw@bucket"),
        ("warehouse: demo", "warehouse: postgresql://id:secretpw@host/db"),
        ("  stores:\n", "  stores:\n    api_url: https://id:secretpw@host\n"),
        ('warehouse.duckdb"}', "warehouse.duckdb\", external_access: {hosts: ['https://id:secretpw@host']}}"),
        ("version: 1", "version: https://id:secretpw@host"),
    ],
)
def test_no_setting_prints_a_password_of_an_address(tmp_path: Path, before: str, after: str) -> None:
    assert before in ENGAGED
    found = problems(tmp_path, ENGAGED.replace(before, after, 1))
    assert any("…@" in problem for problem in found)
    assert not any("secretpw" in problem for problem in found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("type: ray", " lacks stage."),
        ("stage: /x", " lacks type."),
        ("type: ray, stage: /x, adress: auto", '.adress is not a known key. Did you mean "address"?'),
        ("type: spark, stage: /x", '.type is "spark"; it must be ray.'),
        ("type: ray, stage: /x, splits: 0", ".splits is 0; it must be a whole number from 1 to 10000."),
        ("type: ray, stage: /x, senders: many", '.senders is "many"; it must be a whole number from 1 to 1000.'),
        ("type: ray, stage: /x, lease_seconds: 1", ".lease_seconds is 1; it must be a whole number from 5 to 3600."),
    ],
)
def test_other_mistakes_are_one_sentence(tmp_path: Path, settings: str, message: str) -> None:
    assert refused(tmp_path, settings) == message


def test_an_unknown_engine_is_compared_with_those_there_are(tmp_path: Path) -> None:
    text = ENGAGED.replace("engine: cluster", "engine: clutser")
    expected = 'orchestrations.purchases.engine names the engine "clutser", which is not in engines.'
    (problem,) = problems(tmp_path, text)
    assert problem == f'{line_of(text, "engine: clutser")}: {expected} Did you mean "cluster"?'


def test_the_word_for_no_engine_is_no_name_of_one(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, BASE + "engines:\n  none: {type: ray, stage: /x}\n")
    assert "engines.none has the name that stands for no engine" in problem


def test_split_by_is_refused_for_a_file(tmp_path: Path) -> None:
    text = ENGAGED.replace("query: purchases", "file: x.csv").replace("    warehouse: demo\n", "")
    (problem,) = problems(tmp_path, text)
    assert "split_by is only for query" in problem


def test_an_engine_beside_the_sections_is_to_be_indented(tmp_path: Path) -> None:
    text = BASE + "cluster: {type: ray, stage: /x}\n"
    (problem,) = problems(tmp_path, text)
    assert problem == f"{line_of(text, 'cluster:')}: cluster is not a known key: indent it below `engines`."


def test_another_engine_for_all_orchestrations(tmp_path: Path) -> None:
    project = load(tmp_path, ENGAGED, environ={"RAY_ADDRESS": "10.0.0.5:6379"})
    assert project.with_engine(None) is project
    assert project.with_engine("none").orchestration("purchases").engine is None
    large = project.with_engine("large")
    assert large.orchestration("purchases").engine == project.engine("large")
    assert large.under(large.target).orchestration("purchases").engine == project.engine("large")
    without = load(tmp_path, ENGINES + BASE).with_engine("cluster")
    assert without.orchestration("purchases").engine == project.engine("cluster")
    with pytest.raises(ConfigurationError, match=r'There is no engine "larg". Did you mean "large"\?'):
        project.with_engine("larg")


def test_no_engine_needs_no_variable_of_an_engine(tmp_path: Path) -> None:
    project = load(tmp_path, ENGAGED.replace("engine: cluster", "engine: large"))
    with pytest.raises(ConfigurationError, match="RAY_ADDRESS"):
        project.orchestration("purchases")
    assert project.with_engine("none").orchestration("purchases").engine is None


def test_settings_of_an_engine_count_as_settings_of_the_orchestration(tmp_path: Path) -> None:
    used = load(tmp_path, ENGAGED).settings_used("purchases")
    assert used["engine.stage"].text == "/shared/connector"
    assert used["orchestration.engine"].text == "cluster"
