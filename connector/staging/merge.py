"""Merge events whose rows lie far apart in tasks, for results in which most do.

A first task for each split sorts its repeated events by the partition of their keys; a second one for each range of
partitions merges the events of all splits, as `deduplicate` does.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connector.core.route import Route
from connector.staging.deduplicate import BLOCKED_FILE, EVENTS_AT_ONCE, RepeatedKeys, edits_of
from connector.staging.splits import (
    REMOVED_FILE,
    SplitWriter,
    StagedSplit,
    StagedSplits,
    write_private,
)
from connector.staging.storage.batcher import BatchLimits
from connector.staging.storage.bloom_filter import BloomFilter
from connector.staging.storage.event_partitions import NUMBERED, SHARES_FILE, EventPartitions
from connector.staging.storage.key_list import partition_count
from connector.staging.storage.keys import as_uint64_pairs, keys_from, partition_of
from connector.staging.storage.reader import renumbered
from connector.staging.storage.shared_folder import SharedFolder
from connector.transform.rules import EventRules
from connector.transform.suppression_filter import SuppressionFilter

SCATTER, MERGE = "scatter", "merge"
"""The kinds of tasks."""
MARKS_FILE = "repeated-keys"
_PARTITIONS_A_TASK = 8
"""A task merges one partition after the other, of some ten thousand events each: half as many as one process does,
since a node has several of these tasks at the same time."""


def merge_in_tasks(
    directory: Path, splits: StagedSplits, repeated: RepeatedKeys, *, line_items: bool
) -> Iterator[StagedSplit]:
    """Yield what the tasks have merged; the events that it replaces are still there."""
    if splits.run_tasks is None:
        raise AssertionError("nobody runs tasks")
    partitions = partition_count(repeated.events, max(1, EVENTS_AT_ONCE // 2))
    _share(directory, splits.shared, repeated)
    routes: dict[tuple[str, ...], int] = {}
    scattered = [{**place, "line_items": line_items} for place in _scatter_places(splits, routes, partitions)]
    splits.run_tasks(SCATTER, scattered)
    places = [
        {
            "partitions": [start, min(start + _PARTITIONS_A_TASK, partitions)],
            "of": partitions,
            "routes": [list(route) for route in routes],
            "line_items": line_items,
        }
        for start in range(0, partitions, _PARTITIONS_A_TASK)
    ]
    yield from splits.run_tasks(MERGE, places)


def _share(directory: Path, shared: SharedFolder, repeated: RepeatedKeys) -> None:
    """Write the repeated and the blocked keys where the tasks find them."""
    write_private(directory / MARKS_FILE, repeated.marks.content)
    if not repeated.blocked.count:
        write_private(directory / BLOCKED_FILE, b"")
    shared.publish(directory, [MARKS_FILE, BLOCKED_FILE])
    (directory / MARKS_FILE).unlink()


def _scatter_places(
    splits: StagedSplits, routes: dict[tuple[str, ...], int], partitions: int
) -> Iterator[dict[str, Any]]:
    first_event, first_rows = 0, splits.first_rows()
    for split in splits.splits:
        own = [routes.setdefault(tuple(route), len(routes)) for route in split.summary["routes"]]
        batches, _ = splits.batches(split)
        yield {
            "folder": split.folder,
            "first_event": first_event,
            "first_row": first_rows[split.folder],
            "partitions": partitions,
            "routes": own,
        }
        first_event += sum(batch.events for batch in batches)


def scatter(directory: Path, splits: StagedSplits, place: Mapping[str, Any]) -> dict[str, Any]:
    """Share out the repeated events of the split at `place["folder"]` by partition in the folder `directory`. A task.

    With line items, all events of a batch are shared out if most are: the merged ones replace them, and the few that
    would be left of the batch would have to be written again later. Returns a summary with the places of the record
    batches of each partition.
    """
    (split,) = (split for split in splits.splits if split.folder == place["folder"])
    marks = BloomFilter.of(splits.shared.read(MARKS_FILE) or b"")
    batches, _ = splits.batches(split)
    numbers = {tuple(route): number for route, number in zip(split.summary["routes"], place["routes"], strict=True)}
    first = place["first_event"]
    with closing(splits.open_files()) as files, EventPartitions(directory, place["partitions"], keep=True) as events:
        for batch in batches:
            events_of_batch = files.batch(batch.file, batch.index)
            marked = marks.may_contain(as_uint64_pairs(events_of_batch["key"])[:, 0])
            is_whole = place["line_items"] and 2 * np.count_nonzero(marked) > len(marked)
            positions = np.arange(len(marked)) if is_whole else np.flatnonzero(marked)
            if len(positions):
                own = events_of_batch if is_whole else events_of_batch.take(pa.array(positions))
                found = renumbered(own, place["first_row"])
                route = numbers[batch.route.resource_type, batch.route.resource_id]
                events.add(found, first + positions, route)
            first += batch.events
        return {"places": events.finish(), "read": 0}


def merge(
    directory: Path,
    splits: StagedSplits,
    place: Mapping[str, Any],
    *,
    rules: EventRules,
    suppressed: SuppressionFilter,
    limits: BatchLimits,
) -> dict[str, Any]:
    """Merge the events of some partitions, which `splits` have shared out, in the folder `directory`. A task.

    Returns a summary as `stage_split` does.
    """
    rules = replace(rules, line_items=place["line_items"])
    routes = [Route(*route) for route in place["routes"]]
    blocked = keys_from(splits.shared.read(BLOCKED_FILE) or b"")
    removed = [np.empty(0, np.int64)]
    with SplitWriter(directory, suppressed, limits) as writer:
        for partition, numbered in _shared_out(splits, place):
            here = blocked[partition_of(blocked, place["of"]) == partition]
            for edit in edits_of(numbered, routes, here, rules, rewrite=True):
                writer.change(edit)
                removed.append(edit.removed)
        write_private(directory / REMOVED_FILE, np.concatenate(removed).tobytes())
        return writer.finish()


def _shared_out(splits: StagedSplits, place: Mapping[str, Any]) -> Iterator[tuple[int, pa.Table]]:
    """Yield the number of each partition, and its events (schema NUMBERED) in the order of the result."""
    with closing(splits.open_files()) as files:
        for partition in range(*place["partitions"]):
            batches = (
                files.batch(f"{split.folder}/{SHARES_FILE}", index)
                for split in splits.splits
                for index in split.summary["places"][partition]
            )
            yield partition, pa.Table.from_batches(batches, NUMBERED)
