"""What is left of batches most of which was taken out is put together anew, so that none costs its own request."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from connector.core.hashed import HashedEvents
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch

_SHOULD_BE_FULL = 0.5


def is_sparse(batch: StagedBatch, removed: DeletionMask) -> bool:
    """Whether less than half of a batch is left."""
    return removed.left(batch) < _SHOULD_BE_FULL * batch.events


def left_of(directory: Path, batches: Iterable[StagedBatch], removed: DeletionMask) -> Iterator[HashedEvents]:
    """The events of each batch but for those that were taken out; of an empty one, nothing."""
    with StageReader(directory) as stage:
        for batch in batches:
            if removed.left(batch):
                left = stage.whole(batch.file, batch.index).filter(pa.array(~removed.of(batch)))
                yield HashedEvents(batch.route, pa.Table.from_batches([left]))
