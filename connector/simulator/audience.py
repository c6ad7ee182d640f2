"""One audience and its members."""

from dataclasses import dataclass, field

from connector.simulator.messages import RequestRefused

REPORTING_DELAY = 24 * 3_600
"""Seconds; TikTok says 24 to 48 hours (one good source)."""


@dataclass(slots=True)
class Audience:
    """One audience."""

    audience_id: str
    name: str
    advertiser: str
    created: float
    members: dict[str, set[bytes]] = field(default_factory=dict)
    """Digests by schema."""
    other_members: dict[str, dict[str, set[bytes]]] = field(default_factory=dict)
    """Digests sent for other ad accounts than its own, by account and schema."""
    sizes: list[tuple[float, int]] = field(default_factory=list)
    """When it was measured, and its size."""
    history: list[tuple[float, str]] = field(default_factory=list)
    locked_until: float = 0.0
    changes: set[tuple[str, str, bytes]] | None = None
    """Account (empty for its own), schema and digest of what has changed since it was stored; None if it is not."""

    def size(self) -> int:
        """Count the identifiers in it."""
        return sum(map(len, self.members.values()))

    def change(self, action: str, schema: str, digest: bytes, advertisers: list[str]) -> None:
        """Add a digest for ad accounts, or delete it."""
        for account in ("", *(one for one in advertisers if one != self.advertiser)):
            digests = self.members_of(account).setdefault(schema, set())
            if digest and self.changes is not None:
                self.changes.add((account, schema, digest))
            if action == "delete":
                digests.discard(digest)
            elif digest:
                digests.add(digest)

    def members_of(self, account: str) -> dict[str, set[bytes]]:
        """Return the digests that were sent for an ad account, by schema; for the own one, whose name is empty, all."""
        return self.other_members.setdefault(account, {}) if account else self.members

    def record_size(self, now: float) -> None:
        """Record the current size; of the older ones keep those not reported yet and the last reported."""
        reported = [one for one in self.sizes if one[0] <= now - REPORTING_DELAY][-1:]
        self.sizes = [*reported, *(one for one in self.sizes if one[0] > now - REPORTING_DELAY), (now, self.size())]

    def reported_size(self, now: float) -> int:
        """Return the size that TikTok reports, which is a day old."""
        return next((size for at, size in reversed(self.sizes) if at <= now - REPORTING_DELAY), 0)

    def check_editable(self, now: float) -> None:
        """Raise RequestRefused with 40002 while the audience is being processed."""
        if now < self.locked_until:
            raise RequestRefused(40002, f"The audience {self.audience_id} is being processed and is not editable.")

    def record(self, now: float, action: str) -> None:
        """Append a change to the history, which keeps the last hundred."""
        self.history = [*self.history[-99:], (now, action)]
