"""Files and PostgreSQL, read in splits by a cluster, give what one process reads."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
import yaml

from tests.cli.command import connector
from tests.cli.shop import NAME
from tests.cluster.spread import CLUSTER, Spread, assert_equal, events_of
from tests.files.shop import CONVERSIONS, TEMPLATE, conversions
from tests.files.written import write
from tests.postgres import Postgres

Project = Callable[..., Spread]


@dataclass
class Sent:
    """The outcome of a run, and the messages about the files."""

    told: list[str]
    excluded: list[str]
    events: Counter[bytes]


def sent(made: Spread, engine: str) -> Sent:
    """Run the orchestration."""
    outcome = connector("run", NAME, "--engine", engine, project=made.directory)
    assert outcome.code in {0, 3}, outcome.stderr
    (run_id,) = (path.name for path in (made.shop.state / "runs").iterdir())
    told = [line for line in outcome.stderr.splitlines() if ".psv" in line]
    return Sent(told, made.excluded({"run_id": run_id}), events_of(made.tiktok.accepted))


@pytest.mark.slow
def test_conversions_files_are_the_same_with_the_lines_of_rejected_rows(project: Project, postgres: Postgres) -> None:
    made = project("SELECT 1 AS n", template=TEMPLATE, format={"name": CONVERSIONS, "files_a_day": 9})
    settings = yaml.safe_load(made.shop.settings.read_text())
    entry = {key: value for key, value in settings["orchestrations"][NAME].items() if key not in {"query", "warehouse"}}
    made.change(orchestrations={**settings["orchestrations"], NAME: {**entry, "file": "day/*.psv*"}})
    folder = made.directory / "day"
    folder.mkdir()
    lines = conversions(250_000, r70="|In Store|2014-03-31|99.99||o68", r200000="a@b.example|In Store|soon|9||o199998")
    lines.insert(150_000, lines[0])
    write(folder, "large.psv", "\n".join(lines) + "\n")
    write(folder, "packed.psv.gz", "\n".join(conversions(5_000, start=250_000)))
    write(folder, "small.psv", "\n".join(conversions(5_000, start=255_000, r9="|In Store|2014|1||o")))
    one = sent(made, "none")
    made.forget(postgres.new_database())
    assert sent(made, CLUSTER) == one
    assert any("repeated on line 150001" in line for line in one.told)
    assert any("line 200001" in line for line in one.told)


@pytest.mark.slow
def test_a_table_of_postgresql_is_the_same(project: Project, postgres: Postgres) -> None:
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 'e' || n / 2 AS event_id, now() - n / 2 * interval '1 second' AS timestamp,"
            " CASE WHEN n % 50 > 7 THEN n / 2 || '@example.com' END AS email, 2.5 AS value"
            " FROM generate_series(1, 40000) AS g (n)"
        )
    made = project("SELECT * FROM orders WHERE timestamp < now()")
    made.change(warehouses={"own": {"url": url}})
    one = made.result("none")
    made.forget(postgres.new_database())
    assert_equal(one, made.result())
