"""Collect the changes of events once all their rows are known: merged and excluded events, and counts of rows."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pyarrow as pa

from connector.core.hashed_rows import HashedEvents, HashedRows
from connector.core.outcomes import Reason, Skip
from connector.transform.excluded_events import excluded_event_rows
from connector.transform.line_items import decide, line_warnings
from connector.transform.orphans import OrphanSearch
from connector.transform.rules import EventRules


@dataclass(slots=True)
class EventChanges:
    """Changed events, and changes of counts of rows."""

    events: list[HashedEvents] = field(default_factory=list)
    """Events as they are sent now."""
    excluded: list[pa.Table] = field(default_factory=list)
    """Rows that are not sent (schema EXCLUDED_ROW)."""
    rejects: Counter[str] = field(default_factory=Counter)
    """Rejected rows by reason."""
    skips: Counter[str] = field(default_factory=Counter)
    """Skipped rows by reason."""
    warnings: Counter[str] = field(default_factory=Counter)
    """Rows by warning; negative if events for which warnings were counted are not sent unchanged."""
    identical_value: dict[str, Decimal] = field(default_factory=dict)
    """The value that identical rows add, by currency."""

    def exclude(self, events: pa.Table, reason: Reason | Skip, *, brief: bool = False) -> None:
        """Count the rows of events (schema EVENTS) as rejected or skipped, and keep them; see `excluded_event_rows`."""
        if not events.num_rows:
            return
        skipped = isinstance(reason, Skip)
        rows = excluded_event_rows(events, outcome="skipped" if skipped else "rejected", reason=reason, brief=brief)
        self.excluded.append(rows)
        (self.skips if skipped else self.rejects)[reason.value] += rows.num_rows

    def add_events(self, events: HashedEvents) -> None:
        """Add events, with the warnings about them as a whole."""
        self.events.append(events)
        warnings, values = line_warnings(events.table)
        self.warnings.update(warnings)
        add_values(self.identical_value, values)

    def retract_warnings(self, events: pa.Table) -> None:
        """Subtract the warnings about events (schema EVENTS), or parts of events, that are not sent as they are."""
        warnings, values = line_warnings(events)
        self.warnings.subtract(warnings)
        add_values(self.identical_value, {name: -value for name, value in values.items()})


def add_values(total: dict[str, Decimal], values: Mapping[str, Decimal]) -> None:
    """Add values by currency to those of `total`."""
    for currency, value in values.items():
        total[currency] = total.get(currency, Decimal(0)) + value


def judge_as_whole(hashed: HashedRows, rules: EventRules) -> HashedRows:
    """Judge the events of a slice as if it held all their rows."""
    if not rules.line_items:
        return hashed
    changes = EventChanges(rejects=+hashed.rejects, skips=+hashed.skips, warnings=+hashed.warnings)
    add_values(changes.identical_value, hashed.identical_value)
    for events, incomplete in _without_incomplete(hashed):
        changes.exclude(incomplete, Reason.INCOMPLETE_EVENT)
        changes.retract_warnings(incomplete)
        decided = decide(events.table, rules)
        changes.retract_warnings(events.table)
        changes.add_events(HashedEvents(events.route, decided.events))
        for reason, excluded in decided.excluded.items():
            changes.exclude(excluded, reason)
    return replace(
        hashed,
        events=tuple(changes.events),
        excluded=pa.concat_tables([hashed.excluded, *changes.excluded]),
        rejects=changes.rejects,
        skips=changes.skips,
        warnings=+changes.warnings,
        identical_value={name: value for name, value in changes.identical_value.items() if value},
    )


def _without_incomplete(hashed: HashedRows) -> Iterator[tuple[HashedEvents, pa.Table]]:
    """Yield the events of each route that no orphan row may belong to, and the others."""
    if not len(hashed.orphans):
        yield from ((events, events.table.slice(0, 0)) for events in hashed.events)
        return
    with OrphanSearch() as search:
        for events in hashed.events:
            lacking = search.may_lack_rows(events, hashed.orphans.to_numpy())
            yield (
                HashedEvents(events.route, events.table.filter(pa.array(~lacking))),
                events.table.filter(pa.array(lacking)),
            )
