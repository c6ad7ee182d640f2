"""The last runs of a ledger file, read fast and without changing it."""

import sqlite3
from contextlib import closing
from pathlib import Path

_RUNS = "SELECT run_id, orchestration, status FROM runs WHERE run_id LIKE ? ORDER BY started_at DESC LIMIT ?"
_SECONDS = 0.2
"""The longest wait for a ledger that is being written."""


def recent_runs(file: Path, prefix: str, limit: int) -> list[tuple[str, str, str]]:
    """Return id, orchestration and status of the last runs whose id begins with `prefix`, the latest first.

    Raises sqlite3.Error if the file is missing or is no ledger.
    """
    address = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as ledger:
        return ledger.execute(_RUNS, (f"{prefix}%", limit)).fetchall()
