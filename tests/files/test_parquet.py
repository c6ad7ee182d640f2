"""Parquet files give the rows that are in them, each value with its type, and what is wrong with a file is told."""

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import FileRefused, SourceError
from connector.files.file_address import partitions, without_personal_partitions
from connector.files.parquet_reader import BATCH_ROWS
from tests.cli.command import connector, inside
from tests.cli.shop import NAME
from tests.cli.tiktok import serving
from tests.files.servers import s3
from tests.files.shop import file_shop
from tests.files.written import opened, read, refusal, rows_of, write
from tests.sources.test_types import ABSENT, INVALID, MIDNIGHT, REFUSED, TEN, digest, read_as

AT = dt.datetime.fromisoformat("2026-11-29T10:00:00.999999")
HASHED = digest("jo@example.com")
TYPES: dict[str, tuple[pa.Array, dict[str, Any]]] = {
    "dictionary": (pa.array(["jo@example.com", None]).dictionary_encode(), {"email": HASHED}),
    "large string": (pa.array(["jo@example.com", None], pa.large_string()), {"email": HASHED}),
    "string view": (pa.array(["jo@example.com", None], pa.string_view()), {"email": HASHED}),
    "list": (pa.array([["jo@example.com"], None]), {"email": HASHED, "id": REFUSED}),
    "large list": (pa.array([["jo@example.com"], None], pa.large_list(pa.string())), {"email": HASHED}),
    "binary": (pa.array([b"jo@example.com", None]), {"email": REFUSED, "id": REFUSED, "property": REFUSED}),
    "boolean": (pa.array([True, None]), {"id": "true", "property": True, "time": REFUSED}),
    "tiny integer": (pa.array([5, None], pa.int8()), {"id": "5", "property": 5, "price": 5}),
    "large integer": (pa.array([2**64 - 1, None], pa.uint64()), {"id": str(2**64 - 1), "property": 2**64 - 1}),
    "half": (pa.array([1.5, None], pa.float16()), {"price": Decimal("1.5"), "property": Decimal("1.5"), "id": REFUSED}),
    "float": (pa.array([0.1, None], pa.float32()), {"price": Decimal("0.1"), "property": Decimal("0.1")}),
    "not a number": (pa.array([float("nan"), None]), {"price": "invalid_amount", "property": ABSENT, "time": INVALID}),
    "decimal": (pa.array([Decimal("1.50"), None], pa.decimal128(38, 20)), {"id": "1.5", "price": Decimal("1.5")}),
    "seconds": (pa.array([AT.replace(microsecond=0), None], pa.timestamp("s")), {"time": TEN}),
    "nanoseconds": (pa.array([AT, None], pa.timestamp("ns")), {"time": TEN}),
    "zone": (pa.array([AT, None], pa.timestamp("us", "America/New_York")), {"time": TEN}),
    "date": (pa.array([AT.date(), None]), {"time": MIDNIGHT, "id": "2026-11-29"}),
    "structure": (pa.array([{"a": 1}, None]), {"property": {"a": 1}, "email": REFUSED}),
    "map": (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), {"property": {"k": 1}}),
    "null": (pa.array([None, None]), {"id": ABSENT, "property": ABSENT, "price": ABSENT, "time": "missing_timestamp"}),
}


def put(path: Path, **columns: Any) -> Path:
    """A Parquet file with these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("name", TYPES)
def test_each_type_is_read_as_its_own(tmp_path: Path, name: str) -> None:
    values, expected = TYPES[name]
    put(tmp_path / "f.parquet", x=values)
    with opened(tmp_path, "f.parquet") as source, source.execute("") as result:
        table = pa.Table.from_batches(result.batches(), result.schema)
    assert {role: read_as(role, table, tmp_path) for role in expected} == expected


@pytest.mark.parametrize(
    "values",
    [
        pa.array([Decimal("1.5")], pa.decimal256(50, 20)),
        pa.array([[Decimal("1.5")]], pa.list_(pa.decimal256(50, 20))),
        pa.array([{"a": 1.5}], pa.struct([("a", pa.float16())])),
    ],
    ids=lambda values: str(values.type),
)
def test_a_type_that_cannot_be_read_exactly_is_refused_by_name(tmp_path: Path, values: pa.Array) -> None:
    put(tmp_path / "f.parquet", x=values)
    assert refusal(FileRefused, tmp_path, "f.parquet").startswith('f.parquet: the column "x" holds values of type')


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=50),
    st.integers(1, 20),
    st.sampled_from(["snappy", "gzip", "zstd", "none"]),
)
def test_whatever_the_row_groups_and_the_compression_the_rows_are_those_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None], row_group: int, compression: str
) -> None:
    folder = tmp_path_factory.mktemp("written")
    pq.write_table(
        pa.table({"a": pa.array(values, pa.int64())}),
        folder / "f.parquet",
        row_group_size=row_group,
        compression=compression,
    )
    rows: list[Any] = rows_of(folder, "f.parquet")
    assert rows == [{"a": value} for value in values]


def test_folders_name_columns(tmp_path: Path) -> None:
    put(tmp_path / "day=2026-11-28" / "shop=A%2FB" / "1.parquet", id=["1"])
    put(tmp_path / "day=2026-11-29" / "shop=__HIVE_DEFAULT_PARTITION__" / "1.parquet", id=["2", "3"])
    assert rows_of(tmp_path, "**/*.parquet") == [
        {"id": "1", "day": "2026-11-28", "shop": "A/B"},
        {"id": "2", "day": "2026-11-29", "shop": None},
        {"id": "3", "day": "2026-11-29", "shop": None},
    ]


def test_a_column_of_the_file_goes_before_one_of_its_folders(tmp_path: Path) -> None:
    put(tmp_path / "day=2026-11-28" / "1.parquet", day=["Monday"])
    assert rows_of(tmp_path, "day=*/1.parquet") == [{"day": "Monday"}]
    put(tmp_path / "DAY=2026-11-28" / "1.parquet", day=["Monday"])
    assert rows_of(tmp_path, "DAY=*/1.parquet") == [{"day": "Monday"}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a=1/f.parquet", {"a": "1"}),
        ("a=/f.parquet", {"a": ""}),
        ("=1/f.parquet", {}),
        ("a/f=2.parquet", {}),
        ("a=b=c/f.parquet", {"a": "b=c"}),
    ],
)
def test_only_folders_with_a_name_and_a_value_are_columns(path: str, expected: dict[str, str]) -> None:
    assert dict(partitions(path)) == expected


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("in/day=2026-11-30/shop=114/f.parquet", "in/day=2026-11-30/shop=114/f.parquet"),
        ("in/month=2026-11/f.parquet", "in/month=2026-11/f.parquet"),
        ("in/email=jo@example.com/f.parquet", "in/email=[redacted]/f.parquet"),
        ("in/EMAIL=Jo/f.parquet", "in/EMAIL=[redacted]/f.parquet"),
        ("in/first_name=Ann/f.parquet", "in/first_name=[redacted]/f.parquet"),
        ("in/contact=jo%40example.com/f.parquet", "in/contact=[redacted]/f.parquet"),
        ("in/contact=212-555-2368/f.parquet", "in/contact=[redacted]/f.parquet"),
    ],
)
def test_a_folder_that_may_name_a_person_is_not_shown(path: str, shown: str) -> None:
    assert without_personal_partitions(path) == shown


def test_neither_a_message_nor_the_state_holds_a_value_of_a_folder_that_names_a_person(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = file_shop(tmp_path / "shop", tiktok.url, "in/**/*.parquet")
        columns = purchases(1)
        email = columns.pop("email")[0]
        put(made.directory / "in" / f"email={email}" / "1.parquet", **columns)
        first = connector("run", NAME, project=made.directory)
        assert first.code == 0, first.stderr
        assert [event["user"]["email"] for event in tiktok.events] == [digest(email)]
        put(made.directory / "in" / "email=other@example.com" / "1.parquet", other=[1])
        second = connector("run", NAME, project=made.directory)
    assert "There is no column" in second.stderr
    assert "@example.com" not in first.stdout + first.stderr + second.stderr
    kept = b"".join(path.read_bytes() for path in made.state.rglob("*") if path.is_file())
    assert b"@example.com" not in kept


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"a": [1], "c": ["x"]}, 'column 2 is renamed from "b" to "c"'),
        ({"a": [1]}, 'gone: "b"'),
        ({"b": ["x"], "a": [1]}, "the order is now"),
        ({"a": ["1"], "b": ["x"]}, 'the type of "a" is string in place of int64'),
    ],
)
def test_files_with_other_columns_are_refused_together(tmp_path: Path, second: dict[str, Any], told: str) -> None:
    put(tmp_path / "1.parquet", a=[1], b=["x"])
    put(tmp_path / "2.parquet", **second)
    message = refusal(FileRefused, tmp_path, "*.parquet")
    assert message.startswith("2.parquet: the columns differ from those of 1.parquet: ")
    assert told in message


def test_text_and_parquet_are_not_read_together(tmp_path: Path) -> None:
    put(tmp_path / "1.parquet", a=[1])
    write(tmp_path, "2.csv", "a\n1\n")
    assert "2.csv is text and 1.parquet is Parquet" in refusal(FileRefused, tmp_path, "*")


def test_a_format_of_text_does_not_go_with_parquet(tmp_path: Path) -> None:
    put(tmp_path / "1.parquet", a=[1])
    assert "leave `format` out" in refusal(FileRefused, tmp_path, "1.parquet", delimiter="comma")


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = b""
    elif how == "other":
        content = b"a,b\n1,2\n"
    elif how == "footer":
        content = content[:-8] + b"\xff\xff\xff\x7f" + content[-4:]
    else:
        content = content[:4] + b"\xff" * (len(content) // 2) + content[4 + len(content) // 2 :]
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "empty", "other", "footer", "pages"])
def test_a_file_that_is_damaged_is_told_without_its_values(tmp_path: Path, how: str) -> None:
    path = put(tmp_path / "f.parquet", email=[f"jo{number}@example.com" for number in range(10_000)])
    damaged(path, how)
    assert refusal(FileRefused, tmp_path, "f.parquet") == (
        "f.parquet is no Parquet file, is encrypted, or is damaged: write it again."
    )


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = put(tmp_path / "f.parquet", a=list(range(3 * BATCH_ROWS)))
    with opened(tmp_path, "f.parquet") as source, source.execute("") as result:
        batches = result.batches()
        next(batches)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        with pytest.raises(SourceError, match=r"f\.parquet changed while it was read"):
            list(batches)
        assert source.reading.files == []


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    put(tmp_path / "f.parquet", a=list(range(3 * BATCH_ROWS)))
    with opened(tmp_path, "f.parquet") as source, source.execute("") as result:
        batches = result.batches()
        next(batches)
        source.cancel()
        with pytest.raises(SourceError, match="reading was stopped"):
            list(batches)


def test_a_file_without_rows_has_columns(tmp_path: Path) -> None:
    put(tmp_path / "f.parquet", a=pa.array([], pa.string()))
    assert read(tmp_path, "f.parquet") == ([], [])


def purchases(rows: int, start: int = 0) -> dict[str, Any]:
    """The columns of so many good rows."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    numbers = range(start, start + rows)
    return {
        "order_id": [f"o{number}" for number in numbers],
        "timestamp": pa.array([now - dt.timedelta(hours=1)] * rows, pa.timestamp("us", "UTC")),
        "email": [f"customer.{number}@example.com" for number in numbers],
        "value": pa.array([Decimal("12.50")] * rows, pa.decimal128(12, 2)),
    }


def test_a_run_sends_the_rows_once_names_the_row_that_it_rejects_and_does_not_read_a_file_again(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = file_shop(tmp_path / "shop", tiktok.url, "in/*.parquet")
        good = purchases(3)
        put(made.directory / "in" / "1.parquet", **{**good, "email": [*good["email"][:2], "n/a"]})
        first = connector("run", NAME, "--json", project=made.directory).record()
        assert (first["rows"]["delivered"], first["rejects"]) == (2, {"missing_identity": 1})
        put(made.directory / "in" / "2.parquet", **purchases(2, start=10))
        again = connector("run", NAME, project=made.directory)
        assert again.code == 0, again.stderr
        assert "1.parquet was sent before" in again.stderr
        assert sorted(event["properties"]["order_id"] for event in tiktok.events) == ["o0", "o1", "o10", "o11"]


def test_it_is_validated_planned_and_compiled_as_a_query_is(tmp_path: Path) -> None:
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:1", "in.parquet")
    put(made.directory / "in.parquet", **purchases(3))
    assert inside("validate", NAME, "--connect", project=made.directory).code == 0
    assert json.loads(inside("plan", NAME, "--json", project=made.directory).stdout)["rows"]["read"] == 3
    assert inside("compile", NAME, project=made.directory).code == 0


def test_a_bucket_is_read_alike(tmp_path: Path) -> None:
    put(tmp_path / "files" / "day=2026-11-28" / "1.parquet", **purchases(3))
    put(tmp_path / "files" / "day=2026-11-29" / "1.parquet", **purchases(2, start=3))
    with serving() as tiktok, s3(tmp_path / "files") as server:
        made = file_shop(tmp_path / "shop", tiktok.url, f"{server.address}/**/*.parquet")
        ran = connector("run", NAME, "--json", project=made.directory, environ=server.environ)
        assert ran.record()["rows"]["delivered"] == 5
