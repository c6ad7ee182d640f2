"""DuckDB's types that do not come over Arrow as what they are: cast in the query, or converted afterwards."""

from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connector.errors import SourceError
from connector.sources.conversion import Conversion, list_conversion, struct_conversion
from connector.sources.json_text import JSON

_AS_TEXT = frozenset({"uhugeint", "bignum", "bit", "union", "time with time zone"})
"""Arrow has no such integers, the driver takes half of UHUGEINT for negative, and hands the others out as bytes."""

_JSON = "JSON"
_LEAST = Decimal(-(2**127))


def exact(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The relation with the columns cast whose values would be others over Arrow."""
    kinds = [(kind, _exact(kind)) for kind in relation.types]
    if all(wanted is None for _, wanted in kinds):
        return relation
    columns = (
        f"#{number}" if wanted is None else f"CAST(#{number} AS {wanted})"
        for number, (_, wanted) in enumerate(kinds, 1)
    )
    names = map(_quoted, relation.columns)
    return relation.project(", ".join(f"{column} AS {name}" for column, name in zip(columns, names, strict=True)))


def conversions(relation: duckdb.DuckDBPyRelation, schema: pa.Schema) -> list[Conversion]:
    """What becomes of each column after that: JSON is read as its text."""
    return [_conversion(field.name, kind, field.type) for kind, field in zip(relation.types, schema, strict=True)]


def _conversion(name: str, kind: Any, arrow: pa.DataType) -> Conversion:
    if str(kind) == _JSON:
        return JSON
    if kind.id in {"list", "array"}:
        return list_conversion(arrow, _conversion(name, dict(kind.children)["child"], arrow.value_type))
    if kind.id == "struct":
        children = zip(kind.children, arrow, strict=True)
        return struct_conversion(arrow, [_conversion(name, child, field.type) for (_, child), field in children])
    return Conversion(arrow, partial(_checked, name)) if kind.id == "hugeint" else Conversion(arrow)


def _checked(name: str, array: pa.Array) -> pa.Array:
    """Refuse the one number that has no counterpart above zero, on which the engine fails."""
    if len(array) and pc.min(array).as_py() == _LEAST:
        raise SourceError(f'The column "{name}" holds {_LEAST}, which cannot be read: cast it to VARCHAR in the query.')
    return array


def _exact(kind: Any) -> str | None:
    """The type to cast to, None where the type can stay."""
    if kind.id in _AS_TEXT:
        return "VARCHAR"
    if kind.id == "variant":
        return _JSON
    children = dict(kind.children) if kind.id in {"list", "array", "struct", "map"} else {}
    wanted = {name: _exact(child) for name, child in children.items() if name != "size"}
    if not any(wanted.values()):
        return None
    inner = {name: wanted[name] or str(children[name]) for name in wanted}
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{_quoted(name)} {one}' for name, one in inner.items())})"
    if kind.id == "map":
        return f"MAP({inner['key']}, {inner['value']})"
    return f"{inner['child']}[{children.get('size', '')}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
