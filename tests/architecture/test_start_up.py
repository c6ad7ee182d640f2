"""Starting the command is light."""

import subprocess
import sys
from pathlib import Path

from tests.cli.command import environment
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import serving
from tests.docs.markdown import ARCHITECTURE, table

PARTS = {row[0] for row in table(ARCHITECTURE, "part")}
LATE = {row[0] for row in table(ARCHITECTURE, "part") if row[2] == "late"}

COMMAND = """
import contextlib, os, sys
from connector.cli import main
sys.argv[1:] = {arguments}
with contextlib.suppress(SystemExit), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
    main()
"""

NUMPY = """
import os
from connector.cli.process import gc_paused
from connector.cli.process import configure_process
configure_process()
with gc_paused():
    import numpy
print(f"threads={len(os.listdir('/proc/self/task'))}")
"""

NOT_FOR_EVENTS_OF_A_QUERY = {
    "adbc_driver_manager",
    "adbc_driver_postgresql",
    "apprise",
    "apscheduler",
    "fsspec",
    "msgspec",
    "opentelemetry",
    "phonenumbers",
    "prometheus_client",
    "pyarrow.parquet",
    "snowflake",
    "sqlglot",
    "sshfs",
    "statistics",
    "connector.reporting.export",
    "connector.files",
    "connector.notifications.notifier",
    "connector.destinations.tiktok.audience.destination",
    "connector.destinations.audience_stage",
    "connector.reporting.html",
    "connector.scheduler",
    "connector.simulator",
    "connector.transform.member_compiler",
}
"""What a run of which every row is good does without, where a query's result goes to a server."""


def loaded_by(script: str, project: Path | None = None) -> set[str]:
    """The modules that a fresh interpreter has loaded at the end of a script."""
    show = "\nimport sys; print(*(name for name, module in sys.modules.items() if module))"
    done = subprocess.run(
        [sys.executable, "-c", script + show],
        env=environment(project),
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_importing_the_command_line_loads_no_part_that_is_not_our_own() -> None:
    assert packages(loaded_by("import connector.cli")) & PARTS == set()


def test_the_help_text_loads_no_part_that_is_marked_as_late() -> None:
    loaded = packages(loaded_by(COMMAND.format(arguments=["--help"])))
    assert "typer" in loaded
    assert loaded & LATE == set()


def test_a_run_of_ten_rows_loads_nothing_that_is_for_other_runs(tmp_path: Path) -> None:
    with serving() as tiktok:
        own = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=10), destination={"default_region": "US"})
        loaded = loaded_by(COMMAND.format(arguments=["run", NAME]), own.directory)
        assert len(tiktok.events) == 10
    assert {"duckdb", "httpx", "sqlalchemy"} <= loaded
    assert loaded & NOT_FOR_EVENTS_OF_A_QUERY == set()


def test_validating_opens_no_database_and_no_connection(tmp_path: Path) -> None:
    own = shop(tmp_path / "shop", "http://127.0.0.1:1", GOOD.format(rows=10), destination={"default_region": "US"})
    loaded = loaded_by(COMMAND.format(arguments=["validate", NAME]), own.directory)
    assert "jinja2" in loaded
    assert loaded & {"sqlalchemy", "httpx", "snowflake", "adbc_driver_postgresql", "sqlglot"} == set()


def test_numpy_starts_no_threads() -> None:
    assert "threads=1" in loaded_by(NUMPY)
