"""Events about people who are to be forgotten are taken out of a stage."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from connector.ledger.ledger import Ledger
from connector.outcomes import Skip
from connector.pipeline.known import BATCHES_AT_ONCE, count_skipped
from connector.pipeline.settle import Positions, Settlement
from connector.stage.reader import PersonReader, StageReader
from connector.stage.writer import StagedBatch
from connector.transform.forgotten import Forgotten


def forgotten_by(ledger: Ledger) -> Forgotten:
    """Those on the ledger's list."""
    return Forgotten(ledger.suppressed.digests())


def leave_out_forgotten(
    directory: Path, batches: list[StagedBatch], removed: Mapping[StagedBatch, Positions], forgotten: Forgotten
) -> Iterator[Settlement]:
    """What has to change in the staged `batches`, of which some events are `removed` already."""
    if not forgotten:
        return
    with PersonReader(directory) as persons, StageReader(directory) as stage:
        for start in range(0, len(batches), BATCHES_AT_ONCE):
            step, found = Settlement({}), []
            for batch in batches[start : start + BATCHES_AT_ONCE]:
                about = forgotten.among(persons.persons(batch))
                about[removed.get(batch, np.empty(0, np.int64))] = False
                if about.any():
                    step.removed[batch] = np.flatnonzero(about)
                    found.append(stage.whole(batch.file, batch.index).filter(pa.array(about)))
            if found:
                count_skipped(step, Skip.SUPPRESSED, pa.Table.from_batches(found))
                yield step
