"""Text about a run: its summary, the sections of `connector runs show`, and its trend in the list of runs."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from connector.cli.console import GREEN, RED, YELLOW, added_value, colour, pluralize, yellow
from connector.cli.tables import table
from connector.config.addresses import SIMULATOR
from connector.core.outcomes import RunStatus
from connector.core.secret_registry import without_secrets
from connector.ledger.run_records import MemberCounts, RunRecord
from connector.reporting.run_history import Change
from connector.staging.event_metrics import AGE_NAMES, plain_text

if TYPE_CHECKING:
    from connector.destinations.base import Capabilities
    from connector.reporting.run_details import Example, RunDetails

Section = Callable[["RunDetails"], Iterator[str]]

MAX_WIDTH = 40
"""The most characters of a value, and of a bar."""

MAX_COLUMNS = 4
"""The most columns of a rejected row."""

SMALL_PERCENT = 2.0
"""A smaller difference from earlier runs is shown as none."""

STATUS_COLOURS = {
    RunStatus.COMPLETED: GREEN,
    RunStatus.COMPLETED_WITH_REJECTS: YELLOW,
    RunStatus.FAILED: RED,
    RunStatus.INTERRUPTED: RED,
}

_LEVELS = "▁▂▃▄▅▆▇█"
_STEPS = {
    "planned": "held to a plan",
    "asked": "query asked",
    "plan_matched": "plan matched",
    "first_request": "first request",
    "last_answer": "last answer",
}


def summary(
    record: RunRecord, platform: "Capabilities", no_rows: str | None = None, visible_by: datetime | None = None
) -> Iterator[str]:
    """Yield lines with the outcome of every row and the reasons.

    `no_rows` says why there are no rows, if so; `visible_by` says when the platform shows the events, if not at once.
    """
    yield _headline(record)
    yield from table(_counts(record), right=frozenset({1}))
    if no_rows:
        yield yellow(no_rows)
    if record.delivered_before * 2 > record.rows.read:
        count = f"{record.delivered_before:,} of {record.rows.read:,} rows"
        yield f"{count} were delivered by earlier runs, so they are not sent again."
        if record.api_url == SIMULATOR:
            yield f"To send as if for the first time: connector run {record.orchestration} --fresh"
    if record.test_event_code and record.rows.delivered:
        yield _test_events_note(record, platform)
    if record.error:
        yield without_secrets(record.error)
    if record.rows.rejected:
        yield f"Which rows, and why: connector rejects {record.run_id}"
    if visible_by and record.finished_at:
        yield _shown_later(platform, visible_by, visible_by - datetime.fromisoformat(record.finished_at))


def _shown_later(platform: "Capabilities", latest: datetime, within: timedelta) -> str:
    return (
        f"{platform.subject} may take up to {within // timedelta(hours=1)} hours to show events: these are to be "
        f"seen by {latest:%Y-%m-%d %H:%M} UTC at the latest."
    )


def _headline(record: RunRecord) -> str:
    run = f"run {record.run_id}, target {record.target}"
    run += f", retries {record.retry_of}" if record.retry_of else ""
    label = colour(record.status.label, STATUS_COLOURS.get(record.status, ""))
    return f"{record.orchestration}: {label} in {record.seconds:.1f} s ({run})"


def _counts(record: RunRecord) -> list[tuple[str, str, str]]:
    rows = record.rows
    retried = f", {record.requests_retried:,} of them repeated" if record.requests_retried else ""
    sent = "" if record.members else f"{pluralize(record.events_delivered, 'event')} in "
    lines = [
        ("rows read", f"{rows.read:,}", ""),
        ("  delivered", f"{rows.delivered:,}", f"{sent}{pluralize(record.requests_sent, 'request')}{retried}"),
        ("  rejected", f"{rows.rejected:,}", ""),
        *_by_name(record.rejects),
        ("  skipped", f"{rows.skipped:,}", ""),
        *_by_name(record.skips),
        ("  pending", f"{rows.pending:,}", ""),
    ]
    if record.cursor and record.cursor["since"] is not None:
        lines.insert(1, (f"  from {record.cursor['column']}", "", str(record.cursor["since"]).replace("T", " ")))
    if record.members:
        lines += [("identifiers of the audience", "", ""), *_member_changes(record.members)]
    if record.warnings:
        lines += [("warnings", "", ""), *_by_name(record.warnings, added_value(record.identical_value))]
    return lines


def _member_changes(members: MemberCounts) -> list[tuple[str, str, str]]:
    counts = [("added", members.added), ("removed", members.removed), ("unchanged", members.unchanged)]
    counts += [("sent again", members.sent_again)] if members.sent_again else []
    return [(f"  {change}", f"{count:,}", "") for change, count in counts]


def _by_name(
    counts: Mapping[str, int], remarks: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str, str, str]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(f"    {name}", f"{count:,}", remarks.get(name, "")) for name, count in ordered]


def _test_events_note(record: RunRecord, platform: "Capabilities") -> str:
    note = "These were test events, which count nowhere."
    if record.api_url == SIMULATOR:
        return f"{note} The simulator had them, and {platform.platform} none."
    return f"{note} {platform.test_events_note.format(code=record.test_event_code)}".strip()


def run_sections(details: "RunDetails") -> Iterator[str]:
    """Yield the lines of all sections of a run, with an empty line between two sections."""
    for number, section in enumerate(SECTIONS):
        lines = list(section(details))
        if lines and number:
            yield ""
        yield from lines


def _summary(details: "RunDetails") -> Iterator[str]:
    yield from summary(details.record, details.platform, details.no_rows, details.visible_by)
    if details.users:
        yield f"By {', then '.join(dict.fromkeys(details.users))}."
    if details.record.query_id:
        yield f"The warehouse's history has its query as {details.record.query_id}."


def _timeline(details: "RunDetails") -> Iterator[str]:
    if not details.timeline:
        return
    yield "timeline (UTC)"
    start = datetime.fromisoformat(details.timeline[0].at)
    rows = []
    for step in details.timeline:
        at = datetime.fromisoformat(step.at)
        elapsed = f"+{(at - start).total_seconds():.1f} s"
        rows.append((f"  {at:%Y-%m-%d %H:%M:%S}", elapsed, _STEPS.get(step.what, step.what)))
    yield from table(rows, right=frozenset({1}))


def _nodes(details: "RunDetails") -> Iterator[str]:
    if not details.nodes:
        return
    yield f"nodes of the engine {details.record.engine}"
    heading = ("  node", "splits", "rows read", "rows/s", "batches", "rows sent", "rows/s")
    rows = [
        (
            f"  {node.host}",
            *(f"{count:,}" for count in (node.splits, node.rows_read)),
            _rate(node.rows_read, node.read_seconds),
            *(f"{count:,}" for count in (node.batches, node.rows_sent)),
            _rate(node.rows_sent, node.send_seconds),
        )
        for node in details.nodes
    ]
    yield from table([heading, *rows], right=frozenset(range(1, len(heading))))
    yield "  rows/s: of one process; a node may run several at the same time"


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f}" if rows and seconds else "-"


def _rejects(details: "RunDetails") -> Iterator[str]:
    if not details.examples:
        return
    yield "rejected rows, the first of each reason"
    counts = details.record.rejects
    rows = []
    for reason, examples in sorted(details.examples.items(), key=lambda item: (-counts.get(item[0], 0), item[0])):
        names = [(f"  {reason}", f"{counts.get(reason, 0):,}"), *[("", "")] * (len(examples) - 1)]
        for name, example in zip(names, examples, strict=True):
            rows.append((*name, f"row {example.row:,}", _example(details.platform, example, reason)))
    yield from table(rows, right=frozenset({1}))


def _example(platform: "Capabilities", example: "Example", reason: str) -> str:
    texts = [f"{name}={_cut(value)}" for name, value in example.relevant_columns(reason, MAX_COLUMNS).items()]
    if example.message:
        texts.append(f"{platform.subject} said: {_cut(example.message)} ({example.code})")
    return "  ".join(texts)


def _cut(value: str) -> str:
    return value if len(value) <= MAX_WIDTH else value[: MAX_WIDTH - 1] + "…"


def _requests(details: "RunDetails") -> Iterator[str]:
    requests = details.requests
    if not requests.sent:
        return
    throttled = requests.verdicts.get("throttled", 0)
    yield f"requests: {requests.sent:,}, of them {requests.retried:,} repeated and {throttled:,} throttled"
    yield f"  answers after {requests.median:.3f} s (median), {requests.ninety_five:.3f} s (95 of 100)"
    verdicts = sorted(requests.verdicts.items(), key=lambda item: -item[1])
    yield from table([(f"  {verdict}", f"{count:,}") for verdict, count in verdicts], right=frozenset({1}))
    for slow in requests.slowest[:1]:
        where = f"batch {slow.batch}, {slow.verdict}, request id {slow.request_id or 'none'}"
        yield f"  slowest: {slow.seconds:.3f} s, {where}"
    yield f"  each of them: connector runs show {details.record.run_id} --requests"


def _coverage(details: "RunDetails") -> Iterator[str]:
    if details.metrics is None:
        return
    total = details.metrics.events
    yield f"match coverage of {pluralize(total, 'delivered event')}"
    yield from _shares(details.matched, total)


def _freshness(details: "RunDetails") -> Iterator[str]:
    if details.metrics is None:
        return
    ages = details.metrics.ages
    yield "freshness: how old events were when they were sent"
    yield from _shares({name: ages[name] for name in AGE_NAMES if ages[name]}, details.metrics.events)


def _shares(counts: Mapping[str, int], total: int) -> list[str]:
    rows = [
        (f"  {name}", f"{count:,}", f"{100 * count / total:.1f} %", bar(count, total)) for name, count in counts.items()
    ]
    return table(rows, right=frozenset({1, 2}))


def _value(details: "RunDetails") -> Iterator[str]:
    if details.metrics is None or not details.metrics.values:
        return
    yield "value sent, by currency and day (UTC)"
    rows = []
    for day in details.metrics.values:
        value = "-" if day.value is None else amount(day.value)
        rows.append((f"  {day.currency}", f"{day.day}", pluralize(day.events, "event"), value))
    rows += [(f"  {currency}", "all days", "", amount(total)) for currency, total in details.metrics.totals.items()]
    yield from table(rows, right=frozenset({2, 3}))


def amount(value: Decimal) -> str:
    """Format an amount with thousands separators and at least two decimals."""
    whole, _, places = plain_text(value).partition(".")
    return f"{int(whole):,}.{places.ljust(2, '0')}"


def bar(part: int, whole: int) -> str:
    """Draw a share as a bar of plain characters."""
    return "#" * max(round(MAX_WIDTH * part / whole), 1) if part else ""


SECTIONS: tuple[Section, ...] = (_summary, _timeline, _nodes, _rejects, _requests, _coverage, _freshness, _value)


def format_change(change: Change, history: Sequence[float]) -> str:
    """Format a change such as `+12 %`; on a terminal, with a line of bars for the earlier numbers."""
    percent = change.percent
    text = "new" if percent is None else "=" if abs(percent) < SMALL_PERCENT else f"{percent:+,.0f} %"
    return f"{sparkline(history)} {text}" if _can_draw() else text


def sparkline(numbers: Sequence[float]) -> str:
    """Draw numbers as one character each, the higher the larger."""
    most = max(numbers, default=0) or 1
    return "".join(_LEVELS[min(int(number / most * len(_LEVELS)), len(_LEVELS) - 1)] for number in numbers)


def _can_draw() -> bool:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and encoding.startswith("utf")
