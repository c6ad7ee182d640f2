"""Skip staged events about suppressed people."""

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
from connector.transform.suppression_filter import SuppressionFilter, read_opted_out


def suppression_filter(ledger: Ledger, opted_out: Path | None = None) -> SuppressionFilter:
    """Return the filter of the people whom the ledger lists as suppressed, and of those in a file of `opted_out`."""
    return SuppressionFilter(ledger.suppression.digests(), read_opted_out(opted_out))


def skip_suppressed(
    directory: Path, batches: list[StagedBatch], deletions: DeletionMask, suppressed: SuppressionFilter
) -> Iterator[StageEdit]:
    """Yield the edits that skip suppressed events in the staged `batches`, except events that are deleted already."""
    if not suppressed:
        return
    with StageReader(directory) as stage:
        for start in range(0, len(batches), BATCHES_AT_ONCE):
            numbers, matches = [], []
            for batch in batches[start : start + BATCHES_AT_ONCE]:
                events = stage.whole(batch.file, batch.index)
                flags = suppressed.match_events(events) & ~deletions.flags(batch)
                if flags.any():
                    numbers.append(deletions.numbers(batch, flags))
                    matches.append(events.filter(pa.array(flags)))
            if matches:
                edit = StageEdit(removed=np.concatenate(numbers))
                events = pa.Table.from_batches(matches)
                edit.exclude(events, Skip.SUPPRESSED, brief=True)
                edit.retract_warnings(events)
                yield edit
