"""Small results, staged slice by slice."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from connector.delivery.batch import Batch
from connector.ledger.batch_records import OpenBatch
from connector.staging.sending import EventCodec, StagedBatches
from connector.staging.skip_delivered import DeliveredKeys, no_delivered_keys
from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests.reference import Event, Settings, event_json
from tests.transform.harness import compiled

NOW = 1_700_000_000
UNHURRIED = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

Row = Mapping[str, str | None]
Sent = tuple[str, str]
"""What TikTok is told of an event: the event source id, and its JSON."""

NAMES = ("event_id", "email", "value", "content_id", "event_set_id", "currency", "price", "quantity")
ROWS: st.SearchStrategy[dict[str, str | None]] = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from([f"e{number}" for number in range(12)]),
        "email": st.sampled_from([*["jane@example.com"] * 7, *["john@example.com"] * 3, "nobody", None]),
        "value": st.sampled_from([*["1.10", "2.25", None, "-1.15", "-3"] * 4, "bad"]),
        "price": st.sampled_from([None, None, "3", "-1"]),
        "quantity": st.sampled_from([None, "1", "2"]),
        "currency": st.sampled_from([*["USD", None, "usd"] * 4, "EUR"]),
        "content_id": st.sampled_from(["a", "b", None]),
        "event_set_id": st.sampled_from(["111", "222", None]),
    }
)
"""Mostly good ones, so that events of several rows come about, in one slice and in several."""


def plain_row(event_id: str, event_set_id: str | None = None) -> Row:
    """A row of which nothing is wrong."""
    nothing = dict.fromkeys(NAMES)
    return {**nothing, "event_id": event_id, "email": "jane@example.com", "event_set_id": event_set_id}


def table_of(rows: list[Row]) -> pa.Table:
    """The rows as a result's columns."""
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in NAMES}
    count = len(rows)
    return pa.table({**columns, "event": pa.array(["Purchase"] * count), "timestamp": pa.array([NOW] * count)})


def staged_in(
    directory: Path,
    table: pa.Table,
    how: Settings,
    slice_rows: int,
    known: DeliveredKeys = no_delivered_keys,
    *,
    threads: int = 1,
) -> Staged:
    """Stages a result that is looked at so many rows at a time."""
    transform = compiled(table, how, DataTemplate("tiktok_events"))
    rows = hash_rows(table.to_batches(max_chunksize=7), transform, threads=threads, slice_rows=slice_rows)
    return stage(rows, directory, transform.rules, delivered_keys=known)


def staged_events(directory: Path, staged: Staged) -> Counter[Sent]:
    """What would be sent."""
    return Counter(sent for events in events_by_batch(directory, staged) for sent in events)


def events_by_batch(directory: Path, staged: Staged) -> list[list[Sent]]:
    """What would be sent, batch by batch, in order."""
    batches = StagedBatches(directory, [OpenBatch(batch) for batch in staged.batches], EventCodec())
    found = [
        [(batch.route.resource_id, bytes(one.payload).decode()) for one in singly(batches, batch)] for batch in batches
    ]
    batches.close()
    return found


def singly(batches: StagedBatches, batch: Batch) -> list[Batch]:
    """The events of a batch, each as a part of its own."""
    if batch.events == 1:
        return [batch]
    return [one for half in batches.split(batch, batch.events // 2) for one in singly(batches, half)]


def as_sent(event: Event) -> Sent:
    """The same of an event of the reference."""
    return event.event_source_id, event_json(event)
