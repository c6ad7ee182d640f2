"""DuckDB types that Arrow does not represent: cast in the query, or converted afterwards."""

from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connector.errors import SourceError
from connector.sources.array_conversion import Conversion, list_conversion, struct_conversion
from connector.sources.json_text import JSON

_TEXT_TYPES = frozenset({"uhugeint", "bignum", "bit", "union", "time with time zone"})
"""Types without an Arrow type: the driver reads half of UHUGEINT as negative, and returns the others as bytes."""

_JSON = "JSON"
_UNREADABLE = Decimal(-(2**127))


def cast_lossy_columns(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Cast the columns whose values would change over Arrow."""
    kinds = [(kind, _cast_type(kind)) for kind in relation.types]
    if all(cast_type is None for _, cast_type in kinds):
        return relation
    columns = (
        f"#{number}" if cast_type is None else f"CAST(#{number} AS {cast_type})"
        for number, (_, cast_type) in enumerate(kinds, 1)
    )
    names = map(_quote, relation.columns)
    return relation.project(", ".join(f"{column} AS {name}" for column, name in zip(columns, names, strict=True)))


def column_conversions(relation: duckdb.DuckDBPyRelation, schema: pa.Schema) -> list[Conversion]:
    """Return the conversion of each cast column: JSON is read as its text."""
    return [_conversion(field.name, kind, field.type) for kind, field in zip(relation.types, schema, strict=True)]


def _conversion(name: str, kind: Any, arrow: pa.DataType) -> Conversion:
    if str(kind) == _JSON:
        return JSON
    if kind.id in {"list", "array"}:
        return list_conversion(arrow, _conversion(name, dict(kind.children)["child"], arrow.value_type))
    if kind.id == "struct":
        children = zip(kind.children, arrow, strict=True)
        return struct_conversion(arrow, [_conversion(name, child, field.type) for (_, child), field in children])
    return Conversion(arrow, partial(_check_range, name)) if kind.id == "hugeint" else Conversion(arrow)


def _check_range(name: str, array: pa.Array) -> pa.Array:
    """Refuse the one number without a positive counterpart, on which the engine fails."""
    if len(array) and pc.min(array).as_py() == _UNREADABLE:
        raise SourceError(
            f'The column "{name}" holds {_UNREADABLE}, which cannot be read: cast it to VARCHAR in the query.'
        )
    return array


def _cast_type(kind: Any) -> str | None:
    """Return the type to cast to, or None if the type can stay."""
    if kind.id in _TEXT_TYPES:
        return "VARCHAR"
    if kind.id == "variant":
        return _JSON
    children = dict(kind.children) if kind.id in {"list", "array", "struct", "map"} else {}
    cast_types = {name: _cast_type(child) for name, child in children.items() if name != "size"}
    if not any(cast_types.values()):
        return None
    inner = {name: cast_types[name] or str(children[name]) for name in cast_types}
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{_quote(name)} {one}' for name, one in inner.items())})"
    if kind.id == "map":
        return f"MAP({inner['key']}, {inner['value']})"
    return f"{inner['child']}[{children.get('size', '')}]"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
