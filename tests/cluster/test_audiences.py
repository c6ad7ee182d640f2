"""A run on a cluster leaves an audience as a run in one process does, and counts the same."""

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, PEOPLE, Shop, members, open_shop, wanted
from tests.audiences.test_files import archived, audience_in, files_of
from tests.audiences.test_mirror import generation
from tests.cli.command import connector
from tests.cluster.nodes import Nodes
from tests.cluster.spread import CLUSTER, OWN_TO_A_RUN
from tests.duckdb_file import writing
from tests.postgres import Postgres

ROWS, AMONG = 12_000, 15_000
FAULTY = {"email": "nobody", "phone": None, "idfa": None}


def people_of(seed: int) -> list[dict[str, Any]]:
    """Rows with people that are there twice, and some that cannot be anybody."""
    rows = generation(random.Random(seed), ROWS, AMONG)
    return [*rows[:5_000], *[FAULTY] * 40, *rows[5_000:]]


def put(shop: Shop, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put people into the warehouse, in place of all others, in several row groups."""
    table = pa.Table.from_pylist([{name: row.get(name) for name in PEOPLE.names} for row in rows], PEOPLE)
    (shop.directory / "people.duckdb").unlink(missing_ok=True)
    with writing(shop.directory / "people.duckdb", row_group=2048) as connection:
        connection.register("given", table)
        connection.execute("CREATE TABLE people AS FROM given")


def on_engine(shop: Shop, nodes: Nodes, ledger: str) -> Shop:
    """The project with an engine."""
    path = shop.directory / "orchestrations.yaml"
    stage = shop.directory.with_name(f"{shop.directory.name}-stage")
    stage.mkdir()
    engine = {"type": "ray", "address": nodes.address, "stage": str(stage), "lease_seconds": 5}
    path.write_text(
        yaml.safe_dump({**yaml.safe_load(path.read_text()), "ledger": ledger, "engines": {CLUSTER: engine}})
    )
    return shop


def run(shop: Shop, engine: str) -> dict[str, Any]:
    """Run the orchestration, and return what is the same wherever it runs."""
    outcome = connector("run", NAME, "--engine", engine, "--json", "--yes", project=shop.directory)
    assert outcome.code == 0, outcome.stderr
    return {key: value for key, value in outcome.json.items() if key not in OWN_TO_A_RUN}


Both = Callable[..., tuple[Shop, Shop]]


@pytest.fixture
def both(tmp_path: Path, nodes: Nodes, postgres: Postgres) -> Both:
    """Two projects, for one process and for a cluster, at the addresses that are given."""

    def made(one: str, several: str, **destination: Any) -> tuple[Shop, Shop]:
        urls = {"one": one, "several": several}
        shops = [open_shop(tmp_path / name, url, **destination) for name, url in urls.items()]
        here, there = (on_engine(shop, nodes, postgres.new_database()) for shop in shops)
        return here, there

    return made


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mirror", "add", "remove"])
def test_an_audience_is_the_same_over_generations(both: Both, mode: str) -> None:
    with Simulator() as one, Simulator() as several:
        here, there = both(one.url, several.url)
        for seed, now in enumerate(["mirror", mode, mode]):
            rows = people_of(seed)
            for shop in (here, there):
                path = shop.directory / "orchestrations.yaml"
                settings = yaml.safe_load(path.read_text())
                settings["destinations"]["audience"]["mode"] = now
                path.write_text(yaml.safe_dump(settings))
                put(shop, rows)
            assert run(there, CLUSTER) == run(here, "none")
            assert members(several) == members(one)
            assert mode != "mirror" or members(one) == wanted(rows)


@pytest.mark.slow
def test_the_files_of_an_audience_hold_the_same_people(both: Both) -> None:
    here, there = (archived(shop) for shop in both("simulator", "simulator"))
    for seed in (1, 2):
        rows = people_of(seed)
        for shop in (here, there):
            put(shop, rows)
        assert run(there, CLUSTER) == run(here, "none")
        assert audience_in(files_of(there)) == audience_in(files_of(here)) == wanted(rows)
