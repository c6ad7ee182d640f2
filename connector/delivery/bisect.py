"""Bisect a refused batch: deliver its good events, and find the refused ones.

The service refuses a whole request for one event, so the batch is halved until each refused part is a single event. If
the service has not accepted anything yet, PROBES single events spread over the batch are tried first: if all get the
same refusal, the cause is not in single events.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from connector.core.route import Route
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.batch_sender import BatchOutcome, BatchSender
from connector.errors import RejectedUniformly

PROBES = 8
"""The number of single events that have to get the same refusal before the run stops."""

Parts = Iterator[tuple[Batch, BatchOutcome]]
Split = Callable[[Batch, int], tuple[Batch, Batch]]
"""`split(batch, count)`: the first `count` events, and the others; 0 < count < batch.events."""
Checklist = Callable[[Route], str]
"""The settings to check if everything sent to a route is refused, as a noun phrase for a message."""


def name_resource(route: Route) -> str:
    """Name the resource of a route, for a destination without a checklist of its own."""
    return f"{route.resource_type} {route.resource_id}"


def split_payload(payload: bytes | memoryview, count: int) -> tuple[bytes, bytes]:
    """Cut JSON objects joined by commas after the first `count` of them."""
    text = bytes(payload).decode()
    scan = json.JSONDecoder().raw_decode
    end = 0
    for _ in range(count):
        end = scan(text, end)[1] + 1
    return text[: end - 1].encode(), text[end:].encode()


def split_by_event(batch: Batch, count: int) -> tuple[Batch, Batch]:
    """Cut a batch in which each row is an event of its own.

    Raises ValueError for any other: only the stage knows the rows of each event.
    """
    if batch.rows != batch.events:
        raise ValueError(f"{batch.events} events were made of {batch.rows} rows: only the stage can cut them")
    head, tail = split_payload(batch.payload, count)
    others = batch.events - count
    return (
        replace(batch, events=count, rows=count, payload=head),
        replace(batch, events=others, rows=others, payload=tail, offset=batch.offset + count),
    )


def bisect_batch(
    batch: Batch, answer: Answer, sender: BatchSender, split: Split, checklist: Checklist = name_resource
) -> Parts:
    """Yield the parts of a refused batch with their outcomes; they cover each of its events once.

    If every event seems to be refused, halt the delivery and yield the whole batch as pending.
    """
    if batch.events < PROBES or sender.state.is_any_accepted:
        yield from _halve(split(batch, batch.events // 2), sender, split)
        return
    probes, others = _pick_probes(batch, split)
    probed = _probe(probes, sender, _uniform_rejection(batch, answer, checklist))
    if all(outcome.state is BatchState.PENDING for _, outcome in probed):
        yield batch, BatchOutcome(BatchState.PENDING, answer)
        return
    yield from probed
    yield from _halve(others, sender, split)


def _probe(probes: Sequence[Batch], sender: BatchSender, message: str) -> list[tuple[Batch, BatchOutcome]]:
    """Return the outcomes of single events; nothing if the delivery stops because all get the same refusal."""
    with sender.state.probing:
        outcomes = [sender.send(probe) for probe in probes]
        if not _is_uniform(outcomes) or sender.state.is_any_accepted:
            return list(zip(probes, outcomes, strict=True))
        sender.state.halt(RejectedUniformly(message))
        return []


def _halve(parts: Sequence[Batch], sender: BatchSender, split: Split) -> Parts:
    waiting = deque(parts)
    while waiting:
        part = waiting.popleft()
        outcome = sender.send(part)
        if outcome.state is BatchState.REFUSED and part.events > 1:
            waiting.extendleft(reversed(split(part, part.events // 2)))
        else:
            yield part, outcome


def _pick_probes(batch: Batch, split: Split) -> tuple[list[Batch], list[Batch]]:
    """Return single events spread evenly over the batch, and the parts between them."""
    probes, others, events = [], [], batch.events
    for probe in reversed(range(PROBES)):
        first = probe * events // PROBES
        if batch.events > first + 1:
            batch, other = split(batch, first + 1)
            others.append(other)
        if first:
            batch, single = split(batch, first)
            probes.append(single)
    return [batch, *reversed(probes)], others[::-1]


def _is_uniform(outcomes: Sequence[BatchOutcome]) -> bool:
    """Return whether all were refused with the same code and, apart from digits, the same message."""
    refusals = {
        (outcome.answer.verdict, outcome.answer.code, re.sub(r"\d+", "#", _comparable_message(outcome.answer)))
        if outcome.answer and outcome.state is BatchState.REFUSED
        else None
        for outcome in outcomes
    }
    return len(refusals) == 1 and None not in refusals


def _comparable_message(answer: Answer) -> str:
    """Return the message of an answer; nothing for a blocked batch, whose message names the number of its rows."""
    return "" if answer.verdict is Verdict.BLOCKED else answer.message


def _uniform_rejection(batch: Batch, answer: Answer, checklist: Checklist) -> str:
    if answer.verdict is Verdict.BLOCKED:
        return answer.message
    return (
        f"Every request was refused and none was accepted. Check {checklist(batch.route)}, then run "
        f"`connector resume`. The service said: {answer.message}"
    )
