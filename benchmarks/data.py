"""The rows that everything is measured on: made-up purchases in shops, in a DuckDB file.

Nobody in there exists: the domains are reserved for examples, every number's exchange is 555.
"""

import hashlib
import time
from pathlib import Path

import duckdb

TABLE = "purchases"
STALE_SECONDS = 86_400

_PURCHASES = """
CREATE MACRO pick(salt, key, n) AS CAST(hash(key, salt) % n AS BIGINT);
CREATE MACRO share(salt, key) AS pick(salt, key, 1000) / 10;

CREATE TABLE purchases AS
WITH orders AS (
    SELECT
        number
        , now() AT TIME ZONE 'UTC' - to_seconds(CAST(600000 - 590000 * (number / {orders}) AS BIGINT)) AS ordered_at
        , pick('customer', number, greatest({orders} * 6 // 10, 1)) AS customer
        , format('S{{:09d}}', number) AS order_id
        , 1 + pick('lines', number, 4) AS lines
    FROM range({orders}) AS numbers (number)
)
, customers AS (
    SELECT
        *
        , share('e-mail', customer) AS email_kind
        , share('phone', customer) AS phone_kind
        , ['ada', 'benjamin', 'chloe', 'femi', 'grace', 'hana', 'noah', 'priya'][1 + pick('given', customer, 8)]
            || '.'
            || ['adeyemi', 'brown', 'fischer', 'ito', 'kowalski', 'nguyen', 'park'][1 + pick('surname', customer, 7)]
            || customer || '@'
            || ['example.com', 'example.org', 'mail.example.net'][1 + pick('domain', customer, 3)] AS address
        , CAST(201 + pick('area', customer, 799) AS VARCHAR) AS area
        , lpad(CAST(pick('line', customer, 10000) AS VARCHAR), 4, '0') AS line
    FROM orders
)
, people AS (
    SELECT
        *
        , CASE
            WHEN email_kind < 6 THEN NULL
            WHEN email_kind < 6.4 THEN 'unknown'
            WHEN email_kind < 7.4 THEN sha256(address)
            WHEN email_kind < 15 THEN upper(address)
            WHEN email_kind < 20 THEN format(' {{}} ', address)
            ELSE address
        END AS email
        , CASE
            WHEN phone_kind < 12 THEN NULL
            WHEN phone_kind < 12.3 THEN 'n/a'
            WHEN phone_kind < 13 THEN format('+44 7700 9{{}}', lpad(line, 5, '0'))
            WHEN phone_kind < 13.5 THEN format('{{}}-555-{{}} ext. 7', area, line)
            WHEN phone_kind < 30 THEN format('+1{{}}555{{}}', area, line)
            WHEN phone_kind < 50 THEN format('({{}}) 555-{{}}', area, line)
            WHEN phone_kind < 70 THEN format('{{}}-555-{{}}', area, line)
            WHEN phone_kind < 80 THEN format('{{}}.555.{{}}', area, line)
            WHEN phone_kind < 90 THEN format('1 {{}} 555 {{}}', area, line)
            ELSE format('{{}}555{{}}', area, line)
        END AS phone
    FROM customers
)
, items AS (
    SELECT *, unnest(range(1, 1 + lines)) AS line_number FROM people
)
, products AS (
    SELECT
        *
        , hash(order_id, line_number) AS dice
        , CAST(hash(number, line_number, 'product') % 5000 AS BIGINT) AS product
    FROM items
)
SELECT
    email
    , phone
    , order_id AS event_id
    , ordered_at AS timestamp
    , order_id
    , CAST(101 + pick('shop', number, 240) AS INTEGER) AS shop_id
    , CASE WHEN share('currency', number) < 8 THEN 'CAD' WHEN share('currency', number) < 10 THEN 'usd' ELSE 'USD' END
        AS currency
    , CAST(40000 + product AS INTEGER) AS content_id
    , ['Linen shirt', 'Wool socks, 3 pairs', 'Rain jacket', 'Sneakers "Low"', 'Crème brûlée torch',
        'Chef''s knife 20 cm', 'Sun cream 50+', 'Notebook A5'][1 + product % 8] || ' no. ' || product AS content_name
    , ['Apparel', 'Apparel', 'Apparel', 'Shoes', 'Kitchen', 'Kitchen', 'Beauty', 'Stationery'][1 + product % 8]
        AS content_category
    , CASE WHEN product % 8 <> 7 THEN ['Acme Essentials', 'Acme Outdoor', 'Acme Home'][1 + product % 3] END AS brand
    , CAST(CASE WHEN dice % 2000 = 0 THEN -1 ELSE 2 + pick('price', product, 15000) / 100 END AS DECIMAL(10, 2))
        AS price
    , CAST(greatest(1, CAST(dice % 6 AS BIGINT) - 2) AS INTEGER) AS quantity
    , 'in_store' AS event_channel
FROM products
LIMIT {rows}
"""


def purchases(directory: Path, rows: int) -> Path:
    """A DuckDB file with `rows` rows in the table TABLE, made anew when its dates are older than a day.

    A row is one of the 1 to 4 lines of an order. About one row in 100 cannot be sent (no identity, or a
    negative price in its order), some of the phone numbers are foreign or have an extension.
    """
    return _made(directory, f"{TABLE}-{rows}", _PURCHASES.format(orders=1 + rows // 2, rows=rows))


def shuffled(directory: Path, rows: int) -> Path:
    """The same rows in an order that says nothing of them: the lines of most orders lie far apart."""
    return _from_purchases(directory, rows, "shuffled", "SELECT * FROM ordered.purchases ORDER BY hash(rowid)")


def alone(directory: Path, rows: int) -> Path:
    """The same rows, each of which is an event by itself: no two have the same event id."""
    sql = "SELECT * REPLACE (event_id || '-' || rowid AS event_id) FROM ordered.purchases"
    return _from_purchases(directory, rows, "alone", sql)


def _from_purchases(directory: Path, rows: int, name: str, sql: str) -> Path:
    ordered = purchases(directory, rows)
    made_at = f"-- Of what was made at {ordered.stat().st_mtime_ns}."
    attached = f"ATTACH '{ordered}' AS ordered (READ_ONLY);"
    return _made(directory, f"{TABLE}-{name}-{rows}", f"{made_at}\n{attached}\nCREATE TABLE purchases AS {sql};")


def _made(directory: Path, name: str, sql: str) -> Path:
    file = directory / f"{name}-{hashlib.sha256(sql.encode()).hexdigest()[:8]}.duckdb"
    if not file.exists() or time.time() - file.stat().st_mtime > STALE_SECONDS:
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob(f"{name}-*"):
            old.unlink()
        unfinished = file.with_suffix(".unfinished")
        with duckdb.connect(str(unfinished), config={"preserve_insertion_order": True}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            connection.execute(sql)
        unfinished.replace(file)
    return file
