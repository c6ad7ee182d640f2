"""Print which of MUTANTS changes, chosen by MUTANTS_SEED, no test notices."""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants import coverage_map
from tests.mutants.changes import Change, sample
from tests.mutants.runner import Mutants, Tree
from tests.mutants.selection import covering_tests

ROOT = Path(__file__).parents[2]
PACKAGES = ("delivery", "ledger", "staging", "transform", "runs", "inspection", "reporting", "privacy", "destinations")
WORKERS = 2
LEAST_NOTICED = 0.9
MAP = Path(tempfile.gettempdir()) / f"connector-mutants-{os.getuid()}" / "coverage.pickle"


def main(count: int, seed: int) -> int:
    """Return 1 if more than one change in ten stays unseen."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        clean, *trees = [Tree.copy(ROOT, Path(folder, str(number))) for number in range(WORKERS + 1)]
        known = coverage_map.update(MAP, clean.root)
        free: SimpleQueue[Tree] = SimpleQueue()
        for tree in trees:
            free.put(tree)
        mutants = Mutants(clean, known.seconds)

        def noticed(change: Change) -> bool:
            covering, tree = covering_tests(known, clean.root, change), free.get()
            tests = mutants.affordable(covering)
            try:
                found = mutants.noticed_by(tree, change, tests)
            finally:
                free.put(tree)
            text = (clean.root / change.file).read_text()
            ending = (
                f"  noticed by {found}"
                if found
                else f"  UNSEEN by {len(tests)} of the {len(covering)} tests that cover it"
            )
            print(f"{change.describe(text)}\n{ending}", flush=True)
            return found is not None

        with ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(noticed, sample(clean.root, PACKAGES, count, seed)))
    print(f"{sum(results)} of {len(results)} changes noticed in {time.monotonic() - started:.0f} s (seed {seed}).")
    return int(sum(results) < LEAST_NOTICED * len(results))


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("MUTANTS") or 100), int(os.environ.get("MUTANTS_SEED") or 1)))
