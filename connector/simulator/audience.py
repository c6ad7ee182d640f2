"""One audience and its members."""

from dataclasses import dataclass, field

from connector.simulator.messages import Refused

SIZE_SHOWS_AFTER = 24 * 3_600
"""Seconds; TikTok says 24 to 48 hours (one good source)."""


@dataclass(slots=True)
class Audience:
    """One audience. `members` are digests by schema, `sizes` what it measured and when.

    `elsewhere` are the digests that came for other ad accounts than its own, by account and schema.
    """

    audience_id: str
    name: str
    advertiser: str
    created: float
    members: dict[str, set[bytes]] = field(default_factory=dict)
    elsewhere: dict[str, dict[str, set[bytes]]] = field(default_factory=dict)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    history: list[tuple[float, str]] = field(default_factory=list)
    busy_until: float = 0.0

    def size(self) -> int:
        """How many identifiers are in it."""
        return sum(map(len, self.members.values()))

    def change(self, action: str, schema: str, digest: bytes, advertisers: list[str]) -> None:
        """Add a digest for ad accounts, or delete it."""
        others = (self.elsewhere.setdefault(one, {}) for one in advertisers if one != self.advertiser)
        for members in (self.members, *others):
            of_schema = members.setdefault(schema, set())
            if action == "delete":
                of_schema.discard(digest)
            elif digest:
                of_schema.add(digest)

    def measure(self, now: float) -> None:
        """Remember the size of now, and of older ones the last that shows already."""
        shown = [one for one in self.sizes if one[0] <= now - SIZE_SHOWS_AFTER][-1:]
        self.sizes = [*shown, *(one for one in self.sizes if one[0] > now - SIZE_SHOWS_AFTER), (now, self.size())]

    def shown_size(self, now: float) -> int:
        """The size that TikTok tells, which is a day old."""
        return next((size for at, size in reversed(self.sizes) if at <= now - SIZE_SHOWS_AFTER), 0)

    def check_editable(self, now: float) -> None:
        """Raises Refused with 40002 while the audience is busy."""
        if now < self.busy_until:
            raise Refused(40002, f"The audience {self.audience_id} is being processed and is not editable.")

    def note(self, now: float, what: str) -> None:
        """Put a change into the history, of which the last hundred are kept."""
        self.history = [*self.history[-99:], (now, what)]
