"""`connector`, but for far fewer events whose rows lie apart tasks merge them: `python -m tests.cluster.lowered RUN…`."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from connector.staging import merge, stage

MERGED = "Events were merged in tasks."
"""Written to stderr when they were."""
EVENTS_HERE = 100


def lower(patch: pytest.MonkeyPatch) -> None:
    """Lower the number of events from which on tasks merge them, and tell when they do."""
    merge_in_tasks = merge.merge_in_tasks

    def told(*arguments: Any, **options: Any) -> Iterator[Any]:
        print(MERGED, file=sys.stderr)
        return merge_in_tasks(*arguments, **options)

    patch.setattr(stage, "EVENTS_HERE", EVENTS_HERE)
    patch.setattr(merge, "merge_in_tasks", told)


if __name__ == "__main__":
    lower(pytest.MonkeyPatch())
    from connector.cli import main

    main()
