"""Columns and constants that a parameter cannot be read from."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from connector.catalogue import AUDIENCES, EVENTS
from connector.errors import ConfigurationError
from connector.transform.binding import bind
from connector.transform.template import Constant, DataTemplate, load_template

EXACT = ("event_id", "order_id", "shop_id", "content_id", "event_source_id", "external_id", "phone", "zip_code", "timestamp")  # fmt: skip


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16()])
def test_a_column_of_short_floats_is_refused_by_name_where_digits_count(kind: pa.DataType) -> None:
    with pytest.raises(ConfigurationError) as refused:
        bind(DataTemplate("tiktok_events"), pa.schema([(name, kind) for name in EXACT]))
    for name, problem in zip(sorted(EXACT), sorted(str(refused.value).splitlines()), strict=True):
        assert f'{name}: the column "{name}" is of type {kind}' in problem
        assert "a number that is exact" in problem


def constants(directory: Path, catalogue: object, **values: object) -> DataTemplate:
    parameters = {name: {"value": value} for name, value in values.items()}
    (directory / "own.yaml").write_text(yaml.safe_dump({"parameters": parameters}))
    chosen = AUDIENCES if catalogue is AUDIENCES else EVENTS
    return load_template("own", directory, lambda text, _file, _line: text.replace("{{ country }}", "Germnay"), chosen)


@pytest.mark.parametrize("catalogue", [EVENTS, AUDIENCES])
@pytest.mark.parametrize("written", ["Germnay", "XX", "49", " Germnay ", 49, "{{ country }}"])
def test_a_constant_that_is_no_country_is_refused_once(tmp_path: Path, catalogue: object, written: object) -> None:
    with pytest.raises(ConfigurationError) as refused:
        constants(tmp_path, catalogue, country=written, phone_region=written)
    for name, problem in zip(("country", "phone_region"), refused.value.problems, strict=True):
        plain = str(written).strip().replace("{{ country }}", "Germnay")
        assert (
            problem.message
            == f'{name} is "{plain}", which is not a country: write its code or its name, such as DE or Germany.'
        )
        assert problem.line


@pytest.mark.parametrize("catalogue", [EVENTS, AUDIENCES])
@pytest.mark.parametrize("written", ["DE", "deu", " Germany ", "", "n/a", None])
def test_a_constant_that_is_a_country_or_nothing_is_taken(tmp_path: Path, catalogue: object, written: object) -> None:
    template = constants(tmp_path, catalogue, country=written)
    assert template.sources["country"] == Constant("" if written is None else written)  # type: ignore[arg-type]


def zoned(directory: Path, zone: object) -> DataTemplate:
    """A template whose times are of this zone."""
    timestamp = {"column": "sold_at", "timezone": zone}
    (directory / "own.yaml").write_text(yaml.safe_dump({"parameters": {"timestamp": timestamp, "email": "email"}}))
    return load_template("own", directory, lambda text, _file, _line: text)


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "America", "../UTC", "/etc/localtime", "", " ", "UTC ", "+02:00", 5, True]
)
def test_a_zone_of_times_that_is_none_is_refused(tmp_path: Path, zone: object) -> None:
    with pytest.raises(ConfigurationError, match="is not an IANA time zone"):
        zoned(tmp_path, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "EST5EDT", "Etc/GMT+5", "Asia/Kolkata"])
def test_a_zone_of_times_is_one_of_the_iana_database(tmp_path: Path, zone: str) -> None:
    assert zoned(tmp_path, zone)
