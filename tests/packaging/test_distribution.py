"""The wheel and the source distribution are whole, and work where nothing else is installed."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEWEST = 20
UV = Path(sys.executable).with_name("uv")


def command(*arguments: str | Path, cwd: Path | None = None, **environ: str) -> str:
    """Run a program that has to succeed, and return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, arguments)), cwd=cwd, env={**inherited, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def interpreters() -> dict[tuple[int, int], str]:
    """Every Python from 3.11 that is installed here, by its version."""
    names = [f"python3.{minor}" for minor in range(11, NEWEST)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [sys.executable, *filter(None, map(shutil.which, names)), *map(str, pyenv.glob("3.*/bin/python"))]
    found: dict[tuple[int, int], str] = {}
    for candidate in candidates:
        asked = [candidate, "-c", "import sys, venv; print(*sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0 and (version := _version(done.stdout)) >= (3, 11):
            found.setdefault(version, candidate)
    return found


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split()
    return int(major), int(minor)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the source distribution, as `hatchling build` makes them of what git knows."""
    folder = tmp_path_factory.mktemp("dist")
    command(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return {path.suffix: path for path in folder.iterdir()}


def installed(python: str, folder: Path, *what: str | Path) -> Path:
    """A virtual environment of this Python with the packages in it, and its folder of programs."""
    command(python, "-m", "venv", folder)
    programs = folder / "bin"
    install: list[str | Path] = [programs / "python", "-m", "pip", "install", "--quiet"]
    if UV.exists():
        install = [UV, "pip", "install", "--quiet", "--python", programs / "python"]
    command(*install, *what)
    return programs


def modules(names: list[str]) -> set[str]:
    return {name for name in names if re.match(r"connector/.*\.(py|html|css|typed)$", name)}


@pytest.mark.thorough
def test_the_wheel_holds_the_package_its_example_and_its_licence(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions[".whl"]) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    here = [path.relative_to(ROOT).as_posix() for path in (ROOT / "connector").rglob("*") if path.is_file()]
    assert modules(names) == {name for name in modules(here) if "__pycache__" not in name}
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert {f"connector/mcp/pages/{page}" for page in pages} <= set(names)
    assert {"connector/example/files/orchestrations.yaml", "connector/example/files/demo/warehouse.sql"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "Name: sql-to-tiktok\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata


@pytest.mark.thorough
def test_the_wheel_of_the_source_distribution_is_the_same(distributions: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(distributions[".gz"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert not list(source.rglob(".connector"))
    command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=source)
    (again,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(again) as second, zipfile.ZipFile(distributions[".whl"]) as first:
        assert {entry.filename: entry.CRC for entry in second.infolist()} == {
            entry.filename: entry.CRC for entry in first.infolist()
        }


@pytest.mark.thorough
@pytest.mark.parametrize("extreme", [min, max], ids=["oldest", "newest"])
def test_the_wheel_alone_runs_the_example(
    distributions: dict[str, Path],
    extreme: Callable[[Iterable[tuple[int, int]]], tuple[int, int]],
    tmp_path: Path,
) -> None:
    if extreme is max and len(interpreters()) == 1:
        pytest.skip("The only Python here is the oldest one too.")
    pinned: list[str | Path] = ["-c", ROOT / "constraints.txt", distributions[".whl"]]
    programs = installed(interpreters()[extreme(interpreters())], tmp_path / "venv", *pinned)
    connector = programs / "connector"
    assert re.fullmatch(r"connector \d+\.\d+\.\d+", command(connector, "--version").strip())
    command(connector, "init", "shop", cwd=tmp_path)
    assert "store_purchases" in command(connector, "validate", cwd=tmp_path / "shop")
    assert "Completed with rejects" in command(connector, "run", "store_purchases", cwd=tmp_path / "shop")
    typed = (
        'from pathlib import Path; import connector; print(Path(connector.__file__).with_name("py.typed").is_file())'
    )
    assert command(programs / "python", "-c", typed).strip() == "True"


@pytest.mark.thorough
@pytest.mark.skipif(not UV.exists(), reason="pip cannot choose the lowest versions")
@pytest.mark.parametrize(
    "beside",
    [
        pytest.param(["--resolution", "lowest-direct"], id="lowest versions"),
        pytest.param(["sqlmesh>=0.236"], id="sqlmesh"),
        # dbt-core 1.12 needs a part that comes from elsewhere than the package index.
        pytest.param(["dbt-core>=1.10,<1.12", "dbt-duckdb>=1.10"], id="dbt"),
    ],
)
def test_the_example_runs_with_the_oldest_versions_and_beside_other_tools(
    distributions: dict[str, Path], beside: list[str], tmp_path: Path
) -> None:
    programs = installed(sys.executable, tmp_path / "venv", distributions[".whl"], *beside)
    command(programs / "connector", "init", "shop", cwd=tmp_path)
    ran = command(programs / "connector", "run", "store_purchases", cwd=tmp_path / "shop")
    assert "Completed with rejects" in ran
