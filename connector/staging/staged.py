"""Hold the outcome of staging a result: counts of rows, and the batches to send."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from connector.core.hashed_rows import PhoneCounts
from connector.ledger.batch_records import BatchRecord
from connector.transform.changes import add_values


class CountedRows(Protocol):
    """Rows by their outcome."""

    @property
    def rejects(self) -> Counter[str]:
        """Rejected rows by reason."""

    @property
    def skips(self) -> Counter[str]:
        """Skipped rows by reason."""

    @property
    def warnings(self) -> Counter[str]:
        """Rows by warning."""

    @property
    def identical_value(self) -> Mapping[str, Decimal]:
        """The value that rows counted as `identical_rows` add, by currency."""


class CountedSlice(CountedRows, Protocol):
    """A slice of a result that was read."""

    @property
    def read(self) -> int:
        """Rows of the slice."""

    @property
    def phones(self) -> PhoneCounts:
        """Phone numbers given, and invalid, by column."""


@dataclass
class Staged:
    """Counts and batches of a stage. A destination can add counts of its own."""

    read: int = 0
    """Rows read."""
    rejects: Counter[str] = field(default_factory=Counter)
    """Rejected rows by reason."""
    skips: Counter[str] = field(default_factory=Counter)
    """Skipped rows by reason."""
    warnings: Counter[str] = field(default_factory=Counter)
    """Rows by warning."""
    phones: PhoneCounts = field(default_factory=PhoneCounts)
    """Phone numbers given, and invalid, by column."""
    identical_value: dict[str, Decimal] = field(default_factory=dict)
    """The value that rows counted as `identical_rows` add, by currency."""
    batches: list[BatchRecord] = field(default_factory=list)
    """Batches to send, in order."""
    published_batches: int = 0
    """Batches that were published while the result was read; those in `batches` are numbered after them."""
    unchanged: int = 0
    """Payloads that the destination holds already."""
    has_input: bool = True
    """False if there was nothing to read: every file was sent before."""
    notes: list[str] = field(default_factory=list)
    """Sentences on the stage, for the person who runs it."""

    def count(self, part: "CountedSlice") -> None:
        """Add the counts of a slice of the result."""
        self.read += part.read
        self.phones.update(part.phones)
        self.change(part)

    def change(self, counts: "CountedRows") -> None:
        """Add counts of rows by their outcome; negative ones take back what was counted before."""
        self.rejects.update(counts.rejects)
        self.skips.update(counts.skips)
        self.warnings.update(counts.warnings)
        add_values(self.identical_value, counts.identical_value)

    @property
    def rejected(self) -> int:
        """Rows that were rejected."""
        return self.rejects.total()

    @property
    def events(self) -> int:
        """Events to send; 0 for a destination that takes no events."""
        return sum(batch.events for batch in self.batches)

    @property
    def units(self) -> int:
        """The number of events or identifiers to send."""
        return self.events

    def changes(self) -> Mapping[str, int] | None:
        """Return the numbers of members that are added and deleted; None for a destination without members."""
        return None
