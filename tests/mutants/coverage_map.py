"""Record which tests run each line of the product, in a file outside the tree.

A change to a test module makes only that module's tests run again. A change to the product keeps the record: its lines
are found again by their text.
"""

import difflib
import hashlib
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from coverage.numbits import numbits_to_nums

from tests.mutants.plugin import RESULTS

EXCLUDED = ("benchmarks", "browser", "docs", "fuzz", "mutants", "packaging")
"""Folders of tests whose time would exceed their use: they repeat what other tests run."""

_RC = """[run]
parallel = true
data_file = {folder}/coverage
include = {root}/connector/*
context = ${{PYTEST_CURRENT_TEST-}}
disable_warnings = no-data-collected, module-not-imported
"""


@dataclass
class CoverageMap:
    """Which tests run each line, and how long each test takes."""

    sources: dict[str, str] = field(default_factory=dict)
    """By file of the product, its text when it was last recorded."""
    hashes: dict[str, str] = field(default_factory=dict)
    """By test module, the hash of its text."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By test, its duration while coverage was recorded. Tests that failed are missing."""
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    """By file and line of the recorded text, the tests that run it."""

    def current_lines(self, root: Path, file: str) -> dict[int, set[str]]:
        """Return the tests of each line of the present text of a file."""
        recorded, before = self.lines.get(file, {}), self.sources.get(file, "").splitlines()
        matcher = difflib.SequenceMatcher(None, before, (root / file).read_text().splitlines(), autojunk=False)
        moved = {}
        for old, new, size in matcher.get_matching_blocks():
            moved.update({new + n + 1: recorded[old + n + 1] for n in range(size) if old + n + 1 in recorded})
        return moved

    def forget(self, module: str) -> None:
        """Delete what was recorded of a test module."""
        tests = {test for test in self.seconds if test.partition("::")[0] == module}
        for test in tests:
            del self.seconds[test]
        for lines in self.lines.values():
            for covering in lines.values():
                covering -= tests


def load(path: Path) -> CoverageMap:
    """Read a map; return an empty one if there is none."""
    if not path.exists():
        return CoverageMap()
    with path.open("rb") as file:
        loaded = pickle.load(file)
    assert isinstance(loaded, CoverageMap)
    return loaded


def update(path: Path, root: Path) -> CoverageMap:
    """Run the test modules that are new or changed since the map was written, and write it."""
    known = load(path)
    hashes = {
        module.relative_to(root).as_posix(): hashlib.sha256(module.read_bytes()).hexdigest()
        for module in sorted((root / "tests").rglob("test_*.py"))
        if module.relative_to(root / "tests").parts[0] not in EXCLUDED
    }
    stale = [module for module in {**known.hashes, **hashes} if known.hashes.get(module) != hashes.get(module)]
    for module in stale:
        known.forget(module)
    _move(known, root)
    for folder, modules in groupby(stale, key=lambda module: module.split("/")[1]):
        if changed := [module for module in modules if module in hashes]:
            print(f"Recording which lines {len(changed)} test modules of {folder} run.", flush=True)
            _record(known, root, changed)
            known.hashes.update({module: hashes[module] for module in changed})
            _write(known, path)
    known.hashes = hashes
    _write(known, path)
    return known


def _write(known: CoverageMap, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(pickle.dumps(known))
    unfinished.replace(path)


def _move(known: CoverageMap, root: Path) -> None:
    """Number the recorded lines as in the present text."""
    files = [file.relative_to(root).as_posix() for file in (root / "connector").rglob("*.py")]
    known.lines = {file: known.current_lines(root, file) for file in files}
    known.sources = {file: (root / file).read_text() for file in files}


def _record(known: CoverageMap, root: Path, modules: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rc, results = Path(folder, "rc"), Path(folder, "results")
        rc.write_text(_RC.format(folder=folder, root=root))
        environ = {**os.environ, "COVERAGE_PROCESS_START": str(rc), RESULTS: str(results), "PYTHONPATH": str(root)}
        options = ["-p", "tests.mutants.plugin", "-n", "2", "--dist", "worksteal", "-q", "--tb=no", "-rN"]
        subprocess.run([sys.executable, "-m", "pytest", *options, *modules], cwd=root, env=environ, check=False)
        # Of modules with thorough tests alone, nothing ran.
        done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        known.seconds.update({test: seconds for test, seconds, passed in done if passed})
        for data in Path(folder).glob("coverage.*"):
            _add(known, root, data)


def _add(known: CoverageMap, root: Path, path: Path) -> None:
    """Add what one process recorded."""
    query = (
        "SELECT file.path, context.context, numbits FROM line_bits JOIN file ON file.id = file_id"
        " JOIN context ON context.id = context_id WHERE context.context != ''"
    )
    with closing(sqlite3.connect(path)) as data:
        rows = data.execute(query).fetchall()
    for file, context, numbits in rows:
        test = context.rpartition(" (")[0] if context.endswith((" (call)", " (setup)", " (teardown)")) else context
        if test in known.seconds:
            lines = known.lines.setdefault(Path(file).relative_to(root).as_posix(), defaultdict(set))
            for number in numbits_to_nums(numbits):
                lines.setdefault(number, set()).add(test)
