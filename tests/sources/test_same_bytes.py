"""The same rows are the same events, byte for byte, whatever source they are read from."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from deltalake import write_deltalake
from pydantic import SecretStr

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import serving
from tests.docs.markdown import ROOT, code, table
from tests.duckdb_file import writing
from tests.files.tables import iceberg
from tests.sources.conftest import KINDS
from tests.sources.warehouses import LARGE, SHOWN, Kind

PAGE = ROOT / "docs" / "reference" / "data-types.md"
FILES = ("delta", "iceberg", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("delimited", "parquet")))
WAREHOUSES = [pytest.param(kind, marks=pytest.mark.thorough) if isinstance(kind, str) else kind for kind in KINDS]
ROWS = 151
"""A prime: rows combine the values of columns whose numbers differ."""

NOW = datetime.now(UTC).replace(microsecond=0)
MOMENTS = [
    datetime(1970, 1, 1),  # noqa: DTZ001
    datetime(1969, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
    datetime(2000, 2, 29, 12, 30, 0, 1),  # noqa: DTZ001
    datetime(2026, 3, 29, 1, 30),  # noqa: DTZ001
    datetime(2026, 11, 20, 10, 0, 0, 123_456),  # noqa: DTZ001
    datetime(2026, 11, 20, 10, 0, 0, 100_000),  # noqa: DTZ001
    datetime(2037, 12, 31, 23, 59, 59),  # noqa: DTZ001
]
TEXTS = [
    "", " ", "a", " a ", "\t", "a\tb", "a\nb", "a\r\nb", "\x01\x1f\x7f", "\x85\xa0", "'", "''", '"', '""', "\\", "\\n", "\\'",
    "%", "%s %(y)s", ":x", "?", "{z}", "{{ z }}", "{% z %}", "{# z #}", "--", "/* */", ";", "$1", "@x", "`", "<a & b>", "</script>",
    "null", "NULL", "None", "NaN", "true", "0", "-0", "007", "1e5", "1,5", "1.50", "Infinity", "{}", "[]", '{"a": 1}', '["a"]',
    "Zoë 🎈", "Ünïcödé", "e\u0301", "é", "ﬀ", "ß", "İ", "ı", "Σς", "日本語", "한국어", "العربية", "עברית", "हिन्दी", "ไทย",
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "a\u200bb", "\u200b", "\ufeffa", "a\u2028b\u2029c", "\u202eabc", "\ue000", "\uffff", "𝒳", "\U0010ffff",
    "x" * 3000, "ü" * 1500, "🎈" * 700, SHOWN.replace("''", "'"), "jo at example", "2026-11-20", "10:00",
]  # fmt: skip
VALUES: Mapping[str, list[Any]] = {
    "integer": [
        0,
        1,
        -1,
        127,
        -128,
        2**31 - 1,
        -(2**31),
        2**31,
        2**53 - 1,
        2**53,
        LARGE,
        -LARGE,
        2**63 - 1,
        -(2**63) + 1,
        None,
    ],
    "decimal": [
        *map(
            Decimal,
            "0 0.01 -0.01 12.3 12.30 100 1000000 0.1 0.000000001 -0.000000001 99999999999999999999.999999999".split(),
        ),
        *map(Decimal, "123456789.123456789 -99999999999999999999.999999999 9007199254740993 0.5".split()),
        None,
    ],
    "float": [0.0, 1.0, -1.0, 0.1, 0.2 + 0.1, 1 / 3, 1e15, 1e16, 1e22, 123456789.125, 1e-5, 1e-7, 2.0**53, 1e100, None],
    "text": [*TEXTS, None],
    "boolean": [True, False, None],
    "date": [
        date(1970, 1, 1),
        date(1969, 12, 31),
        date(2000, 2, 29),
        date(2026, 11, 20),
        date(1000, 1, 1),
        date(9999, 12, 31),
        None,
    ],
    "timestamp": [*MOMENTS, datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None],  # noqa: DTZ001
    "moment": [*(moment.replace(tzinfo=UTC) for moment in MOMENTS), None],
}
TYPES = {
    "integer": pa.int64(),
    "decimal": pa.decimal128(29, 9),
    "float": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "moment": pa.timestamp("us", "UTC"),
}


@cache
def rows() -> list[dict[str, Any]]:
    """The rows; each has a text that identifies it, and what every event needs."""
    made = []
    for number in range(ROWS):
        row = {name: values[number % len(values)] for name, values in VALUES.items()}
        needed = {"order_id": f"o{number}", "email": f"jo.{number}@example.com", "stamp": NOW - timedelta(hours=number)}
        made.append({"o": number, **needed, **row, "total": Decimal(number) + Decimal("0.25")})
    return made


def differing(source: str) -> set[str]:
    """The columns whose types the source does not have, by the page on types."""
    return {name for row in table(PAGE, "source") if source in code(row[0]) for name in code(row[1])}


CLICKHOUSE = {
    "decimal": "CAST('12.30' AS Decimal(10, 2))",
    "boolean": "TRUE",
    "date": "toDate32('2026-11-20')",
    "moment": "toDateTime64('2026-11-20 08:00:00', 6, 'UTC')",
}
"""The types that have all values, or more of them than those of the contract."""


class Literals:
    """The values as a kind of warehouse writes them, which its own values show."""

    def __init__(self, kind: Kind) -> None:
        dialect = kind.warehouse.dialect
        columns = ("integer", "decimal", "float", "text", "boolean", "date", "timestamp", "moment")
        self._sql = dict(zip(columns, kind.values, strict=False)) | (CLICKHOUSE if dialect == "clickhouse" else {})
        self._backslash = dialect in {"bigquery", "clickhouse", "databricks", "mysql", "redshift", "snowflake"}
        self._character = "char" if dialect == "sqlite" else "chr"

    def of(self, value: Any) -> str:
        """A value by its type."""
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return self._sql["boolean"] if value else self._sql["boolean"].replace("TRUE", "FALSE")
        if isinstance(value, datetime):
            return self._time(value) if value.tzinfo is None else self._moment(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Decimal):
            return self._sql["decimal"].replace("12.30", _number(value)).replace("10, 2", "29, 9")
        if isinstance(value, float):
            return self._sql["float"].replace("0.1", repr(value))
        return self._sql["date"].replace("2026-11-20", str(value)) if isinstance(value, date) else self._integer(value)

    def _integer(self, value: int) -> str:
        return self._sql["integer"].replace(str(LARGE), str(value))

    def _time(self, value: datetime) -> str:
        return self._sql["timestamp"].replace("2026-11-20 10:00:00.123456", value.isoformat(" ", "microseconds"))

    def _text(self, value: str) -> str:
        if not self._backslash:
            # A carriage return in a query is read as a line break, as anywhere in a text file.
            return "'" + value.replace("'", "''").replace("\r", f"' || {self._character}(13) || '") + "'"
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
        return f"'{escaped}'"

    def _moment(self, value: datetime) -> str:
        there = value.astimezone(timezone(timedelta(hours=2))).replace(tzinfo=None)
        here = value.astimezone(UTC).replace(tzinfo=None)
        local = self._sql["moment"].replace("2026-11-20 10:00:00", there.isoformat(" ", "microseconds"))
        return local.replace("2026-11-20 08:00:00", here.isoformat(" ", "microseconds"))


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text if "." in text else f"{text}.0"


def query(kind: Kind) -> str:
    literals, mark = Literals(kind), kind.quote
    selects = (
        ", ".join(f"{literals.of(value)} AS {mark}{name}{mark}" for name, value in row.items()) for row in rows()
    )
    return f"{{% raw %}}SELECT * FROM ({' UNION ALL '.join(f'SELECT {one}' for one in selects)}) AS x ORDER BY {mark}o{mark}{{% endraw %}}"


def template(without: frozenset[str]) -> dict[str, Any]:
    own = {f"properties.{name}": {"column": name} for name in VALUES if name not in without}
    names = {
        "order_id": "order_id",
        "email": "email",
        "timestamp": "stamp",
        "value": "total",
        "currency": {"value": "USD"},
    }
    return {"parameters": {**names, **own}}


def sent(made: Shop, change: Callable[[dict[str, Any]], None], without: frozenset[str]) -> list[bytes]:
    """The bodies of the requests of a run, in order."""
    settings = yaml.safe_load(made.settings.read_text())
    (made.directory / "templates" / "own.yaml").write_text(yaml.safe_dump(template(without)))
    with serving() as tiktok:
        settings["destinations"]["stores"] |= {"api_url": tiktok.url, "max_in_flight": 1}
        change(settings)
        made.settings.write_text(yaml.safe_dump(settings))
        done = inside("run", NAME, "--json", project=made.directory)
        assert done.code == 0, done.stderr
        assert json.loads(done.stdout)["rows"]["delivered"] == ROWS
        return [request.raw for request in tiktok.requests]


def project(directory: Path) -> Shop:
    return shop(directory, "http://127.0.0.1:1", "SELECT 1", template={})


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[[frozenset[str]], list[bytes]]:
    """What is sent of a DuckDB's rows."""
    rows_of_table = pa.Table.from_pylist(rows(), schema=schema())

    @cache
    def of(without: frozenset[str]) -> list[bytes]:
        made = project(tmp_path_factory.mktemp("expected") / "shop")
        with writing(made.warehouse) as warehouse:
            warehouse.register("given", rows_of_table)
            warehouse.execute("CREATE TABLE t AS SELECT * FROM given")
        made.query.write_text('SELECT * FROM t ORDER BY "o"')
        return sent(made, lambda settings: None, without)

    return of


def schema() -> pa.Schema:
    needed = {"o": pa.int64(), "order_id": pa.string(), "email": pa.string(), "stamp": pa.timestamp("us", "UTC")}
    return pa.schema([*needed.items(), *TYPES.items(), ("total", TYPES["decimal"])])


def without_columns(bodies: list[bytes], names: set[str]) -> list[Any]:
    return [
        {**event, "properties": {name: value for name, value in event["properties"].items() if name not in names}}
        for body in bodies
        for event in json.loads(body, parse_float=Decimal)["data"]
    ]


def changed_columns(bodies: list[bytes], others: list[bytes]) -> Iterator[str]:
    """The columns whose values differ anywhere."""
    nothing = without_columns(bodies, set()), without_columns(others, set())
    for one, other in zip(*nothing, strict=True):
        yield from (name for name in VALUES if repr(one["properties"].get(name)) != repr(other["properties"].get(name)))


def check(
    source: str, bodies: Callable[[frozenset[str]], list[bytes]], expected: Callable[[frozenset[str]], list[bytes]]
) -> None:
    """All columns are sent alike but those that the page names, and those differ."""
    without = frozenset(differing(source))
    everything = bodies(frozenset())
    assert set(changed_columns(everything, expected(frozenset()))) == without
    assert (bodies(without) if without else everything) == expected(without)


def plain(settings: Any) -> Any:
    """The settings of a warehouse as YAML has them."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set if name != "name"}
    return {
        name: value.get_secret_value()
        if isinstance(value, SecretStr)
        else dict(value)
        if isinstance(value, Mapping)
        else value
        for name, value in given.items()
    }


@pytest.mark.parametrize("kind", WAREHOUSES, indirect=True)
def test_a_warehouse_gives_the_same_bytes(
    kind: Kind, tmp_path_factory: pytest.TempPathFactory, expected: Callable[[frozenset[str]], list[bytes]]
) -> None:
    made = project(tmp_path_factory.mktemp("same") / "shop")
    made.query.write_text(query(kind))
    warehouse = plain(kind.warehouse)
    for name in ("shop.duckdb", "shop.sqlite"):
        if (kind.directory / name).exists():
            warehouse["url"] = f"{kind.warehouse.dialect}:///{kind.directory / name}"

    def change(settings: dict[str, Any]) -> None:
        settings["warehouses"]["own"] = warehouse

    def bodies(without: frozenset[str]) -> list[bytes]:
        return sent(made, change, without)

    # Redshift is tried on PostgreSQL, where a NUMERIC beside NULL has no number of digits.
    check(kind.warehouse.dialect.replace("redshift", "postgresql"), bodies, expected)


def written(source: str, made: Shop) -> str:
    """The rows as files of the project; the address."""
    content, path = pa.Table.from_pylist(rows(), schema=schema()), made.directory / "in"
    if source == "delta":
        write_deltalake(path, content)
    elif source == "iceberg":
        iceberg(path, content.schema).append(content)
    elif source == "parquet":
        pq.write_table(content, path.with_suffix(".parquet"))
        return "in.parquet"
    else:
        with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(content.column_names)
            writer.writerows([_field(value) for value in row.values()] for row in rows())
        return "in.csv"
    return "in"


def _field(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


@pytest.mark.parametrize("source", FILES)
def test_files_and_tables_give_the_same_bytes(
    source: str, tmp_path: Path, expected: Callable[[frozenset[str]], list[bytes]]
) -> None:
    made = project(tmp_path / "shop")
    address = written(source, made)

    def bodies(without: frozenset[str]) -> list[bytes]:
        def change(settings: dict[str, Any]) -> None:
            entry = settings["orchestrations"][NAME]
            for name in ("query", "warehouse"):
                entry.pop(name, None)
            entry["file"] = address

        return sent(made, change, without)

    check(source, bodies, expected)
