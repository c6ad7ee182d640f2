"""What the simulator has to say for itself when a run is over."""

from collections.abc import Iterator

from connector.simulator.tally import Tally


def summary(tally: Tally) -> Iterator[str]:
    """Lines of text: what came, what was counted, what was wrong with it."""
    yield (
        f"The simulator got {_count(tally.requests, 'request')} and refused {tally.refused:,}; "
        f"it counted {_count(tally.distinct, 'event')} and discarded {_count(tally.duplicates, 'duplicate')}."
    )
    if tally.test_events:
        yield f"  {_count(tally.test_events, 'test event')}, not counted"
    for source, names in sorted(tally.events.items()):
        for name, events in names.most_common():
            yield f"  {source}  {name}  {events:,}"
    for code, requests in tally.refusals.most_common():
        yield f"  refused with {code}: {_count(requests, 'request')}"
    for what, values in tally.violations.most_common():
        yield f"  VIOLATION: {what}: {_count(values, 'value')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
