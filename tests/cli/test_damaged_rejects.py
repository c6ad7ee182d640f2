"""Files of left-out rows that are damaged: one sentence where they are asked for, and no other command minds."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop
from tests.cli.test_private_state import made_shop
from tests.cli.tiktok import serving

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "half": lambda whole: whole[: len(whole) // 2],
    "a text": lambda whole: b"row,reason\n" * 99,
    "only its ends": lambda whole: whole[:4] + whole[-8:],
    "without its beginning": lambda whole: whole[:4] + whole[90:],
    "a damaged middle": lambda whole: whole[:4] + bytes(60) + whole[64:],
    "another length of the end": lambda whole: whole[:-8] + b"\7\0\0\0PAR1",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str]]:
    with serving() as tiktok:
        made = made_shop(tmp_path_factory.mktemp("done") / "shop", tiktok)
        yield made, inside("run", NAME, "--json", project=made.directory).json["run_id"]


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_named_and_holds_up_nothing(done: tuple[Shop, str], tmp_path: Path, name: str) -> None:
    made, run_id = Shop(tmp_path / "shop"), done[1]
    shutil.copytree(done[0].directory, made.directory)
    (file,) = made.state.rglob("*.parquet")
    file.write_bytes(DAMAGES[name](file.read_bytes()))
    rejects = inside("rejects", run_id, project=made.directory)
    assert (rejects.code, len(rejects.stdout.splitlines())) == (1, 1)
    assert rejects.sentence.startswith(f"The excluded rows cannot be read: a file in {file.parent} is damaged.")
    for command in (
        ["runs", "show", run_id],
        ["report", run_id, "-o", str(tmp_path / "report.html")],
        ["runs", "export", "-o", str(tmp_path / "export")],
        ["forget", "--email", "somebody@example.com"],
    ):
        shown = inside(*command, project=made.directory)
        assert shown.code == 0, (command, shown.stderr)
    assert not file.exists()


@pytest.mark.parametrize("name", ["a damaged middle", "half"])
def test_an_export_skips_a_damaged_file_alone(done: tuple[Shop, str], tmp_path: Path, name: str) -> None:
    """What was exported of its run before stays, and what the other runs have is exported."""
    made, first = Shop(tmp_path / "shop"), done[1]
    shutil.copytree(done[0].directory, made.directory)
    export = ("runs", "export", "--warehouse", "own", "--schema", "sync")
    assert inside(*export, project=made.directory).code == 0
    (file,) = made.state.rglob("*.parquet")
    second = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    file.write_bytes(DAMAGES[name](file.read_bytes()))
    exported = inside(*export, "--json", project=made.directory)
    assert (exported.code, exported.json["rows"]["sync_runs"], exported.json["rows"]["sync_changelog"]) == (0, 2, 1)
    with duckdb.connect(str(made.warehouse), read_only=True) as warehouse:
        rows = warehouse.execute("SELECT sync_run_id, count(*) FROM sync.sync_changelog GROUP BY ALL").fetchall()
    assert dict(rows) == {first: 1, second: 1}
