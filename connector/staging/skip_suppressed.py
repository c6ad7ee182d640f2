"""Events about people who are to be forgotten are taken out of a stage."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from connector.core.outcomes import Skip
from connector.ledger.ledger import Ledger
from connector.staging.deduplicate import StageEdit
from connector.staging.skip_delivered import BATCHES_AT_ONCE
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import StagedBatch
from connector.transform.suppression import SuppressionFilter


def forgotten_by(ledger: Ledger) -> SuppressionFilter:
    """Those on the ledger's list."""
    return SuppressionFilter(ledger.suppressed.digests())


def leave_out_forgotten(
    directory: Path, batches: list[StagedBatch], removed: DeletionMask, forgotten: SuppressionFilter
) -> Iterator[StageEdit]:
    """What has to change in the staged `batches`, of which some events are `removed` already."""
    if not forgotten:
        return
    with StageReader(directory) as stage:
        for start in range(0, len(batches), BATCHES_AT_ONCE):
            gone, found = [], []
            for batch in batches[start : start + BATCHES_AT_ONCE]:
                events = stage.whole(batch.file, batch.index)
                about = forgotten.among(events) & ~removed.of(batch)
                if about.any():
                    gone.append(removed.numbers(batch, about))
                    found.append(events.filter(pa.array(about)))
            if found:
                step = StageEdit(removed=np.concatenate(gone))
                events = pa.Table.from_batches(found)
                step.leave_out(events, Skip.SUPPRESSED, brief=True)
                step.take_back(events)
                yield step
