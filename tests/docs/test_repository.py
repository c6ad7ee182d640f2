"""What may stand in no file of the repository."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

REGISTRIES = ("pypi", "pythonhosted", "npmjs", "anaconda", "conda.anaconda", "crates", "rubygems", "proxy.golang")
REGISTRY = re.compile(rf"\b(?:{'|'.join(map(re.escape, REGISTRIES))})\.(?:org|com|io)\b|index-url", re.IGNORECASE)
OF_A_MACHINE = re.compile(r"(?<![\w./…])/(?:work|root|tmp|home|Users|mnt)/\w")
MADE_UP = "tests/fuzz/corpus/"
"""Inputs of fuzz targets, of which some are files of variables with nothing of anybody."""


def texts() -> list[tuple[str, str]]:
    """The files that git knows, by path, as text, be they text or not: inputs of fuzz targets are any bytes."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [(path.relative_to(ROOT).as_posix(), path.read_text("utf-8", "replace")) for path in paths if path.is_file()]


@pytest.mark.parametrize("unwanted", [REGISTRY, OF_A_MACHINE], ids=["registry", "machine"])
def test_no_file_names_a_package_registry_or_a_path_of_one_machine(unwanted: re.Pattern[str]) -> None:
    found = [(path, match[0]) for path, text in texts() for match in unwanted.finditer(text)]
    assert [one for one in found if one[0] != Path(__file__).relative_to(ROOT).as_posix()] == []


@pytest.mark.parametrize(
    ("unwanted", "text"),
    [
        (REGISTRY, "https://pypi.org/simple"),
        (REGISTRY, "--index-url x"),
        (OF_A_MACHINE, "see /root/notes"),
        (OF_A_MACHINE, '"/tmp/x"'),
    ],
)
def test_what_is_looked_for_would_be_found(unwanted: re.Pattern[str], text: str) -> None:
    assert unwanted.search(text)


def test_no_secret_and_no_state_is_kept_in_git() -> None:
    kept = [path for path, _ in texts() if not path.startswith(MADE_UP)]
    assert [path for path in kept if re.search(r"(^|/)\.connector/|\.duckdb$|\.sqlite$|\.env$|\.pem$", path)] == []
