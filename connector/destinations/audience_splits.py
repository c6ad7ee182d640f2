"""Stage the people of a result in splits: tasks hash them, and the difference is staged from what they wrote."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.disk import sync
from connector.core.hashed_rows import EXCLUDED_ROW, MEMBERS, HashedMembers
from connector.ledger.excluded_rows import ExcludedRowWriter
from connector.staging.splits import StagedSplit, StagedSplits, checksums, counts_as_json
from connector.staging.staged import Staged
from connector.staging.storage.arrow_file import ArrowFile

PEOPLE = "people.arrow"


def stage_split(
    rows: Iterable[HashedMembers], directory: Path, *, on_progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Write the people of a split, and return a JSON object with the counts. Raises OSError if the disk fails."""
    staged, excluded = Staged(), ExcludedRowWriter(directory, "staging")
    with ArrowFile(directory / PEOPLE, MEMBERS) as people:
        for part in rows:
            staged.count(part)
            excluded.add(part.excluded)
            for batch in part.members.combine_chunks().to_batches():
                people.append(batch)
            on_progress(staged.read)
    excluded.close()
    sync(directory / PEOPLE)
    return {**counts_as_json(staged), "files": checksums(directory)}


def members_of(splits: StagedSplits) -> Iterator[HashedMembers]:
    """Yield the people of all splits, in order, with the row numbers of the whole result."""
    first_row = 0
    for split in splits.splits:
        counts = splits.counts(split)
        excluded = pa.concat_tables([EXCLUDED_ROW.empty_table(), *splits.excluded(split, first_row)])
        nothing = HashedMembers(0, MEMBERS.empty_table(), EXCLUDED_ROW.empty_table(), counts.rejects, counts.warnings)
        yield replace(nothing, read=counts.read, excluded=excluded, skips=counts.skips, phones=counts.phones)
        for batch in _people(splits, split):
            rows = pc.add(batch["row"], first_row)
            members = pa.Table.from_batches([batch]).set_column(0, MEMBERS.field("row"), rows)
            yield HashedMembers(0, members, EXCLUDED_ROW.empty_table(), type(counts.rejects)(), type(counts.rejects)())
        first_row += counts.read


def _people(splits: StagedSplits, split: StagedSplit) -> Iterator[pa.RecordBatch]:
    with closing(splits.open_files()) as files:
        yield from files.batches(f"{split.folder}/{PEOPLE}")
