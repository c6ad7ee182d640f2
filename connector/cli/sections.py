"""What `connector runs show` tells of a run, a section each; another is one more entry in SECTIONS."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from connector.cli.console import counted, table
from connector.cli.summary import summary
from connector.reporting.run_details import Example, RunDetails
from connector.staging.event_metrics import AGE_NAMES, plain_text

Section = Callable[[RunDetails], Iterator[str]]

WIDTH = 40
"""Characters of a value, and of a bar, at most."""

COLUMNS = 4
"""Of a rejected row, at most."""

_WORDS = {
    "asked": "query asked",
    "first_request": "first request",
    "last_answer": "last answer",
}


def sections(details: RunDetails) -> Iterator[str]:
    """All sections, with an empty line between two."""
    for number, section in enumerate(SECTIONS):
        lines = list(section(details))
        if lines and number:
            yield ""
        yield from lines


def _summary(details: RunDetails) -> Iterator[str]:
    yield from summary(details.record, details.no_rows)
    if details.users:
        yield f"By {', then '.join(dict.fromkeys(details.users))}."
    if details.record.query_id:
        yield f"The warehouse's history has its query as {details.record.query_id}."


def _timeline(details: RunDetails) -> Iterator[str]:
    if not details.timeline:
        return
    yield "timeline (UTC)"
    start = datetime.fromisoformat(details.timeline[0].at)
    rows = []
    for one in details.timeline:
        at = datetime.fromisoformat(one.at)
        rows.append(
            (f"  {at:%Y-%m-%d %H:%M:%S}", f"+{(at - start).total_seconds():.1f} s", _WORDS.get(one.what, one.what))
        )
    yield from table(rows, right=frozenset({1}))


def _rejects(details: RunDetails) -> Iterator[str]:
    if not details.examples:
        return
    yield "rejected rows, the first of each reason"
    counts = details.record.rejects
    rows = []
    for reason, some in sorted(details.examples.items(), key=lambda item: (-counts.get(item[0], 0), item[0])):
        names = [(f"  {reason}", f"{counts.get(reason, 0):,}"), *[("", "")] * (len(some) - 1)]
        rows += [(*name, f"row {one.row:,}", _held(one, reason)) for name, one in zip(names, some, strict=True)]
    yield from table(rows, right=frozenset({1}))


def _requests(details: RunDetails) -> Iterator[str]:
    found = details.requests
    if not found.sent:
        return
    throttled = found.verdicts.get("throttled", 0)
    yield f"requests: {found.sent:,}, of them {found.retried:,} repeated and {throttled:,} throttled"
    yield f"  answers after {found.median:.3f} s (median), {found.ninety_five:.3f} s (95 of 100)"
    yield from table(
        [(f"  {verdict}", f"{count:,}") for verdict, count in sorted(found.verdicts.items(), key=lambda one: -one[1])],
        right=frozenset({1}),
    )
    for one in found.slowest[:1]:
        yield f"  slowest: {one.seconds:.3f} s, batch {one.batch}, {one.verdict}, request id {one.request_id or 'none'}"
    yield f"  each of them: connector runs show {details.record.run_id} --requests"


def _coverage(details: RunDetails) -> Iterator[str]:
    if details.figures is None:
        return
    whole = details.figures.events
    yield f"match coverage of {counted(whole, 'delivered event')}"
    yield from table(
        [
            (f"  {name}", f"{count:,}", f"{100 * count / whole:.1f} %", bar(count, whole))
            for name, count in details.matched.items()
        ],
        right=frozenset({1, 2}),
    )


def _freshness(details: RunDetails) -> Iterator[str]:
    if details.figures is None:
        return
    ages, whole = details.figures.ages, details.figures.events
    yield "freshness: how old events were when they were sent"
    known = [name for name in AGE_NAMES if ages[name]]
    yield from table(
        [
            (f"  {name}", f"{ages[name]:,}", f"{100 * ages[name] / whole:.1f} %", bar(ages[name], whole))
            for name in known
        ],
        right=frozenset({1, 2}),
    )


def _value(details: RunDetails) -> Iterator[str]:
    if details.figures is None or not details.figures.values:
        return
    yield "value sent, by currency and day (UTC)"
    rows = [
        (
            f"  {one.currency}",
            f"{one.day}",
            counted(one.events, "event"),
            "-" if one.value is None else amount(one.value),
        )
        for one in details.figures.values
    ]
    rows += [(f"  {currency}", "all days", "", amount(total)) for currency, total in details.figures.totals.items()]
    yield from table(rows, right=frozenset({2, 3}))


def amount(value: Decimal) -> str:
    """A sum with its thousands marked and at least two places."""
    whole, _, places = plain_text(value).partition(".")
    return f"{int(whole):,}.{places.ljust(2, '0')}"


def bar(part: int, whole: int) -> str:
    """A share as a bar of plain characters."""
    return "#" * max(round(WIDTH * part / whole), 1) if part else ""


def _held(one: Example, reason: str) -> str:
    held = [f"{name}={_cut(value)}" for name, value in one.telling(reason, COLUMNS).items()]
    said = [f"TikTok said: {_cut(one.message)} ({one.code})"] if one.message else []
    return "  ".join([*held, *said])


def _cut(value: str) -> str:
    return value if len(value) <= WIDTH else value[: WIDTH - 1] + "…"


SECTIONS: tuple[Section, ...] = (_summary, _timeline, _rejects, _requests, _coverage, _freshness, _value)
