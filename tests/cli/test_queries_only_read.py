"""Queries that write, as the commands meet them: nothing is written, and one sentence says what is wrong."""

from pathlib import Path

import duckdb
import pytest
import yaml

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import serving

COMMANDS = (
    ("preview", NAME), ("plan", NAME), ("run", NAME), ("validate", NAME, "--connect"), ("compile", NAME),
)  # fmt: skip
AIMS = ("warehouse.duckdb", "orchestrations.yaml", ".connector/ledger.sqlite", "leak.csv")
COMMENTS = ("-- it's the end", "/* end */", "-- end\n-- of it", "--\n")


def contents(project: Shop) -> dict[str, bytes]:
    """What is in the files that a query could overwrite; the ledger is written by runs."""
    files = [path for path in project.directory.rglob("*") if path.is_file() and ".connector" not in path.parts]
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.parametrize(("command", "aim"), [(one, AIMS[i % len(AIMS)]) for i, one in enumerate(COMMANDS)])
def test_no_command_lets_a_query_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], aim: str
) -> None:
    with serving() as tiktok:
        tables = {"t": "SELECT 'jo@example.com' AS email"}
        query = f"WITH x AS (COPY t TO '{aim}' (FORMAT csv)) {GOOD.format(rows=3)}"
        project = shop(tmp_path / "shop", tiktok.url, query, tables=tables)
        before = contents(project)
        monkeypatch.chdir(project.directory)
        outcome = inside(*command, project=project.directory)
        assert not tiktok.accepted
    assert outcome.code == 2
    assert "COPY" in outcome.stderr + outcome.stdout
    assert "Unexpected" not in outcome.stderr
    assert contents(project) == before
    ledger = project.state / "ledger.sqlite"
    assert not ledger.exists() or ledger.read_bytes().startswith(b"SQLite format 3")


def test_files_of_the_project_are_read_and_a_comment_may_end_the_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as tiktok:
        query = "SELECT * FROM 'data/*.csv' AS a POSITIONAL JOIN 'ids.parquet' AS b -- it's the end"
        project = shop(tmp_path / "shop", tiktok.url, query)
        (project.directory / "data").mkdir()
        with duckdb.connect() as made:
            made.execute(
                f"COPY (SELECT * EXCLUDE event_id FROM ({GOOD.format(rows=3)})) TO '{project.directory}/data/a.csv'"
            )
            made.execute(f"COPY (SELECT 'e' || range AS event_id FROM range(3)) TO '{project.directory}/ids.parquet'")
        monkeypatch.chdir(project.directory)
        for command in COMMANDS:
            outcome = inside(*command, project=project.directory)
            assert (outcome.code, "Unexpected" in outcome.stderr) == (0, False), outcome
        assert len(tiktok.events) == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_a_query_of_an_audience_may_end_in_a_comment(tmp_path: Path, command: tuple[str, ...]) -> None:
    for ending in COMMENTS:
        project = shop(
            tmp_path / str(COMMENTS.index(ending)), "simulator", f"SELECT 'jo@example.com' AS email {ending}"
        )
        settings = yaml.safe_load(project.settings.read_text())
        audience = {
            "type": "tiktok_audience",
            "credential": "tiktok",
            "advertiser_ids": [SOURCE_ID],
            "audience": "VIPs",
        }
        settings["destinations"]["stores"] = {**audience, "api_url": "simulator"}
        project.settings.write_text(yaml.safe_dump(settings))
        outcome = inside(*command, project=project.directory)
        assert outcome.code == 0, outcome
