"""Delta and Iceberg tables give the rows of their current snapshot, as the libraries that write them read them."""

import datetime as dt
import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import IntegerType, LongType, NestedField, StringType, StructType

from connector.config.file_format import FileFormat
from connector.errors import ConfigurationError, FileRefused
from connector.files.file_source import open_files
from connector.files.scan_report import FileInput
from tests.cli.command import inside
from tests.cli.shop import NAME
from tests.cli.tiktok import serving
from tests.files.servers import s3
from tests.files.shop import file_shop
from tests.files.splitting import in_one, in_splits
from tests.files.tables import added, column, commit, delete_rows, deletion_vector, iceberg
from tests.files.test_parquet import purchases
from tests.files.written import opened, refusal, rows_of, write

AT = dt.datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=dt.UTC)
VALUES = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "small": pa.array([1, None, 3], pa.int32()),
        "price": pa.array([Decimal("12.30"), None, Decimal("-0.01")], pa.decimal128(38, 2)),
        "ratio": pa.array([0.1, None, -0.0], pa.float64()),
        "narrow": pa.array([0.5, None, 1.5], pa.float32()),
        "flag": pa.array([True, None, False]),
        "name": pa.array(["Zoë 🎈", None, ""]),
        "raw": pa.array([b"\0x", None, b""]),
        "day": pa.array([AT.date(), None, dt.date(1, 1, 1)]),
        "at": pa.array([AT.replace(tzinfo=None), None, dt.datetime(9999, 12, 31)], pa.timestamp("us")),  # noqa: DTZ001
        "zoned": pa.array([AT, None, AT], pa.timestamp("us", "UTC")),
        "items": pa.array([["a", None], None, []], pa.list_(pa.string())),
        "place": pa.array([{"city": "Köln", "zip": None}, None, {"city": None, "zip": 1}]),
        "more": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    }
)


def write_delta(folder: Path | str, rows: pa.Table, **more: Any) -> None:
    write_deltalake(folder, rows, **more)


def write_iceberg(folder: Path, rows: pa.Table) -> None:
    iceberg(folder, rows.schema).append(rows)


WRITERS = {"delta": write_delta, "iceberg": write_iceberg}


def read(folder: Path, pattern: str = "t", **form: Any) -> pa.Table:
    return in_one(folder, pattern, **form).rows


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain(field.type)) for field in kind])
    return pa.string() if kind == pa.string_view() else kind


def by_library(folder: Path) -> pa.Table:
    """The rows as the library that writes such tables reads them, by id."""
    if (folder / "_delta_log").exists():
        rows = pa.table(DeltaTable(folder.as_uri()).scan())
        rows = rows.cast(pa.schema([(one.name, _plain(one.type)) for one in rows.schema]))
    else:
        rows = StaticTable.from_metadata(str(max((folder / "metadata").glob("*.metadata.json")))).scan().to_arrow()
    return rows.take(pc.sort_indices(rows["id"]))


def same(folder: Path) -> list[dict[str, Any]]:
    """Our rows, by id, once they are seen to be those of the library."""
    ours: list[dict[str, Any]] = read(folder.parent, folder.name).sort_by("id").to_pylist()
    assert ours == by_library(folder).to_pylist()
    return ours


@pytest.mark.parametrize("kind", WRITERS)
def test_each_type_is_read_as_its_own(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / "t", VALUES)
    rows = read(tmp_path)
    assert rows.schema.remove_metadata() == VALUES.schema
    assert rows.to_pylist() == VALUES.to_pylist()


@pytest.mark.parametrize("kind", WRITERS)
def test_a_table_without_rows_has_its_columns(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / "t", VALUES.slice(0, 0))
    assert read(tmp_path).schema.names == VALUES.schema.names
    assert len(read(tmp_path)) == 0


def test_a_table_that_was_never_written_to_has_its_columns(tmp_path: Path) -> None:
    iceberg(tmp_path / "t", VALUES.schema)
    DeltaTable.create(tmp_path / "u", VALUES.schema)
    assert read(tmp_path).schema.names == read(tmp_path, "u").schema.names == VALUES.schema.names


def test_a_delta_table_is_read_after_appends_deletes_updates_and_merges(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    write_delta(folder, pa.table({"id": range(10), "s": ["a"] * 10}))
    write_delta(folder, pa.table({"id": range(10, 20), "s": ["b"] * 10}), mode="append")
    table = DeltaTable(folder)
    table.delete("id % 4 = 0")
    table.update(predicate="id < 3", updates={"s": "'changed'"})
    new = pa.table({"id": [1, 99], "s": ["merged", "new"]})
    merge = table.merge(new, "t.id = s.id", source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    rows = {row["id"]: row["s"] for row in same(folder)}
    assert (rows[1], rows[2], rows[99], 4 in rows, len(rows)) == ("merged", "changed", "new", False, 16)
    table.create_checkpoint()
    assert len(same(folder)) == 16


def test_an_iceberg_table_is_read_after_appends_deletes_and_upserts(tmp_path: Path) -> None:
    table = iceberg(
        tmp_path / "t",
        Schema(
            NestedField(1, "id", LongType(), required=True), NestedField(2, "s", StringType()), identifier_field_ids=[1]
        ),
    )
    kind = pa.schema([pa.field("id", pa.int64(), nullable=False), ("s", pa.string())])
    table.append(pa.table({"id": range(10), "s": ["a"] * 10}, schema=kind))
    table.append(pa.table({"id": range(10, 20), "s": ["b"] * 10}, schema=kind))
    table.delete("id < 3")
    table.upsert(pa.table({"id": [5, 99], "s": ["merged", "new"]}, schema=kind))
    rows = {row["id"]: row["s"] for row in same(tmp_path / "t")}
    assert (rows[5], rows[99], 2 in rows, len(rows)) == ("merged", "new", False, 18)


def test_columns_that_are_added_renamed_reordered_widened_and_dropped_are_those_of_the_present_schema(
    tmp_path: Path,
) -> None:
    place = StructType(NestedField(4, "city", StringType()), NestedField(5, "zip", IntegerType()))
    fields = [(1, "id", LongType()), (2, "n", IntegerType()), (3, "place", place), (6, "gone", StringType())]
    table = iceberg(tmp_path / "t", Schema(*(NestedField(*field) for field in fields)))
    old = [{"id": 1, "n": 2, "place": {"city": "Köln", "zip": 5}, "gone": "x"}]
    table.append(pa.Table.from_pylist(old, schema=table.schema().as_arrow()))
    with table.update_schema() as change:
        change.delete_column("gone").rename_column("n", "number").update_column("n", LongType())
        change.rename_column("place.city", "town").add_column(("place", "country"), StringType())
    with table.update_schema() as change:
        change.add_column("gone", LongType()).move_first("number").update_column(("place", "zip"), LongType())
    new = [{"number": 2**40, "id": 2, "place": {"town": "Paris", "zip": 2**40, "country": "FR"}, "gone": 7}]
    table.append(pa.Table.from_pylist(new, schema=table.schema().as_arrow()))
    assert same(tmp_path / "t") == [
        {"number": 2, "id": 1, "place": {"town": "Köln", "zip": 5, "country": None}, "gone": None},
        *new,
    ]
    assert list(same(tmp_path / "t")[0]) == ["number", "id", "place", "gone"]


def test_columns_that_are_added_to_a_delta_table_are_null_in_older_rows(tmp_path: Path) -> None:
    write_delta(tmp_path / "t", pa.table({"id": [1], "place": [{"a": 1}]}))
    more = pa.table({"id": [2], "s": ["x"], "place": [{"a": 2, "b": "y"}]})
    write_delta(tmp_path / "t", more, mode="append", schema_mode="merge")
    assert same(tmp_path / "t")[0] == {"id": 1, "place": {"a": 1, "b": None}, "s": None}


PARTITIONS = pa.table(
    {
        "id": pa.array(range(5), pa.int64()),
        "shop ü": ["Köln", "a/b=c", "x%20y", None, " *?[1]"],
        "day": pa.array([dt.date(2026, 11, 20 + number) for number in range(4)] + [None]),
        "n": pa.array([1, -2, None, 2**40, 5], pa.int64()),
        "price": pa.array([Decimal("1.50"), None, Decimal("2.25"), Decimal(0), Decimal("9.99")], pa.decimal128(5, 2)),
        "flag": [True, False, None, True, False],
        "at": pa.array([dt.datetime(2026, 11, 20, 10, second) for second in range(4)] + [None], pa.timestamp("us")),  # noqa: DTZ001
    }
)


def test_partition_columns_of_a_delta_table_have_their_own_types(tmp_path: Path) -> None:
    folder = tmp_path / "tables ü" / "t"
    write_delta(folder.as_uri(), PARTITIONS, partition_by=PARTITIONS.column_names[1:])
    assert same(folder) == PARTITIONS.to_pylist()
    DeltaTable(folder.as_uri()).delete("id = 1")
    assert [row["id"] for row in same(folder)] == [0, 2, 3, 4]


def test_partition_columns_of_an_iceberg_table_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "tables ü" / "t"
    names = ["shop ü", "day", "n", "flag"]
    plain = iceberg(tmp_path / "other", PARTITIONS.schema).schema()
    schema = Schema(*(NestedField(one.field_id, one.name, one.field_type) for one in plain.fields))
    fields = [
        PartitionField(schema.find_field(name).field_id, 1000 + place, IdentityTransform(), f"p{place}")
        for place, name in enumerate(names)
    ]
    iceberg(folder, schema, partition_spec=PartitionSpec(*fields)).append(PARTITIONS)
    assert same(folder) == PARTITIONS.to_pylist()


def test_files_that_were_added_to_an_iceberg_table_are_read_by_their_names(tmp_path: Path) -> None:
    """Files without field ids, as any program writes them; a partition column may stand in the folder only."""
    schema = Schema(
        NestedField(1, "id", LongType()), NestedField(2, "s", StringType()), NestedField(3, "day", StringType())
    )
    table = iceberg(tmp_path / "t", schema)
    file = tmp_path / "t" / "data" / "old.parquet"
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": pa.array([1, 2], pa.int64()), "s": ["a", "b"]}), file)
    table.add_files([str(file)])
    with table.update_schema() as change:
        change.rename_column("s", "text")
    assert same(tmp_path / "t")[0] == {"id": 1, "text": "a", "day": None}


def test_deletion_vectors_of_delta_are_respected(tmp_path: Path) -> None:
    """In the log and in files; of paths that have to be quoted; a later one replaces an earlier one."""
    folder = tmp_path / "t"
    rows = pa.table({"id": pa.array(range(10), pa.int64())})
    more = pa.table({"id": pa.array(range(10, 20), pa.int64())})
    first = added(
        folder,
        "s%20%C3%BC=a%252Fb/1.parquet",
        rows,
        "s ü=a%2Fb/1.parquet",
        partitionValues={"s ü": "a/b"},
        deletionVector=deletion_vector([1, 3]),
    )
    second = added(folder, "2.parquet", more, partitionValues={"s ü": None})
    columns = [column("id", "long"), column("s ü", "string")]
    commit(folder, first, second, columns=columns, features=["deletionVectors"], partitions=["s ü"])
    assert [row["id"] for row in same(folder)] == [0, 2, *range(4, 20)]
    vector = deletion_vector([0, 9], folder)
    removed = {"path": second["add"]["path"], "deletionTimestamp": 0, "dataChange": True}
    commit(folder, {"remove": removed}, {"add": {**second["add"], "deletionVector": vector}})
    assert [row["id"] for row in same(folder)] == [0, 2, *range(4, 10), *range(11, 19)]
    assert in_one(tmp_path, "t").places[7:9] == [("t/2.parquet", 8), ("t/s ü=a/b/1.parquet", 1)]


@pytest.mark.parametrize("mode", ["name", "id"])
def test_columns_of_delta_that_are_mapped_are_read_by_their_mapping(tmp_path: Path, mode: str) -> None:
    """As after renaming: `b` is called as `a` was, and fields within columns are mapped too."""
    folder = tmp_path / "t"
    place = pa.struct([pa.field("col-4", pa.string(), metadata={"PARQUET:field_id": "4"})])
    kinds = [("col-1", pa.int64(), 1), ("col-2", pa.int32(), 2), ("col-3", place, 3)]
    schema = pa.schema(
        [pa.field(name, kind, metadata={"PARQUET:field_id": str(number)}) for name, kind, number in kinds]
    )
    rows = pa.Table.from_pylist([{"col-1": 1, "col-2": 2, "col-3": {"col-4": "x"}}], schema=schema)
    inner = {"type": "struct", "fields": [column("the city", "string", 4)]}
    columns = [
        column("id", "long", 1),
        column("col-1", "integer", 2),
        column("place", inner, 3),
        column("p q", "integer", 5),
        column("new", "date", 6),
    ]
    action = added(folder, "1.parquet", rows, partitionValues={"col-5": "7"})
    commit(folder, action, columns=columns, features=["columnMapping"], partitions=["p q"], mapping=mode)
    assert same(folder) == [{"id": 1, "col-1": 2, "place": {"the city": "x"}, "p q": 7, "new": None}]


def test_widened_columns_of_delta_and_times_as_spark_writes_them_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    late = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "id": pa.array([1], pa.int32()),
            "price": pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
            "day": [AT.date()],
            "at": pa.array([late], pa.timestamp("us")),
        }
    )
    file = folder / "1.parquet"
    folder.mkdir()
    pq.write_table(rows, file, use_deprecated_int96_timestamps=True)
    columns = [
        column("id", "long"),
        column("price", "decimal(12,3)"),
        column("day", "timestamp_ntz"),
        column("at", "timestamp"),
    ]
    features = ["typeWidening", "timestampNtz", "vacuumProtocolCheck", "v2Checkpoint"]
    commit(folder, added(folder, "1.parquet"), columns=columns, features=features)
    midnight = dt.datetime(2026, 11, 20)  # noqa: DTZ001
    assert read(tmp_path).to_pylist() == [{"id": 1, "price": Decimal("1.500"), "day": midnight, "at": late}]


def paths_of(folder: Path) -> list[str]:
    """The data files of an Iceberg table, in the order in which they are read."""
    return [f"{folder.parent}/{place[0]}" for place in dict.fromkeys(in_one(folder.parent, folder.name).places)]


def three_files(folder: Path, **more: Any) -> Any:
    table = iceberg(folder, pa.schema([("id", pa.int64()), ("s", pa.string())]), **more)
    for start in (0, 10, 20):
        table.append(pa.table({"id": pa.array(range(start, start + 10), pa.int64()), "s": [f"s{start}"] * 10}))
    return table


def test_rows_of_iceberg_that_are_deleted_by_their_numbers_are_left_out(tmp_path: Path) -> None:
    table = three_files(tmp_path / "t")
    paths = list(dict.fromkeys(f"{tmp_path}/{name}" for name, _ in in_one(tmp_path, "t").places))
    numbers = pa.table({"file_path": [paths[0], paths[0], paths[2]], "pos": pa.array([9, 0, 5], pa.int64())})
    delete_rows(table, numbers)
    assert [row["id"] for row in same(tmp_path / "t")] == [*range(1, 9), *range(10, 25), *range(26, 30)]


def test_deletion_vectors_of_iceberg_are_respected(tmp_path: Path) -> None:
    table = three_files(tmp_path / "t")
    paths = list(dict.fromkeys(f"{tmp_path}/{name}" for name, _ in in_one(tmp_path, "t").places))
    delete_rows(table, {paths[1]: [0, 1, 9], paths[2]: [3]})
    assert [row["id"] for row in same(tmp_path / "t")] == [*range(10), *range(12, 19), *range(20, 23), *range(24, 30)]


@pytest.mark.parametrize(
    ("values", "rows", "left"),
    [
        ([1], {"id": [0, 15, 99]}, [*range(1, 15), *range(16, 30)]),
        ([2], {"s": ["s10", "x"]}, [*range(10), *range(20, 30)]),
        ([1, 2], {"id": [0, 1, 11], "s": ["s0", "s10", "s10"]}, [*range(1, 11), *range(12, 30)]),
        ([1, 2], {"id": [0], "s": [None]}, [*range(30)]),
        ([1], {"id": [None]}, [*range(30)]),
    ],
)
def test_rows_of_iceberg_that_are_deleted_by_their_values_are_left_out(
    tmp_path: Path, values: list[int], rows: dict[str, Any], left: list[int]
) -> None:
    """pyiceberg itself reads no such table."""
    table = three_files(tmp_path / "t")
    kinds = {"id": (pa.int64(), "1"), "s": (pa.string(), "2")}
    schema = pa.schema([pa.field(name, kinds[name][0], metadata={"PARQUET:field_id": kinds[name][1]}) for name in rows])
    delete_rows(table, pa.table(rows, schema=schema), values=values)
    assert [row["id"] for row in read(tmp_path).to_pylist()] == left


def test_null_is_a_value_by_which_rows_are_deleted_and_later_rows_are_not(tmp_path: Path) -> None:
    table = iceberg(tmp_path / "t", pa.schema([("id", pa.int64()), ("s", pa.string())]))
    table.append(pa.table({"id": pa.array([1, 2], pa.int64()), "s": [None, "x"]}))
    schema = pa.schema([pa.field("s", pa.string(), metadata={"PARQUET:field_id": "2"})])
    newest = delete_rows(table, pa.table({"s": pa.array([None], pa.string())}, schema=schema), values=[2])
    assert [row["id"] for row in read(tmp_path).to_pylist()] == [2]
    content = json.loads(newest.read_text())
    assert content["last-sequence-number"] == 2


def test_values_are_deleted_in_their_partition_only(tmp_path: Path) -> None:
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "s", StringType()))
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "s"))
    table = three_files_of(tmp_path / "t", schema, spec)
    kind = pa.schema([pa.field("id", pa.int64(), metadata={"PARQUET:field_id": "1"})])
    delete_rows(table, pa.table({"id": pa.array([1], pa.int64())}, schema=kind), values=[1], partition=Record("a"))
    assert [(row["id"], row["s"]) for row in read(tmp_path).to_pylist()] == [(2, "a"), (1, "b"), (2, "b")]


def three_files_of(folder: Path, schema: Schema, spec: PartitionSpec) -> Any:
    table = iceberg(folder, schema, partition_spec=spec)
    for shop in ("a", "b"):
        table.append(pa.table({"id": pa.array([1, 2], pa.int64()), "s": [shop, shop]}))
    return table


@pytest.mark.parametrize("kind", WRITERS)
def test_splits_have_the_rows_of_one_reading(tmp_path: Path, kind: str) -> None:
    if kind == "delta":
        for start in range(0, 40, 10):
            write_delta(tmp_path / "t", pa.table({"id": range(start, start + 10)}), mode="append")
        DeltaTable(tmp_path / "t").delete("id = 15")
    else:
        three_files(tmp_path / "t").delete("id = 15")
    plan, divided = in_splits(tmp_path, "t", 3)
    assert len(plan.places) > 1
    assert divided == in_one(tmp_path, "t")
    assert divided.files[0].name == "t"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_split_is_read_from_the_snapshot_that_was_divided(tmp_path: Path, kind: str) -> None:
    table = three_files(tmp_path / "t") if kind == "iceberg" else None
    if table is None:
        for start in (0, 10, 20):
            write_delta(tmp_path / "t", pa.table({"id": range(start, start + 10)}), mode="append")
    file_input = FileInput(str(tmp_path / "t"), FileFormat(), tmp_path)
    with open_files(file_input) as driver, driver.splits("", 3, None, 1) as plan:
        places = list(plan.places)
    if table is not None:
        table.delete("id < 15")
    else:
        DeltaTable(tmp_path / "t").delete("id < 15")
    ids = []
    for place in places:
        with open_files(file_input, None, place) as source, source.execute_split("", place) as result:
            ids += [number for batch in result.batches() for number in batch["id"].to_pylist()]
    assert ids == [*range(30)]
    with open_files(file_input) as driver:
        assert driver.can_read("", places)
    with open_files(file_input) as driver, driver.execute("") as result:
        assert sum(batch.num_rows for batch in result.batches()) == 15


def test_a_table_of_one_data_file_is_one_split_and_says_why(tmp_path: Path) -> None:
    write_delta(tmp_path / "t", VALUES)
    plan, _ = in_splits(tmp_path, "t", 3)
    assert plan.note == "t is read by one task: it has one data file."


def test_a_commit_while_the_table_is_read_changes_nothing(tmp_path: Path) -> None:
    write_delta(tmp_path / "t", pa.table({"id": range(100_000)}))
    with opened(tmp_path, "t") as source, source.execute("") as result:
        batches = result.batches()
        count = next(batches).num_rows
        DeltaTable(tmp_path / "t").delete("id < 50000")
        assert count + sum(batch.num_rows for batch in batches) == 100_000
        assert len(source.reading.files) == 1


def vacuumed(folder: Path) -> None:
    write_delta(folder, VALUES)
    next(folder.glob("*.parquet")).unlink()


def vacuumed_iceberg(folder: Path) -> None:
    write_iceberg(folder, VALUES)
    next((folder / "data").glob("*.parquet")).unlink()


def damaged(folder: Path) -> None:
    write_delta(folder, VALUES)
    next(folder.glob("*.parquet")).write_bytes(b"no parquet")


def newer_feature(folder: Path) -> None:
    commit(folder, columns=[column("id", "long")], features=["rowsOfTomorrow"])


def newer_version(folder: Path) -> None:
    commit(folder, columns=[column("id", "long")], versions=(9, 9))


def managed(folder: Path) -> None:
    commit(folder, columns=[column("id", "long")], features=["catalogManaged"])


def variant(folder: Path) -> None:
    commit(folder, columns=[column("v", "variant")], features=["variantType"])


def variant_within(folder: Path) -> None:
    inner = {"type": "struct", "fields": [column("v", "variant")]}
    commit(folder, columns=[column("s", inner)], features=["variantType"])


def damaged_second_log(folder: Path) -> None:
    write_delta(folder, VALUES)
    (folder / "_delta_log" / f"{1:020}.json").write_text("{bad")


def damaged_log(folder: Path) -> None:
    write_delta(folder, VALUES)
    next((folder / "_delta_log").glob("*.json")).write_text("{")


def edited(folder: Path, **values: Any) -> None:
    write_iceberg(folder, VALUES)
    newest = max((folder / "metadata").glob("*.metadata.json"))
    newest.write_text(json.dumps(json.loads(newest.read_text()) | values))


def newer_iceberg(folder: Path) -> None:
    edited(folder, **{"format-version": 4})


def variant_iceberg(folder: Path) -> None:
    edited(folder, schemas=[{"schema-id": 0, "fields": [{"id": 1, "name": "v", "type": "variant", "required": False}]}])


def variant_within_iceberg(folder: Path) -> None:
    inner = {"id": 2, "name": "v", "type": "variant", "required": False}
    outer = {"id": 1, "name": "s", "type": {"type": "struct", "fields": [inner]}, "required": False}
    edited(folder, schemas=[{"schema-id": 0, "fields": [outer]}])


def expired(folder: Path) -> None:
    edited(folder, snapshots=[])


def two_newest(folder: Path) -> None:
    write_iceberg(folder, VALUES)
    newest = max((folder / "metadata").glob("*.metadata.json"))
    shutil.copy(newest, newest.with_name(f"{newest.name[:5]}-other.metadata.json"))


def cut(folder: Path) -> None:
    write_iceberg(folder, VALUES)
    newest = max((folder / "metadata").glob("*.metadata.json"))
    newest.write_text(newest.read_text()[:50])


def lost_manifest(folder: Path) -> None:
    write_iceberg(folder, VALUES)
    next((folder / "metadata").glob("*-m0.avro")).unlink()


def damaged_manifest(folder: Path) -> None:
    write_iceberg(folder, VALUES)
    next((folder / "metadata").glob("*-m0.avro")).write_bytes(b"Obj\1 and nothing more")


REFUSED: dict[Callable[[Path], None], str] = {
    vacuumed: r"t/part-.*\.parquet is missing, a data file of version 0 of the Delta table: it was deleted, perhaps by a vacuum",
    vacuumed_iceberg: r"t/data/.*\.parquet is missing, a data file of snapshot \d+ of the Iceberg table",
    damaged: r"t/part-.*\.parquet is no Parquet file, is encrypted, or is damaged: write it again\.",
    newer_feature: r"t is a Delta table that needs newer features .*: Feature 'rowsOfTomorrow' .* Write a copy without them\.",
    newer_version: r"t is a Delta table that needs newer features .* version 9",
    managed: r"t is a Delta table that needs newer features .* catalog-managed",
    variant: r't: the column "v" holds values of type variant, which are not read',
    variant_within: r't: the column "s.v" holds values of type variant, which are not read',
    variant_within_iceberg: r't: the column "s.v" holds values of type variant, which are not read',
    damaged_second_log: r"t could not be read as a Delta table: Kernel error: (?!.* 0: )",
    damaged_log: r"t could not be read as a Delta table",
    newer_iceberg: r"t is an Iceberg table of format version 4, and versions up to 3 are read\.",
    variant_iceberg: r't: the column "v" holds values of type variant, which are not read',
    expired: r"t has no snapshot \d+ any more: it was expired\.",
    two_newest: r"t has several newest metadata files, .* and .*: set `file` to the one that its catalog names\.",
    cut: r"t is no Iceberg table, or is damaged",
    lost_manifest: r"There is no file t/metadata/.*-m0\.avro\.",
    damaged_manifest: r"t is no Iceberg table, or is damaged",
}


@pytest.mark.parametrize("made", REFUSED, ids=lambda made: made.__name__)
def test_what_is_wrong_with_a_table_is_told_in_one_sentence(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "t")
    with pytest.raises((FileRefused, Exception), match=REFUSED[made]) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    assert "Zoë" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "form", "message"),
    [
        ("t", {"name": "iceberg"}, "There is no Iceberg table t"),
        ("i", {"name": "delta"}, "There is no Delta table i"),
        ("t*", {"name": "delta"}, "a table is one folder"),
        ("t", {"delimiter": "comma"}, "t is a table: set `format` to delta, or leave it out"),
        ("empty", {}, "empty is a folder: name its files"),
        ("nothing", {}, "nothing has a type that is not supported"),
        ("nothing", {"name": "delta"}, "There is no Delta table nothing"),
        ("nothing", {"name": "iceberg"}, "There is no Iceberg table nothing"),
    ],
)
def test_an_address_that_is_no_such_table_is_refused(
    tmp_path: Path, pattern: str, form: dict[str, Any], message: str
) -> None:
    write_delta(tmp_path / "t", VALUES)
    write_iceberg(tmp_path / "i", VALUES)
    (tmp_path / "empty").mkdir()
    assert message in refusal(FileRefused, tmp_path, pattern, **form)


def test_a_table_is_named_by_its_folder_with_or_without_its_format_or_by_its_metadata_file(tmp_path: Path) -> None:
    write_delta(tmp_path / "t.parquet", VALUES)
    write_iceberg(tmp_path / "i", VALUES)
    metadata = sorted((tmp_path / "i" / "metadata").glob("*.metadata.json"))
    for pattern, form in [
        ("t.parquet/", {}),
        ("t.parquet", {"name": "delta"}),
        ("i/", {"name": "iceberg"}),
        (f"i/metadata/{metadata[-1].name}", {}),
    ]:
        assert read(tmp_path, pattern, **form).to_pylist() == VALUES.to_pylist()
    assert len(read(tmp_path, f"i/metadata/{metadata[0].name}")) == 0


def test_an_iceberg_table_that_was_moved_is_read_where_it_is(tmp_path: Path) -> None:
    three_files(tmp_path / "t")
    shutil.move(tmp_path / "t", tmp_path / "moved")
    assert len(read(tmp_path, "moved")) == 30
    assert in_one(tmp_path, "moved").places[0][0].startswith("moved/data/")


def test_a_metadata_file_may_be_compressed(tmp_path: Path) -> None:
    import gzip

    write_iceberg(tmp_path / "t", VALUES)
    newest = max((tmp_path / "t" / "metadata").glob("*.metadata.json"))
    newest.with_name(newest.name.replace(".metadata", ".gz.metadata")).write_bytes(gzip.compress(newest.read_bytes()))
    newest.unlink()
    assert len(read(tmp_path)) == 3


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_driver_names_the_extra(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.files import file_address

    WRITERS[kind](tmp_path / "t", VALUES)
    monkeypatch.setattr(file_address, "find_spec", lambda _: None)
    for form in ({}, {"name": kind}):
        with pytest.raises(ConfigurationError, match=rf"sql-to-tiktok\[{kind}\]"):
            read(tmp_path, **form)


def test_a_personal_partition_is_not_shown(tmp_path: Path) -> None:
    write_delta(tmp_path / "t", pa.table({"id": [1], "email": ["jo@example.com"]}), partition_by=["email"])
    assert in_one(tmp_path, "t").places[0][0].startswith("t/email=[redacted]/")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_run_sends_a_snapshot_once(tmp_path: Path, kind: str) -> None:
    with serving() as tiktok:
        made = file_shop(tmp_path / "shop", tiktok.url, "in.parquet", format=kind)
        good = pa.table(purchases(3))
        if kind == "iceberg":
            table = iceberg(made.directory / "in.parquet", good.schema)
            table.append(good)
        else:
            write_delta(made.directory / "in.parquet", good)
        first = json.loads(inside("run", NAME, "--json", project=made.directory).stdout)
        assert first["rows"]["delivered"] == 3
        again = inside("run", NAME, project=made.directory)
        assert "in.parquet was sent before" in again.stderr
        rejected = pa.table({**purchases(2, start=3), "email": ["n/a", "jo@example.com"]})
        if kind == "iceberg":
            table.append(rejected)
        else:
            write_delta(made.directory / "in.parquet", rejected, mode="append")
        third = inside("run", NAME, project=made.directory)
        assert sorted(event["properties"]["order_id"] for event in tiktok.events) == ["o0", "o1", "o2", "o4"]
        assert third.code == 0, third.stderr
        assert inside("validate", NAME, "--connect", project=made.directory).code == 0
        assert json.loads(inside("plan", NAME, "--json", project=made.directory).stdout)["rows"]["read"] == 0


@pytest.mark.parametrize("kind", WRITERS)
def test_a_bucket_is_read_alike(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{kind} ü"
    WRITERS[kind](tmp_path / "files" / name, VALUES)
    if kind == "delta":
        DeltaTable(tmp_path / "files" / name).delete("id = 2")
    with s3(tmp_path / "files") as server:
        for variable, value in server.environ.items():
            monkeypatch.setenv(variable, value)
        address = f"{server.address}/{name}"
        rows = read(tmp_path, address)
        assert rows.to_pylist() == read(tmp_path / "files", name).to_pylist()
        assert read(tmp_path, address, name=kind) == rows
        with pytest.raises(FileRefused, match="There is no file s3://exports/daily/other"):
            read(tmp_path, f"{server.address}/other")


CHANGES = st.lists(
    st.tuples(st.sampled_from(["append", "delete", "update", "merge", "tidy"]), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)


@pytest.mark.thorough
@given(CHANGES)
@settings(max_examples=25, deadline=None)
def test_whatever_is_written_to_a_delta_table_its_rows_are_those_of_the_last_version(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("delta") / "t"
    write_delta(
        folder,
        pa.table({"id": range(5), "p": [number % 2 for number in range(5)], "s": ["first"] * 5}),
        partition_by=["p"],
    )
    present = dict.fromkeys(range(5), "first")
    for number, (change, low, high) in enumerate(changes):
        table, ids, text = DeltaTable(folder), range(min(low, high), max(low, high)), f"s{number}"
        if change == "delete":
            table.delete(f"id >= {ids.start} AND id < {ids.stop}")
            present = {one: value for one, value in present.items() if one not in ids}
        elif change == "update":
            table.update(predicate=f"id >= {ids.start} AND id < {ids.stop}", updates={"s": f"'{text}'"})
            present |= {one: text for one in present if one in ids}
        elif change == "tidy":
            table.optimize.compact()
            table.create_checkpoint()
        elif change == "merge" and ids:
            rows = pa.table({"id": ids, "p": [one % 2 for one in ids], "s": [text] * len(ids)})
            merge = table.merge(rows, "t.id = s.id", source_alias="s", target_alias="t")
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
            present |= dict.fromkeys(ids, text)
        elif change == "append":
            new = [one + 10 * (number + 1) for one in ids]
            rows = pa.table(
                {
                    "id": pa.array(new, pa.int64()),
                    "p": pa.array([one % 2 for one in new], pa.int64()),
                    "s": pa.array([text] * len(new)),
                }
            )
            write_delta(folder, rows, mode="append")
            present |= dict.fromkeys(new, text)
    ours = read(folder.parent, "t").sort_by("id").to_pylist()
    assert ours == [{"id": one, "p": one % 2, "s": present[one]} for one in sorted(present)]


def test_text_is_still_read(tmp_path: Path) -> None:
    write(tmp_path, "f.csv", "a\n1\n")
    assert rows_of(tmp_path, "f.csv") == [{"a": "1"}]
