"""What `-o` writes: a new file, whole or not at all, and never in place of something that has to stay."""

import os
import resource
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pyarrow as pa
import pytest
import yaml

from connector.cli.output import output_file, writing_to
from connector.config.project import load_project
from connector.errors import ConnectorError
from connector.reporting.export.file_sinks import ParquetSink, table_files
from connector.reporting.export.sink import TableRows
from connector.reporting.export.table_schemas import SYNC_RUNS
from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import serving
from tests.config.project import write

COMMANDS = {
    "rejects": ("rejects", "RUN"),
    "report": ("report", "RUN"),
    "forget": ("forget", "--email", "nobody@example.com"),
    "usage-report": ("usage-report", "--month", "2026-11"),
    "export": ("runs", "export"),
    "plan": ("plan", NAME),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str]]:
    with serving() as tiktok:
        made = shop(
            tmp_path_factory.mktemp("shop") / "shop",
            tiktok.url,
            GOOD.format(rows=3),
            template={"extends": "tiktok_events"},
        )
        written = yaml.safe_load(made.settings.read_text())
        written["warehouses"]["other"] = {"url": "sqlite:///lake/other.sqlite"}
        written["destinations"]["stores"]["ca_file"] = "ours.pem"
        made.settings.write_text(yaml.safe_dump({**written, "ledger": "sqlite:///kept/ledger.db"}))
        (made.directory / "ours.pem").write_bytes(Path(certifi.where()).read_bytes())
        for folder in ("lake", "kept"):
            (made.directory / folder).mkdir()
        outcome = inside("run", NAME, "--json", project=made.directory)
        assert outcome.code == 0, outcome
        record = outcome.record()
        assert record["status"] == "completed"
        yield made, record["run_id"]


def written(made: tuple[Shop, str], command: str, output: Path | str, *further: str) -> Outcome:
    words = [made[1] if word == "RUN" else word for word in COMMANDS[command]]
    return inside(*words, "-o", str(output), *further, project=made[0].directory)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(outcome: Outcome, words: str) -> None:
    assert outcome.code == 2
    assert words in outcome.sentence


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_there_stays_without_force(made: tuple[Shop, str], command: str, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    output.write_text("mine")
    refused(written(made, command, output), "exists: name another file")
    assert output.read_text() == "mine"
    if command == "usage-report":
        # There is nothing to report here; tests/audiences has what is.
        return
    assert written(made, command, output, "--force").code == 0
    assert output.read_bytes() != b"mine"
    assert names(tmp_path) == ["out.parquet"]


@pytest.mark.parametrize(
    ("command", "force"),
    [*((command, ()) for command in COMMANDS), ("rejects", ("--force",)), ("export", ("--force",))],
    ids=[*COMMANDS, "rejects --force", "export --force"],
)
def test_no_link_device_pipe_or_socket_is_replaced(
    made: tuple[Shop, str], command: str, force: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real.parquet").write_text("mine")
    (tmp_path / "link.parquet").symlink_to("real.parquet")
    (tmp_path / "dangling.parquet").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe.parquet")
    with socket.socket(socket.AF_UNIX) as there:
        monkeypatch.chdir(tmp_path)
        there.bind("socket.parquet")
        for name in ("link", "dangling"):
            refused(written(made, command, tmp_path / f"{name}.parquet", *force), "is a link")
        for path in (tmp_path / "pipe.parquet", tmp_path / "socket.parquet"):
            refused(written(made, command, path, *force), "a device, a pipe or a socket")
    if command != "export":
        refused(written(made, command, "/dev/full", *force), "a device, a pipe or a socket")
    assert (tmp_path / "real.parquet").read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


OWN = [
    "orchestrations.yaml", f"queries/{NAME}.sql", "queries/new.sql", "templates/own.yaml", ".connector/new",
    "warehouse.duckdb", "warehouse.duckdb.wal", "lake/other.sqlite", "lake/other.sqlite-wal", "kept/ledger.db",
    "kept/ledger.db-wal", "ours.pem", "kept/../queries/new.sql", "./.connector/../warehouse.duckdb",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_of_the_project_or_its_state_is_replaced(made: tuple[Shop, str], command: str) -> None:
    folder = made[0].directory
    before = {path: path.read_bytes() for name in OWN if (path := folder / name).is_file()}
    for name in OWN:
        if command != "export":
            refused(written(made, command, folder / name, "--force"), "belongs to the project")
    if command == "export":
        for name in ("queries", ".connector/tables", "templates/new"):
            refused(written(made, command, folder / name, "--force"), "belongs to the project")
    assert {path: path.read_bytes() for path in before} == before
    assert not (folder / ".connector" / "tables").exists()


def test_a_link_to_a_folder_of_the_project_leads_there(made: tuple[Shop, str], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(made[0].directory / "queries")
    refused(written(made, "report", tmp_path / "elsewhere" / "new.html"), "belongs to the project")


@pytest.mark.parametrize("folder", [".connector", "queries", "templates"])
def test_a_folder_of_the_project_that_is_a_link_is_a_folder_of_the_project(tmp_path: Path, folder: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    write(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "purchases.sql").write_text("SELECT 1")
    shutil.rmtree(project / folder, ignore_errors=True)
    (project / folder).symlink_to(elsewhere)
    for output in (project / folder / "purchases.sql", elsewhere / "purchases.sql", elsewhere / "new"):
        outcome = inside("usage-report", "--month", "2026-11", "-o", str(output), "--force", project=project)
        refused(outcome, "belongs to the project")
    assert (elsewhere / "purchases.sql").read_text() == "SELECT 1"


def test_a_folder_of_the_project_that_leads_to_itself_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "templates").symlink_to("templates")
    assert not load_project(tmp_path, {}).owns(tmp_path / "report.html")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("missing/out.parquet", "does not exist: create it first"),
        ("file/out.parquet", "does not exist: create it first"),
        ("n" * 300 + ".parquet", "File name too long"),
    ],
)
def test_where_nothing_can_be_written_nothing_is_done(
    made: tuple[Shop, str], command: str, output: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    refused(written(made, command, tmp_path / output), words)
    assert names(tmp_path) == ["file"]


def test_a_file_in_the_project_folder_is_written(made: tuple[Shop, str]) -> None:
    assert written(made, "report", made[0].directory / "report.html").code == 0


def test_a_folder_that_takes_no_file_is_named_in_one_sentence(made: tuple[Shop, str]) -> None:
    outcome = written(made, "report", "/proc/self/report.html")
    assert outcome.code == 1
    assert outcome.sentence.startswith("/proc/self/report.html could not be written: ")


def test_an_earlier_export_is_replaced_with_force_alone(made: tuple[Shop, str], tmp_path: Path) -> None:
    assert written(made, "export", tmp_path / "tables").code == 0
    before = {path: path.stat().st_ino for path in (tmp_path / "tables").iterdir()}
    refused(written(made, "export", tmp_path / "tables"), "exists: name another file")
    assert {path: path.stat().st_ino for path in (tmp_path / "tables").iterdir()} == before
    assert written(made, "export", tmp_path / "tables", "--force").code == 0


@contextmanager
def no_file_larger(size: int) -> Iterator[None]:
    """Writing beyond that fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _bytes(output: Path) -> None:
    with output_file(output) as sink:
        sink.write(bytes(100_000))


def _tables(output: Path) -> None:
    rows = pa.Table.from_pylist([{"sync_run_id": os.urandom(9).hex()} for _ in range(20_000)], SYNC_RUNS)
    with writing_to(output):
        sink = ParquetSink({"sync_runs": table_files(output.parent)["sync_runs"]})
        try:
            sink.write({"sync_runs": TableRows([], rows.to_batches())})
            sink.finish()
        finally:
            sink.close()


@pytest.mark.parametrize("write", [_bytes, _tables])
def test_without_room_nothing_half_written_stays(write: Callable[[Path], None], tmp_path: Path) -> None:
    with no_file_larger(20_000), pytest.raises(ConnectorError, match=r"could not be written: File too large\.$"):
        write(tmp_path / "out")
    assert names(tmp_path) == []


def test_what_is_unfinished_follows_no_link_that_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".out.unfinished").symlink_to(tmp_path / "mine")
    _bytes(tmp_path / "out")
    assert (tmp_path / "mine").read_text() == "mine"
    assert names(tmp_path) == [".out.unfinished", "mine", "out"]
