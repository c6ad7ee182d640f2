"""`connector init`: the example project, from a checkout and from a built wheel."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from connector.errors import UsageError
from connector.example.example_project import example_files, write_example
from tests.example.project import ROOT

SHIPPED = {
    "orchestrations.yaml",
    "queries/store_purchases.sql",
    "queries/web_purchases.sql",
    "queries/legacy_offline_events.sql",
    "queries/vip_customers.sql",
    "templates/tiktok_events.yaml",
    "templates/web_events.yaml",
    "templates/liveramp_conversions.yaml",
    "tests/store_conversions.yaml",
    "tests/store_purchases.yaml",
    "tests/vip_customers.yaml",
    "tests/web_purchases.yaml",
    "demo/warehouse.sql",
}
SCHEMAS = {"schemas/orchestrations.schema.json", "schemas/template.schema.json", "schemas/test.schema.json"}
LINE = "# yaml-language-server: $schema={}schemas/{}.schema.json\n"
WRITTEN = SHIPPED | SCHEMAS | {"demo/conversions.psv", ".gitignore", "README.md"}


def tree(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built as a release would be."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(directory),
    ]
    subprocess.run([sys.executable, *build, str(ROOT)], check=True)
    (built,) = directory.glob("*.whl")
    return built


def test_a_new_project_holds_the_shipped_examples_as_they_are(tmp_path: Path) -> None:
    write_example(tmp_path / "new" / "project")
    assert tree(tmp_path / "new" / "project") == WRITTEN
    for name in SHIPPED:
        written = (tmp_path / "new/project" / name).read_text("utf-8")
        kinds = {"templates": "template", "tests": "test"}
        up, schema = (
            ("../", kinds[name.partition("/")[0]]) if "/" in name and name.endswith(".yaml") else ("", "orchestrations")
        )
        line = LINE.format(up, schema) if name.endswith(".yaml") else ""
        assert written == line + (ROOT / name).read_text("utf-8")


def test_the_files_written_are_named(tmp_path: Path) -> None:
    assert {path.relative_to(tmp_path).as_posix() for path in write_example(tmp_path)} == WRITTEN


def test_state_and_the_built_warehouse_are_ignored_by_git(tmp_path: Path) -> None:
    write_example(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text("utf-8").splitlines()
    assert {".connector/", "demo/*.duckdb"} <= set(ignored)


def test_existing_files_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "orchestrations.yaml").write_text("mine")
    (tmp_path / "queries" / "store_purchases.sql").write_text("mine")
    with pytest.raises(UsageError, match=r"orchestrations\.yaml, queries/store_purchases\.sql"):
        write_example(tmp_path)
    assert tree(tmp_path) == {"orchestrations.yaml", "queries/store_purchases.sql"}
    assert (tmp_path / "orchestrations.yaml").read_text() == "mine"


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_example(tmp_path)
    assert tree(tmp_path) == WRITTEN | {"notes.txt"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match="taken"):
        write_example(tmp_path / "taken")


def test_the_wheel_carries_the_example_and_no_built_warehouse(wheel: Path) -> None:
    prefix = "connector/example/files/"
    with ZipFile(wheel) as archive:
        names = [name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)]
    assert sorted(names) == sorted(SHIPPED)


def test_an_installed_wheel_writes_the_same_project_as_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = "from pathlib import Path; from connector.example.example_project import write_example; write_example(Path('new'))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment)
    files = {name: (tmp_path / "new" / name).read_bytes() for name in tree(tmp_path / "new")}
    assert files == example_files()
