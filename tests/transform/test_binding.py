"""Columns of which a parameter cannot be read."""

import pyarrow as pa
import pytest

from connector.errors import ConfigurationError
from connector.transform.binding import bind
from connector.transform.template import DataTemplate

EXACT = ("event_id", "order_id", "shop_id", "content_id", "event_source_id", "external_id", "phone", "zip_code", "timestamp")  # fmt: skip


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16()])
def test_a_column_of_short_floats_is_refused_by_name_where_digits_count(kind: pa.DataType) -> None:
    with pytest.raises(ConfigurationError) as refused:
        bind(DataTemplate("tiktok_events"), pa.schema([(name, kind) for name in EXACT]))
    for name, problem in zip(sorted(EXACT), sorted(str(refused.value).splitlines()), strict=True):
        assert f'{name}: the column "{name}" is of type {kind}' in problem
        assert "a number that is exact" in problem
