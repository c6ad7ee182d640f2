"""A run's record as lines of text."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from connector.cli.console import added_value, amber, counted, table
from connector.config.addresses import SIMULATOR
from connector.destinations.tiktok.delays import EVENTS_SHOW_WITHIN
from connector.ledger.records import MemberCounts, RunRecord
from connector.reporting.visibility import visible_by


def summary(record: RunRecord, no_rows: str | None = None) -> Iterator[str]:
    """What became of every row, and why; `no_rows` says why there are none, if so."""
    rows = record.rows
    where = f"run {record.run_id}, target {record.target}"
    where += f", retries {record.retry_of}" if record.retry_of else ""
    yield f"{record.orchestration}: {record.status.label} in {record.seconds:.1f} s ({where})"
    retried = f", {record.requests_retried:,} of them repeated" if record.requests_retried else ""
    sent = "" if record.members else f"{counted(record.events_delivered, 'event')} in "
    lines = [
        ("rows read", f"{rows.read:,}", ""),
        ("  delivered", f"{rows.delivered:,}", f"{sent}{counted(record.requests_sent, 'request')}{retried}"),
        ("  rejected", f"{rows.rejected:,}", ""),
        *_named(record.rejects),
        ("  skipped", f"{rows.skipped:,}", ""),
        *_named(record.skips),
        ("  pending", f"{rows.pending:,}", ""),
    ]
    if record.members:
        lines += [("identifiers of the audience", "", ""), *_changed(record.members)]
    if record.warnings:
        lines += [("warnings", "", ""), *_named(record.warnings, added_value(record.identical_value))]
    yield from table(lines, right=frozenset({1}))
    if no_rows:
        yield amber(no_rows)
    if record.test_event_code and record.rows.delivered:
        yield _where_to_look(record.api_url, record.test_event_code)
    if record.error:
        yield record.error
    if rows.rejected:
        yield f"Which rows, and why: connector rejects {record.run_id}"
    yield from _shown_later(record)


def _shown_later(record: RunRecord) -> Iterator[str]:
    """When TikTok shows what it was sent, where it takes its time."""
    if latest := visible_by(record):
        yield (
            f"TikTok may take up to {EVENTS_SHOW_WITHIN} hours to show events: these are to be seen by "
            f"{latest:%Y-%m-%d %H:%M} UTC at the latest."
        )


def _changed(members: MemberCounts) -> list[tuple[str, str, str]]:
    counts = [("added", members.added), ("removed", members.removed), ("unchanged", members.unchanged)]
    counts += [("sent again", members.sent_again)] if members.sent_again else []
    return [(f"  {what}", f"{count:,}", "") for what, count in counts]


def _named(counts: Mapping[str, int], remarks: Mapping[str, str] = MappingProxyType({})) -> list[tuple[str, str, str]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(f"    {name}", f"{count:,}", remarks.get(name, "")) for name, count in ordered]


def _where_to_look(api_url: str, test_event_code: str) -> str:
    told = "These were test events, which count nowhere."
    if api_url == SIMULATOR:
        return f"{told} The simulator had them, and TikTok none."
    return (
        f"{told} TikTok's Events Manager shows them, at the event source, under Test Events, where the code is "
        f"{test_event_code}."
    )
