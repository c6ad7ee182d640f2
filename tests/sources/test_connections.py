"""Connections: encrypted unless the settings say otherwise, and told when another protocol answers, or nothing."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError, SourceError
from connector.sources.clickhouse import _connect_arguments
from tests.sources.warehouses import opened


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


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of a server that greets as another protocol does, with a person's address in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"\x15\x03jo@example.com\n\n")

        Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("url", ["clickhouse://jo@127.0.0.1:{port}/x", "trino://jo@127.0.0.1:{port}/hive/x"])
def test_a_port_that_speaks_no_http_is_told_as_such(stranger: int, tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="could not be opened: .*the answer is not HTTP") as caught:
        with opened(url.format(port=stranger), tmp_path) as source:
            source.describe("SELECT 1")
    assert "jo@" not in caught.value.message


@pytest.mark.parametrize("url", ["clickhouse://jo@127.0.0.1:1/x?secure=0", "trino://jo@127.0.0.1:1/hive/x"])
def test_a_port_where_nothing_listens_is_told_in_a_few_words(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=r"could not be opened: .*Connection refused") as caught:
        with opened(url, tmp_path) as source:
            source.describe("SELECT 1")
    assert "Pool" not in caught.value.message and "retries" not in caught.value.message


def test_a_server_of_mysql_that_never_greets_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://jo@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=1"
        with pytest.raises(SourceError, match="could not be opened: .*timed out"), opened(url, tmp_path):
            pass


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "1m"])
def test_a_time_limit_of_trino_is_a_number_of_seconds(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f'is "{value}"; it must be a number of seconds'):
        with opened(f"trino://jo@127.0.0.1:1/hive/x?request_timeout={value}", tmp_path):
            pass
