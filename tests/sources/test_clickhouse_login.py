"""Arguments of ClickHouse's driver, from the settings of a warehouse."""

import pytest

from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError
from connector.sources.clickhouse import _connect_arguments


@pytest.mark.parametrize(
    ("behind", "arguments"),
    [
        ("/x", {"secure": True}),
        (":8443/x", {"secure": True}),
        (":8123/x", {"secure": False}),
        (":9999/x", {"secure": False}),
        (":9999/x?secure=1", {"secure": True}),
        (":9999/x?secure=YES", {"secure": True}),
        ("/x?secure=false", {"secure": False}),
        ("/x?verify=false", {"secure": True, "verify": False}),
        ("/x?verify=proxy", {"secure": True, "verify": "proxy"}),
        ("/x?interface=http", {"interface": "http"}),
    ],
)
def test_a_connection_is_encrypted_unless_the_url_says_otherwise(behind: str, arguments: dict[str, object]) -> None:
    given = _connect_arguments(Warehouse.model_validate({"name": "w", "url": f"clickhouse://reader@db{behind}"}))
    assert {name: given[name] for name in ("secure", "verify", "interface") if name in given} == arguments


@pytest.mark.parametrize("option", ["secure=perhaps", "verify=on", "verify=ture", "secure=proxy"])
def test_a_word_that_would_switch_protection_off_is_refused(option: str) -> None:
    """The driver takes every word that it does not know as false."""
    warehouse = Warehouse.model_validate({"name": "w", "url": f"clickhouse://reader@db/x?{option}"})
    with pytest.raises(ConfigurationError, match="must be true or false"):
        _connect_arguments(warehouse)
