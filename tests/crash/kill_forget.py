"""`connector forget` of somebody whose events were sent, are staged and were rejected."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tests.cli.command import inside
from tests.cli.people import everything_below
from tests.cli.shop import NAME, shop
from tests.cli.test_resume import REVOKED
from tests.crash.account import open_runs
from tests.crash.kill_audiences import forget_phase
from tests.crash.kill_events import EventScenario, told_once
from tests.crash.scene import Play
from tests.crash.service import Gated, Service

EVENTS, EVERY, AT_ONCE = 3_000, 10, 1
JANE = "Jane.Roe@Example.com"
DIGEST = sha256(JANE.lower().encode()).hexdigest()
QUERY = f"""
    SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp
        , CASE WHEN n % {EVERY} = 0 THEN '{JANE}' ELSE n || '@example.com' END AS email
        , CASE WHEN n = 70 THEN 'much' ELSE '2.5' END AS value
    FROM range({EVENTS}) AS t (n) ORDER BY n
"""
"""Jane is in every tenth event; one of hers cannot be sent."""


class KilledForget(EventScenario):
    """A third of the events was delivered when the token died."""

    name = "forget"
    kills = 70
    seconds = 0.25
    phases = 2

    def prepare(self, directory: Path) -> None:
        service = Gated(at_once=AT_ONCE, then=REVOKED)
        service.gate.set()
        self.world.place.begin(service)
        made = shop(directory, self.world.place.url, QUERY, destination={"max_in_flight": 1})
        stopped = inside("run", NAME, "--json", project=made.directory)
        assert (stopped.code, stopped.json["rows"]["delivered"]) == (1, 1_000), stopped
        self.scene = Play(made, service, self.world).kept()

    def begin(self, directory: Path) -> None:
        self.play = self.scene.copied(directory, Service())

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice("forget", "--email", JANE)

    def phase(self) -> str:
        return forget_phase(self.play.shop.state / "ledger.sqlite")

    def resume(self) -> None:
        """Type it again; then the run goes on without them, and so does the next."""
        receipt = self.done("forget", "--email", JANE)
        sent = [event_id for taken in self.scene.taken for event_id in taken.ids if is_hers(event_id)]
        assert sum(run["events"] for run in receipt["sent"]) >= len(sent) > 0
        assert len(receipt["staged"]) == len(open_runs(self.play.shop)) == 1
        self.done("resume")
        self.done("run", NAME)

    def check(self) -> None:
        sent = {event_id for taken in self.scene.taken for event_id in taken.ids}
        others = {f"e{number}" for number in range(EVENTS) if number % EVERY}
        told_once(self.play, sent | others, 0)
        assert DIGEST not in everything_below(self.play.shop.state / "runs")
        assert open_runs(self.play.shop) == []


def is_hers(event_id: str) -> bool:
    """Whether an event is Jane's."""
    return int(event_id[1:]) % EVERY == 0
