"""Every type of every source, as an id, a property, a time, a price and an e-mail address: its exact value, or a
reason to reject the row, or a refusal that names the column. Nothing else may come of one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.postgresql_types import PostgreSQLTypes
from connector.sources.source import Source
from tests.postgres import Postgres
from tests.reference import Settings
from tests.snowflake.account import Account
from tests.sources.warehouses import opened
from tests.transform.harness import template_of, transformed

STARTED = 1_795_953_600
"""2026-11-29T12:00:00Z."""
TEN = 1_795_946_400
"""2026-11-29T10:00:00Z."""
MIDNIGHT = TEN - 36_000

REFUSED, ABSENT, INVALID = "refused", "absent", "invalid_timestamp"
ROLES = ("id", "property", "time", "price", "email")


@dataclass(frozen=True)
class Type:
    """A literal, and what it is in some of the roles; in the others anything but an error of no kind of ours."""

    literal: str
    expected: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    """Those in which it is read."""


def of(literal: str, **expected: Any) -> Type:
    return Type(literal, expected)


def column(source: Source, literal: str) -> pa.Table:
    """A result with the value, and a row without one."""
    with source.execute(f'SELECT 1 AS n, {literal} AS "x" UNION ALL SELECT 2, NULL ORDER BY 1') as result:
        table = pa.Table.from_batches(result.batches(), result.schema).select([1])
        return table.rename_columns(["x"])


def read_as(role: str, value: pa.Table, directory: Path) -> Any:
    """What the first row makes of the value; the second row, without one, is never rejected for it."""
    parameter = {"id": "event_id", "property": "properties.x", "time": "timestamp"}.get(role, role)
    others = {"timestamp": [TEN] * 2, "email": ["jo@example.org"] * 2, "event": ["Purchase"] * 2, "quantity": [1, 1]}
    schema = pa.schema([value.schema.field(0), *(pa.field(name, pa.array(some).type) for name, some in others.items())])
    table = pa.table([value.column(0), *map(pa.array, others.values())], schema=schema)
    template = template_of({parameter: "x"}, directory, extends=True)
    try:
        outcome = transformed(table, Settings(started_at=STARTED, timezone="UTC"), template)
    except ConfigurationError as error:
        assert 'the column "x" is of type' in str(error)
        return REFUSED
    if 1 in outcome.rejected:
        return outcome.rejected[1]
    (event,) = [
        json.loads(text, parse_float=Decimal)
        for text, rows in zip(outcome.texts, outcome.rows, strict=True)
        if 1 in rows
    ]
    return said(role, event)


def said(role: str, event: Mapping[str, Any]) -> Any:
    if role == "id":
        return event["event_id"] if len(event["event_id"]) != 36 or "-" in event["event_id"] else ABSENT
    if role == "property":
        return event["properties"].get("x", ABSENT)
    if role == "price":
        return event["properties"].get("value", ABSENT)
    return event["event_time"] if role == "time" else event["user"].get("email")


def digest(plain: str) -> str:
    return sha256(plain.encode()).hexdigest()


def check(source: Source, case: Type, directory: Path) -> None:
    value = column(source, case.literal)
    found = {role: read_as(role, value, directory) for role in case.roles}
    assert {role: found[role] for role in case.expected} == case.expected


def parameters(cases: list[Type]) -> Iterator[Any]:
    """Every other case is left to `make thorough`, and most of the roles of which a case says nothing."""
    marks: tuple[list[pytest.MarkDecorator], ...] = ([], [pytest.mark.thorough])
    for number, case in enumerate(cases):
        yield pytest.param(replace(case, roles=tuple(case.expected)), id=case.literal, marks=marks[number % 2])
        if others := tuple(role for role in ROLES if role not in case.expected):
            other = Type(case.literal, roles=others)
            yield pytest.param(other, id=f"{case.literal} in other roles", marks=marks[number % 8 != 0])


DUCKDB = [
    of("md5_number('b')", id=(large := "190532336368564675417118094528692087698"), property=large),
    of("5::UHUGEINT", id="5", price=5),
    of(f"{TEN}::UHUGEINT", time=TEN),
    of("[md5_number('b')]", property=[large], id=REFUSED),
    of("{'q\"u': md5_number('b')}", property={'q"u': large}),
    of("MAP {'k': [md5_number('b')]}", property={"k": [large]}),
    of("[{'a': md5_number('b')}]", property=[{"a": large}]),
    of("170141183460469231731687303715884105727::HUGEINT", id="170141183460469231731687303715884105727"),
    of("(-170141183460469231731687303715884105727)::HUGEINT", id="-170141183460469231731687303715884105727"),
    of("12::HUGEINT", id="12", property=12, price=12),
    of("18446744073709551615::UBIGINT", id="18446744073709551615", property=18446744073709551615),
    of("123456789012345678901234567890123456789012::BIGNUM", id="123456789012345678901234567890123456789012"),
    of("1.50::DECIMAL(38, 20)", id="1.5", property=Decimal("1.5"), price=Decimal("1.5")),
    of("0.1::FLOAT", id=REFUSED, property=Decimal("0.1"), price=Decimal("0.1"), time=REFUSED),
    of(f"{TEN}::DOUBLE", time=TEN),
    of("'nan'::DOUBLE", id=ABSENT, property=ABSENT, price="invalid_amount", time=INVALID),
    of("'-inf'::DOUBLE", id=ABSENT, property=ABSENT, price="invalid_amount", time=INVALID),
    of("['nan'::DOUBLE, 1.5]", property=[None, Decimal("1.5")]),
    of("{'a': ['inf'::FLOAT]}", property={"a": [None]}),
    of("MAP {'k': 'nan'::DOUBLE}", property={"k": None}),
    of("TRUE", id="true", property=True, time=REFUSED, price=REFUSED),
    of("DATE '2026-11-29'", id="2026-11-29", property="2026-11-29", time=MIDNIGHT, price=REFUSED),
    *(
        of(f"'{far}'::DATE", id=far, property=far, time=INVALID)
        for far in ("infinity", "-infinity", "294247-01-11", "5874897-12-31", "10000-01-01")
    ),
    of("['infinity'::DATE]", property=["infinity"]),
    of("TIMESTAMP '2026-11-29 10:00:00.5'", id="2026-11-29T10:00:00.500000", time=TEN),
    of("TIMESTAMP_S '2026-11-29 10:00:00'", id="2026-11-29T10:00:00", time=TEN),
    of("TIMESTAMP_MS '2026-11-29 10:00:00.001'", id="2026-11-29T10:00:00.001000", time=TEN),
    of("TIMESTAMP_NS '2026-11-29 10:00:00.999999999'", id="2026-11-29T10:00:00.999999999", time=TEN),
    of("TIMESTAMP_NS '2026-11-29 10:00:00.999999'", id="2026-11-29T10:00:00.999999", time=TEN),
    of("TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", id="1969-12-31T23:59:59.999999999", time="event_too_old"),
    of("TIMESTAMPTZ '2026-11-29 12:00:00+02:00'", id="2026-11-29T10:00:00+00:00", time=TEN),
    *(
        of(f"'{sign}infinity'::{kind}", id=f"{sign}infinity", property=f"{sign}infinity", time=INVALID)
        for sign in ("", "-")
        for kind in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ")
    ),
    of("'290000-01-01'::TIMESTAMP", id="290000-01-01T00:00:00", time=INVALID),
    of("'290000-01-01'::TIMESTAMP_S", id="290000-01-01T00:00:00", time=INVALID),
    of("'4713-01-01 (BC)'::TIMESTAMP", time=INVALID),
    of("[TIMESTAMP_S '2026-11-29 10:00:00', NULL]", property=["2026-11-29 10:00:00", None]),
    of("{'a': 'infinity'::TIMESTAMP_MS}", property={"a": "infinity"}),
    of("TIME '10:00:00.5'", id="10:00:00.5", property="10:00:00.5", time=REFUSED),
    of("'10:00:00+02'::TIMETZ", id="10:00:00+02", property="10:00:00+02", time=INVALID),
    of("INTERVAL 1 DAY", id=REFUSED, property=REFUSED, time=REFUSED, price=REFUSED, email=REFUSED),
    of("[INTERVAL 1 DAY]", property=REFUSED),
    of("'101'::BIT", id="101", property="101"),
    of("'ab'::BLOB", id=REFUSED, property=REFUSED, time=REFUSED, price=REFUSED, email=REFUSED),
    of("['ab'::BLOB]", property=REFUSED, email=REFUSED),
    of("{'a': 'ab'::BLOB}", property=REFUSED),
    of("'jo@example.com'::ENUM ('jo@example.com')", email=digest("jo@example.com")),
    of("'a'::ENUM ('a', 'b')", id="a", property="a"),
    of("['a'::ENUM ('a')]", property=["a"]),
    of("'848eb9b2-ca53-41f7-876c-c26b87ba4c8f'::UUID", id="848eb9b2-ca53-41f7-876c-c26b87ba4c8f"),
    of("union_value(s := 'x')", id="x", property="x"),
    of("union_value(n := 5)", id="5", price=5),
    of("'\"jo@example.com\"'::JSON", email=digest("jo@example.com")),
    of("'\"A-1\"'::JSON", id="A-1", property="A-1"),
    of(r"""'"q\"\u00e9\\"'::JSON""", property='q"é\\'),
    of("'12.5'::JSON", id="12.5", price=Decimal("12.5")),
    of("'true'::JSON", id="true"),
    of("'null'::JSON", id=ABSENT, property=ABSENT, time="missing_timestamp", price=ABSENT),
    of("'\"\"'::JSON", id=ABSENT),
    of("'{\"a\": 1}'::JSON", id='{"a": 1}'),
    of("'\"2026-11-29T10:00:00Z\"'::JSON", time=TEN),
    of(f"'{TEN}'::JSON", time=TEN),
    of("['\"jo@example.com\"'::JSON, 'null'::JSON]", email=digest("jo@example.com")),
    of("['\"x\"'::JSON, 'null'::JSON]", property=["x", None]),
    of("{'a': '\"x\"'::JSON}", property={"a": "x"}),
    of("'x'::VARIANT", id="x", property="x"),
    of("12::VARIANT", id="12", price=12),
    of("{'a': 1}::VARIANT", id='{"a":1}'),
    of("{'a': 1, 'b': NULL}", property={"a": 1, "b": None}, id=REFUSED),
    of("[1, 2]::INTEGER[2]", property=[1, 2]),
    of("NULL", id=ABSENT, property=ABSENT, time="missing_timestamp", price=ABSENT),
    of("[]", property=[]),
]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Source]:
    with opened("duckdb:///:memory:", tmp_path) as source:
        yield source


@pytest.mark.parametrize("case", list(parameters(DUCKDB)))
def test_duckdb(embedded: Source, case: Type, tmp_path: Path) -> None:
    check(embedded, case, tmp_path)


def test_the_one_number_of_duckdb_that_cannot_be_read_is_refused_by_name(embedded: Source) -> None:
    with pytest.raises(SourceError, match='The column "x" holds -170141183460469231731687303715884105728'):
        column(embedded, "(-170141183460469231731687303715884105728)::HUGEINT")


UNKNOWN = dict.fromkeys(ROLES, REFUSED)
POSTGRESQL = [
    of("'$1,234.56'::money", id="1234.56", property=Decimal("1234.56"), price=Decimal("1234.56")),
    of("'-$92233720368547758.08'::money", id="-92233720368547758.08"),
    of("ARRAY['1.50'::money, NULL]", property=[Decimal("1.5"), None]),
    of("'1.5'::cents", price=Decimal("1.5")),
    of("4000000000::oid", id="4000000000", property=4000000000, price=4000000000),
    of("ARRAY[4000000000::oid]", property=[4000000000]),
    of("'2026-11-29'::date", id="2026-11-29", time=MIDNIGHT),
    *(
        of(f"'{far}'::{kind}", id=far + "T00:00:00" * plain + zone, property=far + "T00:00:00" * plain + zone, time=INVALID)
        for far, plain in (("infinity", 0), ("-infinity", 0), ("200000-01-01", 1))
        for kind, zone in (("timestamp", ""), ("timestamptz", "+00:00" * plain))
    ),
    *(of(f"'{far}'::date", id=far, property=far, time=INVALID) for far in ("infinity", "-infinity", "5874897-12-31")),
    of("'4713-01-01 BC'::date", time=INVALID),
    of("'4713-01-01 BC'::timestamp", time=INVALID),
    of("'294276-12-31'::timestamp", time=INVALID),
    of("ARRAY['infinity'::date]", property=["infinity"]),
    of("ARRAY['-infinity'::timestamp]", property=["-infinity"]),
    of("'2026-11-29 10:00:00.999999'::timestamp", id="2026-11-29T10:00:00.999999", time=TEN),
    of("'2026-11-29 12:00:00+02'::timestamptz", id="2026-11-29T10:00:00+00:00", time=TEN),
    of("'10:00:00'::time", id="10:00:00", time=REFUSED),
    of("1.10::numeric", id="1.10", price=Decimal("1.1")),
    of("'NaN'::numeric", price="invalid_amount", time=INVALID),
    of("'-Infinity'::numeric", price="invalid_amount", time=INVALID),
    of(f"{TEN}.9999999999999::numeric", time=TEN),
    of("20261129::numeric(10, 2)", time=MIDNIGHT),
    of("20261129", time=MIDNIGHT),
    of("'NaN'::float8", id=ABSENT, property=ABSENT, price="invalid_amount", time=INVALID),
    of("0.1::real", id=REFUSED, property=Decimal("0.1"), time=REFUSED),
    of("true", id="true", property=True),
    of("'\"jo@example.com\"'::jsonb", email=digest("jo@example.com")),
    of("' \"A-1\" '::json", id="A-1", property="A-1"),
    of("'null'::jsonb", id=ABSENT, property=ABSENT, time="missing_timestamp"),
    of("'null'::json", id=ABSENT),
    of("'{\"a\": 1}'::jsonb", id='{"a": 1}'),
    of("'12.50'::jsonb", price=Decimal("12.5")),
    of(r"""'"\ud800"'::json""", id=r"\ud800"),
    of("ARRAY['\"jo@example.com\"'::jsonb]", email=digest("jo@example.com")),
    of("ARRAY['\"x\"'::jsonb]", property=["x"]),
    of("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", id="a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    of("'jo@example.com'::mail", email=digest("jo@example.com")),
    of("'a'::mood", id="a", property="a"),
    of("ARRAY['a'::mood]", property=["a"]),
    of("'A-1'::char(5)", id="A-1"),
    of("ROW(1, '\"x\"'::jsonb, '2'::money)::basket", property={"a": 1, "j": "x", "m": 2}),
    *(
        of(literal, **UNKNOWN)
        for literal in (
            "'8.8.8.8'::inet", "'8.8.8.0/24'::cidr", "'08:00:2b:01:02:03'::macaddr", "'1 day'::interval", "'101'::bit(3)",
            "'101'::varbit", "'\\x01ff'::bytea", "'(1,2)'::point", "'[1,5)'::int4range", "'{[1,5)}'::int4multirange",
            "'10:00:00+02'::timetz", "'a b'::tsvector", "'1'::xid8", "'0/0'::pg_lsn", "'$.a'::jsonpath", "'pg_class'::regclass",
        )
    ),
    *(of(f"ARRAY[{one}]", property=REFUSED) for one in ("'8.8.8.8'::inet", "'1 day'::interval", "'\\x01'::bytea")),
]  # fmt: skip


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    url = postgres.lasting_database()
    with psycopg.connect(url) as connection:
        for made in (
            "DOMAIN cents AS money",
            "DOMAIN mail AS text",
            "TYPE mood AS ENUM ('a', 'b')",
            "TYPE basket AS (a int, j jsonb, m money)",
        ):
            connection.execute(f"CREATE {made}".encode())
    return url


@pytest.mark.parametrize("case", list(parameters(POSTGRESQL)))
def test_postgresql(database: str, case: Type, tmp_path: Path) -> None:
    with opened(database, tmp_path) as source:
        check(source, case, tmp_path)


@pytest.mark.parametrize("places", [0, 2, 3])
def test_money_has_the_places_of_the_servers_locale(places: int) -> None:
    """PostgreSQL sends whole numbers; in Japan and Kuwait there are no or three digits behind the point."""
    sent = pa.schema([pa.field("x", pa.int64(), metadata={"POSTGRESQL:type": "money"})])
    types = PostgreSQLTypes(sent, frozenset(), places)
    (found,) = types.batch(pa.record_batch([pa.array([1234567, None, -5])], schema=sent)).to_pydict().values()
    assert found == [Decimal(1234567).scaleb(-places), None, Decimal(-5).scaleb(-places)]


def test_money_of_unknown_places_is_refused_by_name() -> None:
    sent = pa.schema([pa.field("x", pa.list_(pa.int64()), metadata={"POSTGRESQL:type": "_money"})])
    with pytest.raises(SourceError, match=r'The column "x" is of type money.*::numeric'):
        PostgreSQLTypes(sent, frozenset(), None)


@pytest.mark.parametrize("literal", ["ROW(1, 'x')", "ARRAY[ROW(1, 2)]"])
def test_a_row_without_a_type_is_refused_by_name(database: str, literal: str, tmp_path: Path) -> None:
    with opened(database, tmp_path) as source, pytest.raises(SourceError, match='The column "x" is a row'):
        column(source, literal)


SQLITE = [
    of("9223372036854775807", id="9223372036854775807", property=9223372036854775807),
    of("0.1", id="0.1", price=Decimal("0.1")),
    of("'2026-11-29 10:00:00'", time=TEN),
    of("20261129", time=MIDNIGHT),
    of("'20261129'", time=MIDNIGHT),
    of(f"{TEN}.75", time=TEN),
    of("x'6162'", id=REFUSED, property=REFUSED),
    of("9e999", id=ABSENT, price="invalid_amount", time=INVALID),
    of("json('{\"a\": 1}') ->> '$.a'", price=1),
    of("NULL", id=ABSENT),
]


@pytest.mark.parametrize("case", list(parameters(SQLITE)))
def test_sqlite(case: Type, tmp_path: Path) -> None:
    with opened("sqlite://", tmp_path) as source:
        check(source, case, tmp_path)


SNOWFLAKE = [
    of('PARSE_JSON(\'{"e": "jo@example.com"}\'):e', email=digest("jo@example.com")),
    of('PARSE_JSON(\'{"a": {"b": "A-1"}}\'):a.b', id="A-1", property="A-1"),
    of("PARSE_JSON('12.5')", price=Decimal("12.5")),
    of("PARSE_JSON('null')", id=ABSENT),
    of("TO_VARIANT(5)", id="5"),
    of("9007199254740993::NUMBER(38, 0)", id="9007199254740993"),
    of("1.5::NUMBER(38, 20)", price=Decimal("1.5")),
    of("'2026-11-29'::DATE", time=MIDNIGHT),
    of("'2026-11-29 10:00:00.999999'::TIMESTAMP_NTZ", time=TEN, id="2026-11-29T10:00:00.999999"),
    of("TRUE", property=True),
    of("'nan'::FLOAT", id=ABSENT, price="invalid_amount"),
]


@pytest.mark.parametrize("case", list(parameters(SNOWFLAKE)))
def test_snowflake(snowflake: Account, case: Type, tmp_path: Path) -> None:
    snowflake.set(expired=False, renewable=True, chunk_rows=1_000)
    settings = {"options": snowflake.server, "private_key_file": str(snowflake.private_key)}
    with opened(snowflake.url, tmp_path, **snowflake_login(settings)) as source:
        check(source, case, tmp_path)


def snowflake_login(settings: dict[str, Any]) -> dict[str, Any]:
    from tests.snowflake.account import PHRASE

    return {**settings, "private_key_passphrase": PHRASE}
