"""A run on a cluster sends the same events, excludes the same rows and counts the same as a run in one process."""

from collections.abc import Callable

from tests.cluster.spread import Spread, assert_equal
from tests.postgres import Postgres

Project = Callable[..., Spread]

LINES = """
    SELECT 'e' || n // 3 AS event_id, date_trunc('hour', now()) - to_seconds(n // 3 % 100_000) AS timestamp,
        CASE WHEN n // 3 % 50 = 7 THEN 'nobody' ELSE n // 3 || '@example.com' END AS email,
        'c' || n % 3 AS content_id, n % 7 + 0.25 AS price, CASE WHEN n % 1000 = 10 THEN -1 ELSE n % 2 + 1 END AS quantity
    FROM range({rows}) AS t (n) ORDER BY n
"""
QUERY = "SELECT * FROM orders"


def test_events_of_several_lines_are_the_same(project: Project, postgres: Postgres) -> None:
    made = project(QUERY, tables={"orders": LINES.format(rows=300_001)})
    one = made.result("none")
    made.forget(postgres.new_database())
    assert_equal(one, made.result())
