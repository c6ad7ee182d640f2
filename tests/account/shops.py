"""Projects whose destination is to be asked about, and the simulator that is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector.simulator.ad_accounts import ADVERTISER, PIXEL
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator
from connector.simulator.strictness import parse_strictness
from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, NAME, Shop, shop

CODE, NUMBER, WRONG = PIXEL["pixel_code"], PIXEL["pixel_id"], "7222222222222222222"
TRACK, SETS, PIXELS, CREATE, UPDATE = (
    f"/open_api/v1.3{path}"
    for path in ("/event/track/", "/offline/get/", "/pixel/list/", "/offline/create/", "/offline/update/")
)
WEB = "SELECT 'e' || n AS event_id, now() AS timestamp, n || '@example.com' AS email, 'https://shop.example/' AS page_url FROM range(3) AS t (n)"
__all__ = ["ADVERTISER"]


@contextmanager
def simulating(*faults: str, sources: tuple[str, ...] = (ADVERTISER, CODE)) -> Iterator[Simulator]:
    """A simulator that has these event sources and no others, as fast as may be."""
    strict = parse_strictness(["rates=unlimited"])
    with Simulator(faults=map(parse, faults), strictness=strict, event_sources=sources) as simulator:
        yield simulator


def selling(directory: Path, url: str, query: str = GOOD.format(rows=3), **destination: Any) -> Shop:
    """A project with three good events."""
    return shop(directory / "shop", url, query, destination=destination)


def by_name(directory: Path, url: str, name: str | None = "Tills", **destination: Any) -> Shop:
    """A project whose event set has only a name."""
    return selling(directory, url, event_source_id=None, event_set_name=name, **destination)


def run(made: Shop, *options: str) -> Outcome:
    """`connector run purchases --json`."""
    return inside("run", NAME, "--json", *options, project=made.directory)


def asked(made: Shop, *options: str) -> Outcome:
    """`connector destinations test stores`."""
    return inside("destinations", "test", "stores", *options, project=made.directory)


def event_sets(simulator: Simulator) -> list[tuple[str, bool]]:
    """Name and auto_tracking of every event set but the example's."""
    return [(one["name"], one["auto_tracking"]) for one in simulator.world.accounts.event_sets[1:]]
