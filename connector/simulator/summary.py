"""What the simulator has to say for itself, while it runs and when it is over."""

from collections.abc import Iterator

from connector.simulator.tally import Tally


def summary(tally: Tally) -> Iterator[str]:
    """Lines of text: what came, what was counted, what was wrong with it."""
    got = f"The simulator got {_count(tally.requests, 'request')} and refused {tally.refused:,}"
    about_audiences = any("/segment/" in path or "/custom_audience/" in path for path in tally.endpoints)
    if about_audiences and not tally.distinct + tally.duplicates + tally.test_events:
        yield f"{got}; its audiences hold {_count(tally.members, 'identifier')}."
    else:
        yield (
            f"{got}; it counted {_count(tally.distinct, 'event')} and discarded "
            f"{_count(tally.duplicates, 'duplicate')}."
        )
    if tally.test_events:
        yield f"  {_count(tally.test_events, 'test event')}, not counted"
    for source, names in sorted(tally.events.items()):
        for name, events in names.most_common():
            yield f"  {source}  {name}  {events:,}"
    yield from _trouble(tally)


def view(tally: Tally) -> Iterator[str]:
    """The summary, with how many events say who somebody is, and what came to which endpoint."""
    lines = summary(tally)
    yield next(lines)
    for path, requests in tally.endpoints.most_common():
        yield f"  {path}  {_count(requests, 'request')}"
    if tally.distinct:
        carried = (f"{name} {number / tally.distinct:.0%}" for name, number in tally.identity.most_common())
        yield f"  identity: {', '.join(carried) or 'none'}"
    if tally.merged:
        yield f"  {_count(tally.merged, 'duplicate')} within five minutes added to the first event"
    if tally.members:
        yield f"  {_count(tally.members, 'identifier')} in audiences"
    yield from lines


def _trouble(tally: Tally) -> Iterator[str]:
    for code, requests in tally.refusals.most_common():
        yield f"  refused with {code}: {_count(requests, 'request')}"
    for kind, requests in tally.faults.most_common():
        yield f"  fault {kind}: {_count(requests, 'request')}"
    for what, events in tally.notes.most_common():
        yield f"  note: {what}: {events:,}"
    for what, values in tally.violations.most_common():
        yield f"  VIOLATION: {what}: {_count(values, 'value')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
