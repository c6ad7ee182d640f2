"""Merge the remaining events of batches from which most were deleted, so that few requests are needed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from connector.core.hashed import HashedEvents
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch

_SPARSE_BELOW = 0.5


def is_sparse(batch: StagedBatch, deletions: DeletionMask) -> bool:
    """Return whether less than half of the events of a batch remain."""
    return deletions.remaining(batch) < _SPARSE_BELOW * batch.events


def remaining_events(
    directory: Path, batches: Iterable[StagedBatch], deletions: DeletionMask
) -> Iterator[HashedEvents]:
    """Yield the events of each batch that were not deleted, if there are any."""
    with StageReader(directory) as stage:
        for batch in batches:
            if deletions.remaining(batch):
                remaining = stage.whole(batch.file, batch.index).filter(pa.array(~deletions.flags(batch)))
                yield HashedEvents(batch.route, pa.Table.from_batches([remaining]))
