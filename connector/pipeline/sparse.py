"""What is left of batches most of which was taken out is put together anew, so that none costs its own request."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from connector.hashed import HashedEvents
from connector.pipeline.settle import Positions
from connector.stage.reader import StageReader, without
from connector.stage.writer import StagedBatch

_SHOULD_BE_FULL = 0.5


def sparse(batches: Iterable[StagedBatch], removed: Mapping[StagedBatch, Positions]) -> dict[StagedBatch, Positions]:
    """The batches of which less than half is left, each with the positions of the events that were taken out."""
    return {batch: removed[batch] for batch in batches if batch in removed and _is_sparse(batch, removed[batch])}


def _is_sparse(batch: StagedBatch, removed: Positions) -> bool:
    return batch.events - len(removed) < _SHOULD_BE_FULL * batch.events


def left_of(directory: Path, batches: Mapping[StagedBatch, Positions]) -> Iterator[HashedEvents]:
    """The events of each batch but for those that were taken out; of an empty one, nothing."""
    with StageReader(directory) as stage:
        for batch, removed in batches.items():
            if len(removed) < batch.events:
                left = without(stage.whole(batch.file, batch.index), removed)
                yield HashedEvents(batch.route, pa.Table.from_batches([left]))
