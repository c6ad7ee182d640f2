"""A table that changes, faults on the way and processes that are killed: the audience is what the query says each time.

Ten generations of 100,000 people are behind `make audiences`.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.reference import Member, digest_of
from tests.audiences.shop import NAME, Shop, members, open_shop
from tests.audiences.test_mirror import MAPPING
from tests.crash.launcher import Order
from tests.crash.scene import KILLED, Launcher

FAULTS = (
    Fault("lost", path=MAPPING, every=7),
    Fault("throttle", path=MAPPING, every=11),
    Fault("error", path=MAPPING, every=13),
)


def grow(shop: Shop, generation: int, size: int) -> set[Member]:
    """People of this generation into the warehouse, a tenth of them others than before; gives who should be in."""
    made = f"""
        CREATE OR REPLACE TABLE people AS
        SELECT
            CASE WHEN n % 9 <> 0 THEN 'P.' || n || '+g{generation}@Example.com' END AS email,
            CASE WHEN n % 4 = 0 THEN printf('+1201555%04d', n % 10000) END AS phone,
            CASE WHEN n % 6 = 0 THEN printf('%08X-0000-4000-8000-000000000001', n) END AS idfa,
            NULL::VARCHAR AS aaid
        FROM range({generation} * {size} // 10, {generation} * {size} // 10 + {size}) AS t (n)
    """
    with duckdb.connect(str(shop.directory / "people.duckdb")) as connection:
        connection.execute(made)
        rows = connection.execute("SELECT email, phone, idfa FROM people").fetchall()
    found: set[Member] = set()
    for email, phone, idfa in rows:
        if email:
            found.add(("EMAIL_SHA256", digest_of(email.lower())))
        if phone:
            found.add(("PHONE_SHA256", digest_of(phone)))
        if idfa:
            found.add(("IDFA_SHA256", digest_of(idfa.lower())))
    return found


def killed_after(launcher: Launcher, shop: Shop, seconds: float) -> None:
    """Start a run and kill it, as `kill -9` would; it may have ended before."""
    output = str(shop.directory / "output")
    ended = launcher.ended(Order(str(shop.directory), ["run", NAME, "--yes"], output, seconds=seconds))
    assert ended in {0, KILLED}, Path(output).read_text()


def go_through(
    launcher: Launcher, directory: Path, generations: int, size: int, rows_per_request: int, *, faults: Sequence[Fault]
) -> None:
    chance = random.Random(size)
    with Simulator(faults=faults) as tiktok:
        patient = {"first_wait": 0, "longest_wait": 0.05, "timeout": 2}
        shop = open_shop(directory, tiktok.url, rows_per_request=rows_per_request, retry=patient)
        longest = 0.8
        for generation in range(generations):
            wanted = grow(shop, generation, size)
            for _ in range(1 + generation % 2):
                killed_after(launcher, shop, chance.uniform(0.05, longest))
            began = time.monotonic()
            record = shop.run()
            longest = max(longest, time.monotonic() - began)
            assert record.rows.pending == 0
            differing = len(members(tiktok) ^ wanted)
            assert not differing, f"generation {generation}: {differing} identifiers"


@pytest.mark.thorough
def test_a_few_people_over_two_generations(launcher: Launcher, tmp_path: Path) -> None:
    go_through(launcher, tmp_path / "shop", generations=2, size=2_000, rows_per_request=200, faults=FAULTS[:1])


@pytest.mark.slow
def test_a_hundred_thousand_people_over_ten_generations(launcher: Launcher, tmp_path: Path) -> None:
    go_through(launcher, tmp_path / "shop", generations=10, size=100_000, rows_per_request=2_000, faults=FAULTS)
