"""The connector from Python gives what the command line gives, prints nothing, and never exits."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.core.hashed_rows import EXCLUDED_ROW
from connector.core.outcomes import RunStatus
from connector.errors import AccessRefused, ConfigurationError, Interrupted, NothingSent, SourceError, UsageError
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving

MIXED = (
    "SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, "
    "CASE WHEN n % 4 = 0 THEN 'nobody' ELSE n || '@example.com' END AS email, 2.5 AS value FROM range(12) AS t (n)"
)


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, MIXED)


@pytest.fixture
def project(made: Shop) -> connector.Project:
    return connector.open_project(made.directory)


def test_a_plan_is_that_of_the_command_line(made: Shop, project: connector.Project) -> None:
    typed = inside("plan", NAME, "--json", project=made.directory).json
    assert project.plan(NAME).as_json() == typed
    assert (project.plan(NAME).read, project.plan(NAME).to_send) == (12, 9)


def test_a_preview_a_check_and_the_sql_are_those_of_the_command_line(made: Shop, project: connector.Project) -> None:
    (checked,) = project.validate(NAME)
    assert checked.as_json() in inside("validate", "--json", project=made.directory).json["orchestrations"]
    assert [one.name for one in project.validate()] == list(project.orchestrations)
    assert len(project.preview(NAME, rows=2).bodies[0]["data"]) == 2
    assert "SELECT" in str(project.compile(NAME).query)


def test_a_run_counts_every_row_and_hands_out_the_rejected_ones(
    project: connector.Project, capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[connector.Progress] = []
    run = project.run(NAME, on_progress=steps.append)
    assert (run.status, run.rows.read, run.rows.delivered) == (RunStatus.COMPLETED_WITH_REJECTS, 12, 9)
    assert run.reasons == {"invalid_identity": 3}
    assert run.rejects.schema == EXCLUDED_ROW
    assert run.rejects["row"].to_pylist() == [1, 5, 9]
    assert run.excluded("missing_event").num_rows == 0
    assert {step.kind for step in steps} >= {"started", "read", "staged", "settled"}
    assert str(steps[0]) == f"{NAME}: run {run.run_id} started (target default)."
    assert capfd.readouterr() == ("", "")


def test_runs_are_found_again(made: Shop, project: connector.Project) -> None:
    first, second = project.run(NAME), project.run(NAME)
    assert [one.run_id for one in project.runs()] == [second.run_id, first.run_id]
    assert project.last_run(NAME) == second
    assert project.find_run(first.run_id).rejects.num_rows == 3
    assert second.record.skips == {"already_delivered": 9}
    typed = inside("runs", "show", first.run_id, "--json", project=made.directory).json
    assert first.as_json().items() <= typed.items()


def test_a_retry_sends_what_passes_now(made: Shop, project: connector.Project) -> None:
    first = project.run(NAME)
    made.query.write_text(MIXED.replace("'nobody'", "n || '@example.org'"))
    again = project.retry(first.run_id, reason="invalid_identity")
    assert (again.rows.read, again.rows.delivered) == (3, 3)


def test_a_run_that_was_stopped_is_resumed(project: connector.Project, tiktok: TikTok) -> None:
    stop = threading.Event()

    def answer(body: object) -> Reply:
        stop.set()
        return Reply(status=500)

    tiktok.answer = answer
    with pytest.raises(Interrupted):
        project.run(NAME, stop=stop)
    del tiktok.answer
    resumed = project.resume()
    assert (resumed.rows.delivered, resumed.rows.rejected, resumed.rows.pending) == (9, 3, 0)


def test_errors_are_typed_and_say_what_to_do(made: Shop, project: connector.Project) -> None:
    with pytest.raises(ConfigurationError, match="There is no orchestration"):
        project.run("no_such")
    with pytest.raises(UsageError, match="There is no run"):
        project.find_run("20260101T000000-abcdef")
    made.query.write_text("SELECT no_such_column")
    with pytest.raises(SourceError):
        project.run(NAME)
    made.query.write_text(GOOD.format(rows=3).replace("@example.com", ""))
    with pytest.raises(NothingSent):
        project.run(NAME)
    last = project.last_run()
    assert last is not None
    assert (last.status, last.rows.rejected) == (RunStatus.FAILED, 3)
    with pytest.raises(ConfigurationError):
        connector.open_project(made.directory.parent / "nowhere")


def test_roles_hold_for_python_too(made: Shop) -> None:
    text = made.settings.read_text()
    run = connector.open_project(made.directory).run(NAME)
    made.settings.write_text(f"{text}\nroles:\n  team: {{users: [nobody-here], admin: true}}\n")
    restricted = connector.open_project(made.directory)
    with pytest.raises(AccessRefused):
        restricted.run(NAME)
    with pytest.raises(AccessRefused):
        _ = restricted.find_run(run.run_id).rejects


def test_the_environment_can_be_given(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, MIXED)
    made.settings.write_text(made.settings.read_text().replace(tiktok.url, "'{{ env.SINK }}'"))
    given = connector.open_project(made.directory, environ={"SINK": tiktok.url})
    assert given.run(NAME).rows.delivered == 9
    with pytest.raises(ConfigurationError, match="SINK"):
        connector.open_project(made.directory, environ={}).run(NAME)


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, json, connector; before = sorted(sys.modules); connector.open_project; "
        "print(json.dumps([name for name in sorted(sys.modules) if name.split('.')[0] in "
        "('duckdb', 'pyarrow', 'httpx', 'sqlalchemy', 'typer', 'pydantic', 'numpy')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = connector.nothing


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "python.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    inside("init", str(tmp_path / "shop"), project=tmp_path)
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "rejects by reason: {" in lines[0]
    assert any(line.startswith("completed_with_rejects ") for line in lines)
    assert lines[-1].startswith("[{'row': ")
