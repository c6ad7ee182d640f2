"""Orders with everything that rows can have: lines far apart, rejected ones, several event sources, repetitions."""

from pathlib import Path

from tests.cli.shop import SOURCE_ID
from tests.duckdb_file import writing

JANE = "jane@example.com"
"""Whoever asked to be forgotten."""
FAR, SHUFFLED = "CASE WHEN k % 19 = 2 AND line = 2 THEN 1 ELSE 0 END, n", "hash(n)"
"""Orders of the rows: some lines lie at the end, or all anywhere."""

ROWS = f"""
    SELECT 'order-' || k AS order_id
        , CASE WHEN k % 101 = 3 AND line = 1 THEN NULL
            ELSE date_trunc('hour', now()) - to_seconds(k * 7 % 100_000) - INTERVAL 1 HOUR END AS timestamp
        , CASE WHEN k % 50 = 7 THEN 'nobody' WHEN k % 211 = 6 THEN '{JANE}' ELSE k || '@example.com' END AS email
        , CASE WHEN k % 23 = 5 THEN '+44 20 7946 0' || lpad(CAST(k % 1000 AS VARCHAR), 3, '0') END AS phone
        , 'c' || CASE WHEN k % 13 = 4 THEN 0 ELSE line END AS content_id
        , k % 7 + 0.25 AS price
        , CASE WHEN k % 97 = 5 AND line = 2 THEN -1 ELSE k % 2 + 1 END AS quantity
        , CASE WHEN k % 501 = 1 THEN 'a b' WHEN k % 11 = 0 THEN '7654321098765432110' ELSE '{SOURCE_ID}' END
            AS event_source_id
    FROM (SELECT n, n // 3 AS k, n % 3 AS line FROM range({{rows}}) AS t (n)) ORDER BY {{order}}
"""
"""The table, with so many `rows` in an `order`."""


def build(warehouse: Path, rows: int, order: str = FAR) -> None:
    """Make the table `orders`, in many row groups, and the table `before` with some of its rows."""
    warehouse.unlink(missing_ok=True)
    with writing(warehouse, row_group=2048) as connection:
        connection.execute(f"CREATE TABLE orders AS {ROWS.format(rows=rows, order=order)}")
        connection.execute("CREATE TABLE before AS SELECT * FROM orders WHERE hash(order_id) % 9 = 0")
