"""An audience whose run on a cluster is killed has the right members in the end, and no change counts twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.ledger.ledger import open_ledger
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, open_shop, wanted
from tests.audiences.test_mirror import MAPPING
from tests.cli.command import connector
from tests.cluster.killing import asked, end, kill, kill_server_process, started, wait_until
from tests.cluster.nodes import Nodes
from tests.cluster.spread import CLUSTER
from tests.cluster.test_audiences import on_engine, people_of, put
from tests.postgres import Postgres

SETTINGS = {"rows_per_request": 500, "max_in_flight": 4, "max_change_percent": 100, "requests_per_second": 50}
SLOW = Fault("slow", path=MAPPING, seconds=0.3)
WORDS = ("run", NAME, "--engine", CLUSTER, "--json", "--yes")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Killed:
    """A project whose audience is to be changed, and the simulator that keeps it."""

    shop: Shop
    tiktok: Simulator
    ledger: str
    nodes: Nodes

    def tasks(self, name: str) -> list[int]:
        """Return the processes that work on a task."""
        return [pid for node in self.nodes.running for pid in node.pids(f"ray::{name}")]


@pytest.fixture
def killed(tmp_path: Path, nodes: Nodes, postgres: Postgres) -> Iterator[Killed]:
    with Simulator() as tiktok:
        ledger = postgres.new_database()
        shop = on_engine(open_shop(tmp_path / "shop", tiktok.url, **SETTINGS), nodes, ledger)
        put(shop, people_of(0))
        first = connector("run", NAME, "--engine", "none", "--yes", project=shop.directory)
        assert first.code == 0, first.stderr
        yield Killed(shop, tiktok, ledger, nodes)


def kill_a_sender(scene: Killed, _: int) -> None:
    kill(wait_until(lambda: scene.tasks("send_leases"))[0])


def kill_the_driver(_: Killed, driver: int) -> None:
    kill(driver)


def kill_the_ledger(scene: Killed, _: int) -> None:
    kill_server_process(scene.ledger)


@pytest.mark.parametrize("do", [kill_a_sender, kill_the_driver, kill_the_ledger])
def test_kill(killed: Killed, do: Callable[[Killed, int], None]) -> None:
    before, now = members(killed.tiktok), people_of(1)
    put(killed.shop, now)
    killed.tiktok.world.faults.add([SLOW])
    (answered,) = asked(killed.ledger, "SELECT count(*) FROM requests")
    driver = started(*WORDS, project=killed.shop.directory)
    try:
        sent = "SELECT 1 FROM requests HAVING count(*) > {}"
        wait_until(lambda: asked(killed.ledger, sent.format(answered[0] + 2)), driver)
        do(killed, driver.pid)
        driver.communicate(timeout=90)
    finally:
        end(driver)
    killed.tiktok.world.faults.clear()
    if driver.returncode != 0:
        again = connector(*WORDS, project=killed.shop.directory)
        assert again.code == 0, again
    assert members(killed.tiktok) == wanted(now)
    with open_ledger(killed.ledger) as ledger:
        assert ledger.runs.unfinished() == []
        runs = ledger.runs.latest()
    assert all(run.rows.balanced and run.rows.pending == 0 for run in runs)
    changed = [run.members for run in runs if run.members][:-1]
    assert sum(one.added for one in changed) == len(wanted(now) - before)
    assert sum(one.removed for one in changed) == len(before - wanted(now))
    done = connector(*WORDS, project=killed.shop.directory)
    assert (done.code, done.json["requests"]["sent"]) == (0, 0), done
