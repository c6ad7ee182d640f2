"""Cutting a batch in two, so that a refused event can be found."""

import json
from collections.abc import Callable
from dataclasses import replace

from connector.delivery.batch import Batch

Split = Callable[[Batch, int], tuple[Batch, Batch]]
"""`split(batch, at)`: the first `at` events, and the others; 0 < at < batch.events."""


def split_payload(payload: bytes | memoryview, at: int) -> tuple[bytes, bytes]:
    """Cut JSON objects joined by commas after the first `at` of them."""
    text = bytes(payload).decode()
    scan = json.JSONDecoder().raw_decode
    end = 0
    for _ in range(at):
        end = scan(text, end)[1] + 1
    return text[: end - 1].encode(), text[end:].encode()


def split_by_event(batch: Batch, at: int) -> tuple[Batch, Batch]:
    """Cut a batch in which each row is an event of its own.

    Raises ValueError for any other: only the stage knows how many rows stand behind each event.
    """
    if batch.rows != batch.events:
        raise ValueError(f"{batch.rows} rows stand for {batch.events} events: only the stage can cut them")
    head, tail = split_payload(batch.payload, at)
    rest = batch.events - at
    return (
        replace(batch, events=at, rows=at, payload=head),
        replace(batch, events=rest, rows=rest, payload=tail, offset=batch.offset + at),
    )
