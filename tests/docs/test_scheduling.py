"""The pages on schedules and notifications name what there is, and their examples can be used as they stand."""

import ast
import configparser
import json
import re
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.core import TyperGroup
from typer.main import get_command

from connector.cli.app import app
from connector.config.notification import ENDINGS
from connector.config.project import load_project
from connector.config.schedule import cron_expression
from connector.example.example_project import write_example
from connector.ledger.totals import RowTotals, RunTotals
from connector.scheduler.journal import Change
from connector.telemetry.gauges import Gauges
from connector.telemetry.prometheus import Snapshot, render_metrics
from tests.docs.markdown import NOTIFICATIONS, ROOT, SCHEDULING, blocks, first_column

EXAMPLES = ROOT / "docs" / "examples"
NOW = datetime(2026, 7, 22, tzinfo=UTC)


def text(name: str) -> str:
    return (EXAMPLES / name).read_text("utf-8")


def parsed(arguments: list[str]) -> None:
    """Fails where there is no such command, or it has no such option."""
    command = cast(TyperGroup, get_command(app)).commands[arguments[0]]
    command.make_context(arguments[0], list(arguments[1:]))


def typed(line: str) -> list[str]:
    """The arguments of the `connector` command in a line of shell."""
    words = re.split(r"\s(?:>>?|\|)\s", line.split("connector ", 1)[1])[0]
    return shlex.split(words)


def test_the_page_lists_the_lines_that_are_said() -> None:
    assert first_column(SCHEDULING, "line") == list(Change)


def test_the_page_lists_the_words_that_are_told() -> None:
    assert first_column(NOTIFICATIONS, "word") == list(ENDINGS)


def test_the_page_lists_the_metrics_that_prometheus_finds() -> None:
    snapshot = Snapshot(
        "t",
        [RunTotals("a", "failed", 1, 1.0, 1, 0, 1, 1)],
        [RowTotals("a", 1, 1)],
        Gauges(NOW, completed={"a": NOW}),
    )
    families = text_string_to_metric_families(render_metrics(snapshot)[1].decode())
    assert first_column(SCHEDULING, "metric") == list(
        dict.fromkeys(one.name for family in families for one in family.samples)
    )


def test_the_page_lists_what_is_sent_to_opentelemetry() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "connector" / "telemetry").glob("*.py"))
    made = re.findall(r'create_\w+\(\s*"(connector\.[a-z_.]+)"', source)
    told = [name for name in first_column(SCHEDULING, "sent") if not name.startswith("span")]
    assert sorted(told) == sorted(set(made))


@pytest.mark.parametrize("page", [SCHEDULING, NOTIFICATIONS], ids=lambda page: page.name)
def test_the_settings_that_a_page_shows_are_right(page: Path, tmp_path: Path) -> None:
    """Put over the shipped project, with what its orchestrations need besides."""
    write_example(tmp_path)
    file = tmp_path / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    (shown,) = [
        yaml.safe_load("\n".join(one.lines)) for one in blocks(page) if one.language == "yaml" and not one.title
    ]
    for name, keys in shown.pop("orchestrations").items():
        settings["orchestrations"][name] = (
            settings["orchestrations"].get(name, settings["orchestrations"]["web_purchases"]) | keys
        )
    file.write_text(yaml.safe_dump({**settings, **shown}))
    environ = {"SLACK_URL": "slack://a/b/c", "PAGER_URL": "pagerduty://a@b"}
    project = load_project(tmp_path, environ)
    for name in project.orchestrations:
        for told in project.orchestration(name).notify:
            project.notification(told)


def test_the_line_of_cron_is_one() -> None:
    (line,) = [line for line in text("crontab").splitlines() if not re.match(r"#|\w+=", line)]
    cron_expression(" ".join(line.split()[:5]))
    parsed(typed(line))


def test_the_unit_of_systemd_starts_it_and_gives_runs_the_time_to_stop() -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.read_string(text("connector.service"))
    parsed(typed(unit["Service"]["ExecStart"].replace("/opt/connector/bin/", "")))
    assert int(unit["Service"]["TimeoutStopSec"]) > 25


def test_the_container_starts_it() -> None:
    lines = [line for line in text("Containerfile").splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("FROM ")
    known = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in lines} == known
    assert json.loads(lines[-2].removeprefix("ENTRYPOINT ")) == ["connector"]
    parsed(json.loads(lines[-1].removeprefix("CMD ")))


def test_the_workflow_of_github_runs_it() -> None:
    workflow: dict[Any, Any] = yaml.safe_load(text("github-actions.yaml"))
    # YAML 1.1 reads the key `on` as true.
    cron_expression(workflow[True]["schedule"][0]["cron"])
    steps = workflow["jobs"]["run"]["steps"]
    assert all(set(step) <= {"uses", "with", "run", "if"} for step in steps)
    commands = [step["run"] for step in steps if step.get("run", "").startswith("connector ")]
    assert [command.split()[1] for command in commands] == ["validate", "run"]
    for command in commands:
        parsed(typed(command))


def test_the_dag_of_airflow_runs_it() -> None:
    constants = {"PROJECT": "/srv/shop", "TARGET": "production"}
    (command,) = _lists(ast.parse(text("airflow_dag.py")))
    words = [constants.get(ast.unparse(one), getattr(one, "value", "")) for one in command.elts]
    parsed(words[1:])


def _lists(tree: ast.AST) -> Iterator[ast.List]:
    for node in ast.walk(tree):
        if isinstance(node, ast.List) and node.elts and getattr(node.elts[0], "value", None) == "connector":
            yield node


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The Dagster example, for a new project, with the command on the path."""
    write_example(tmp_path / "shop")
    monkeypatch.setenv("CONNECTOR_PROJECT", str(tmp_path / "shop"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    spec = spec_from_file_location("dagster_assets", EXAMPLES / "dagster_assets.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.thorough
def test_the_assets_of_dagster_are_made_and_one_that_cannot_be_is_not_tried_again(
    assets: ModuleType, tmp_path: Path
) -> None:
    import dagster

    with dagster.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        made = dagster.materialize([assets.stores], instance=instance)
        failed = dagster.materialize([assets.orchestration("nobody")], instance=instance, raise_on_error=False)
    (asset,) = made.asset_materializations_for_node("store_purchases")
    told: dict[str, Any] = {key: value.value for key, value in asset.metadata.items()}
    assert told["status"] in {"completed", "completed_with_rejects"}
    assert told["read"] == told["delivered"] + told["rejected"] + told["skipped"] + told["pending"] > 0
    failure = failed.failure_data_for_node("nobody")
    assert 'There is no orchestration "nobody"' in str(failure)
    assert not failed.retry_attempts_for_node("nobody")
    assert [schedule.name for schedule in assets.defs.schedules] == ["to_tiktok"]
