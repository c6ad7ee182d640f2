"""The real dbt, in an environment of its own."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cli.command import ROOT
from tests.dbt.project import SHOP

CACHE = ROOT / ".cache" / "dbt"
"""The environment, kept from one time to the next."""
PACKAGES = ("dbt-core>=1.11,<1.12", "dbt-duckdb>=1.10")
UV = Path(sys.executable).with_name("uv")


def programs(folder: Path, *packages: str) -> Path:
    """The folder of programs of an environment with the packages, made unless it is there."""
    ready = folder / "ready"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if ready.exists():
            return folder / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        if UV.exists():
            pip = [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
        done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        ready.touch()
    return folder / "bin"


@dataclass(frozen=True)
class Dbt:
    """A dbt project, with the program."""

    program: Path
    directory: Path

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        """Runs a command of dbt, and gives what it printed."""
        done = subprocess.run(
            [self.program, "--no-use-colors", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """The project, built once."""
    directory = shutil.copytree(SHOP, tmp_path_factory.mktemp("dbt") / "analytics")
    made = Dbt(programs(CACHE, *PACKAGES) / "dbt", directory)
    made("deps", "--quiet")
    made("build", "--target", "prod")
    return made


@pytest.fixture
def dbt(built: Dbt, tmp_path: Path) -> Dbt:
    """A copy of the project that is built for the target prod."""
    return Dbt(built.program, shutil.copytree(built.directory, tmp_path / "analytics"))
