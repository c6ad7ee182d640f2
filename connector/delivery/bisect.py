"""A refused batch of several events: the good ones go through, the guilty ones are found.

The service refuses a whole request for one event, so the batch is halved until each refused part
is a single event. Where the service has taken nothing at all yet, eight single events spread over the
batch are tried first: if all are refused alike, the fault is not in single events.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence

from connector.core.route import Action
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.batch_sender import BatchOutcome, BatchSender
from connector.delivery.split import Split
from connector.errors import RejectedUniformly

PROBES = 8
"""How many single events have to be refused alike before the run stops."""

Parts = Iterator[tuple[Batch, BatchOutcome]]


def resolve_refusal(batch: Batch, answer: Answer, courier: BatchSender, split: Split) -> Parts:
    """Yield the parts of a refused batch with their fates; they cover each of its events once.

    When everything seems to be refused alike the delivery is halted and the whole batch is pending.
    """
    if courier.progress.accepted or batch.events < PROBES:
        yield from _halve(split(batch, batch.events // 2), courier, split)
        return
    singles, others = _spread(batch, split)
    probed = _probe(singles, courier, _all_refused(batch, answer))
    if all(fate.state is BatchState.PENDING for _, fate in probed):
        yield batch, BatchOutcome(BatchState.PENDING, answer)
        return
    yield from probed
    yield from _halve(others, courier, split)


def _probe(singles: Sequence[Batch], courier: BatchSender, sentence: str) -> list[tuple[Batch, BatchOutcome]]:
    """The fates of single events; none when the delivery stops because all are refused alike."""
    with courier.progress.probing:
        fates = [courier.send(single) for single in singles]
        if courier.progress.accepted or not _alike(fates):
            return list(zip(singles, fates, strict=True))
        courier.progress.halt(RejectedUniformly(sentence))
        return []


def _halve(parts: Sequence[Batch], courier: BatchSender, split: Split) -> Parts:
    waiting = deque(parts)
    while waiting:
        part = waiting.popleft()
        fate = courier.send(part)
        if fate.state is BatchState.REFUSED and part.events > 1:
            waiting.extendleft(reversed(split(part, part.events // 2)))
        else:
            yield part, fate


def _spread(batch: Batch, split: Split) -> tuple[list[Batch], list[Batch]]:
    """Single events spread evenly over the batch, and the stretches between them."""
    singles, others, events = [], [], batch.events
    for probe in reversed(range(PROBES)):
        at = probe * events // PROBES
        if batch.events > at + 1:
            batch, other = split(batch, at + 1)
            others.append(other)
        if at:
            batch, single = split(batch, at)
            singles.append(single)
    return [batch, *reversed(singles)], others[::-1]


def _alike(fates: Sequence[BatchOutcome]) -> bool:
    """Whether all were refused with one code and, figures aside, one message."""
    seen = {
        (fate.answer.verdict, fate.answer.code, re.sub(r"\d+", "#", _reason(fate.answer)))
        if fate.answer and fate.state is BatchState.REFUSED
        else None
        for fate in fates
    }
    return len(seen) == 1 and None not in seen


def _reason(answer: Answer) -> str:
    """Return what was said of a batch; what was not sent may differ in the number of its rows."""
    return "" if answer.verdict is Verdict.BLOCKED else answer.message


def _all_refused(batch: Batch, answer: Answer) -> str:
    route = batch.route
    if answer.verdict is Verdict.BLOCKED:
        return answer.message
    if route.operation.action is not Action.SEND:
        return (
            "Every identifier tried was refused and none was taken. Check first the audience "
            f"({route.resource_id}) and the ad accounts (advertiser_ids), then run `connector resume`. The service "
            f"said: {answer.message}"
        )
    return (
        "Every event tried was refused and none was taken. Check first the event source id "
        f"({route.resource_type} {route.resource_id}), the advertiser id and the event name, "
        f"then run `connector resume`. The service said: {answer.message}"
    )
