"""Types that MariaDB does not have come from MySQL as its protocol describes them."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pymysql.constants import FIELD_TYPE

from connector.sources.mysql_types import column_conversion

VECTOR = 242
TYPES: dict[str, tuple[int, int, list[bytes | None], pa.DataType, list[Any]]] = {
    "JSON": (
        FIELD_TYPE.JSON,
        63,
        [b'"jo"', b"null", b'{"a": 1}', b"1.5", None],
        pa.string(),
        ["jo", None, '{"a": 1}', "1.5", None],
    ),
    "VECTOR": (VECTOR, 63, [b"\0\0\200?"], pa.binary(), [b"\0\0\200?"]),
    "text of a later type": (200, 255, ["Zoë".encode()], pa.string(), ["Zoë"]),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_type_of_mysql_is_read(name: str) -> None:
    code, charset, sent, kind, values = TYPES[name]
    column = SimpleNamespace(name="c", type_code=code, charsetnr=charset, length=100, scale=0, flags=0)
    conversion = column_conversion(column)
    found = conversion(pa.array(sent, pa.binary()))
    assert (conversion.kind, found.type, found.to_pylist()) == (kind, kind, values)
