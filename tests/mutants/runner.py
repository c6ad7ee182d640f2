"""Run the tests that cover a change, in a copy of the tree."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.changes import Change
from tests.mutants.plugin import RESULTS, TESTS

FIRST_SECONDS, MOST_SECONDS = 20.0, 300.0
"""Of the tests that run at first, and of all that run if these pass, as they were recorded."""
LEAST_TIMEOUT, TIMEOUT_FACTOR = 90, 10
"""A change is noticed when its tests take longer than so many seconds plus so many times their recorded duration."""
NO_TESTS = 5


@dataclass
class Tree:
    """A copy of the tree for one worker, with one change at a time."""

    root: Path

    @classmethod
    def copy(cls, source: Path, folder: Path) -> "Tree":
        """Copy what git knows or would add."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=source,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (source / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, folder / name)
        return cls(folder)

    def failing(self, change: Change, tests: Sequence[str], seconds: float) -> str | None:
        """Return the first test that fails with the change, or the end that the tests came to; None if they pass."""
        path = self.root / change.file
        original = path.with_suffix(".original")
        path.rename(original)
        try:
            path.write_text(change.apply(original.read_text()))
            return self.run(tests, seconds)
        finally:
            original.replace(path)

    def run(self, tests: Sequence[str], seconds: float) -> str | None:
        """Run tests up to the first that fails."""
        files = {RESULTS: self.root / "results.json", TESTS: self.root / "tests.json"}
        files[RESULTS].write_text("")
        files[TESTS].write_text(json.dumps(tests))
        temporary = self.root / ".tmp"
        temporary.mkdir(exist_ok=True)
        named = {name: str(path) for name, path in files.items()}
        environ = {**os.environ, **named, "PYTHONPATH": str(self.root), "PYTEST_DEBUG_TEMPROOT": str(temporary)}
        options = ["-p", "tests.mutants.plugin", "-p", "no:cacheprovider", "-x", "-q", "--tb=no", "-rN"]
        modules = dict.fromkeys(test.partition("::")[0] for test in tests)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *modules],
            cwd=self.root,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(LEAST_TIMEOUT + TIMEOUT_FACTOR * seconds)
        except subprocess.TimeoutExpired:
            _stop(process)
            return "the tests took too long"
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        failed = [test for test, _, passed in map(json.loads, files[RESULTS].read_text().splitlines()) if not passed]
        return failed[0] if failed else None if code in {0, NO_TESTS} else f"pytest ended with {code}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Let pytest stop its services; kill it and what it started if it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Mutants:
    """Runs changes, and keeps which tests were seen to pass without any."""

    clean: Tree
    seconds: Mapping[str, float]
    passing: dict[str, bool] = field(default_factory=dict)

    def affordable(self, tests: Sequence[str], seconds: float = MOST_SECONDS) -> Sequence[str]:
        """Return the first tests that take so many seconds together, one at least."""
        total = 0.0
        for number, test in enumerate(tests):
            total += self.seconds[test]
            if total > seconds:
                return tests[: max(number, 1)]
        return tests

    def noticed_by(self, tree: Tree, change: Change, tests: Sequence[str]) -> str | None:
        """Return the test that notices a change, or the other sign of it."""
        first = self.affordable(tests, FIRST_SECONDS)
        return self._failing(tree, change, first) or self._failing(tree, change, tests[len(first) :])

    def _failing(self, tree: Tree, change: Change, tests: Sequence[str]) -> str | None:
        """Return the first test that fails with the change and passes without it."""
        remaining = list(tests)
        while remaining:
            failed = tree.failing(change, remaining, sum(self.seconds[test] for test in remaining))
            if failed is None or failed not in self.seconds or self._passes(failed):
                return failed
            remaining = remaining[remaining.index(failed) + 1 :]
        return None

    def _passes(self, test: str) -> bool:
        """Tell whether a test passes without a change: once for each test."""
        if test not in self.passing:
            self.passing[test] = self.clean.run([test], self.seconds[test]) is None
        return self.passing[test]
