"""The operator in the real Airflow, in an environment of its own beside the connector."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ROOT
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving

pytestmark = pytest.mark.slow
CACHE = ROOT / ".cache" / "airflow"
"""The environment, kept from one time to the next."""
UV = Path(sys.executable).with_name("uv")

DAG = """
import json, sys
import pendulum
from airflow.sdk import DAG
from connector.integrations.airflow import ConnectorRunOperator

settings = json.loads(sys.argv[1])
with DAG("to_tiktok", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None) as dag:
    task = ConnectorRunOperator(task_id="send", retries=0, **settings)

if __name__ == "__main__":
    from copy import deepcopy
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    operator = deepcopy(dag).get_task("send")
    operator.render_template_fields({"params": {"name": "purchases"}})
    operator.on_kill()
    try:
        print(json.dumps({"returned": operator.execute({})}))
    except AirflowFailException as error:
        print(json.dumps({"fails": str(error)}))
    except AirflowException as error:
        print(json.dumps({"retries": str(error)}))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment with Airflow and the connector."""
    program = CACHE / "bin" / "python"
    if not program.exists():
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, CACHE], check=True)
    install: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        program,
        "apache-airflow>=3.1,<4",
        "-e",
        ROOT,
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=12))


def environment(home: Path) -> dict[str, str]:
    """The environment of an Airflow with a home of its own."""
    (home / "dags").mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "PYTHONPATH": str(ROOT),
    }


def command(environ: dict[str, str], *arguments: str | Path) -> str:
    """Run a program that has to succeed, and return what it printed."""
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]} {done.stderr[-3000:]}"
    return done.stdout


def outcome(python: Path, made: Shop, **settings: Any) -> dict[str, Any]:
    """How the task ended that was executed by itself, as its script printed it last."""
    file = made.directory.parent / "dag.py"
    file.write_text(DAG)
    given = {"orchestration": NAME, "project": str(made.directory), **settings}
    printed = command(environment(made.directory.parent / "airflow"), python, file, json.dumps(given))
    found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return found


def test_a_task_runs_an_orchestration_and_returns_its_counts(python: Path, made: Shop, tiktok: TikTok) -> None:
    done = outcome(python, made, orchestration="{{ params.name }}")
    assert done["returned"]["rows"] == {"read": 12, "delivered": 12, "rejected": 0, "skipped": 0, "pending": 0}
    assert len(tiktok.events) == 12


def test_a_query_that_is_wrong_is_not_retried(python: Path, made: Shop) -> None:
    made.query.write_text("SELECT {{ parameters.nothing }}")
    assert "nothing" in outcome(python, made)["fails"]


def test_rows_that_are_all_rejected_are_not_retried(python: Path, made: Shop) -> None:
    made.query.write_text(GOOD.format(rows=3).replace("@example.com", ""))
    assert "rejected" in outcome(python, made)["fails"]


def test_a_refused_token_is_retried(python: Path, made: Shop, tiktok: TikTok) -> None:
    tiktok.answer = lambda body: Reply(code=40105, message="revoked")
    assert "token" in outcome(python, made)["retries"]


def test_a_dag_runs_in_airflow(python: Path, made: Shop, tiktok: TikTok) -> None:
    home = made.directory.parent / "airflow"
    environ, settings = environment(home), {"orchestration": NAME, "project": str(made.directory)}
    dag = DAG.partition("if __name__")[0].replace("json.loads(sys.argv[1])", repr(settings))
    (home / "dags" / "to_tiktok.py").write_text(dag)
    for words in (("db", "migrate"), ("dags", "reserialize"), ("dags", "test", "to_tiktok")):
        printed = command(environ, python, "-m", "airflow", *words)
    assert "state=success" in printed
    assert len(tiktok.events) == 12
