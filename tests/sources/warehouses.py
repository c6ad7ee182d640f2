"""Warehouses as the settings name them."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from connector.config.warehouse import Warehouse
from connector.sources.registry import open_source
from connector.sources.source import Source


def warehouse(url: str, **settings: Any) -> Warehouse:
    """A warehouse called `shop`."""
    return Warehouse.model_validate({"name": "shop", "url": url, **settings})


def opened(url: str, directory: Path, **settings: Any) -> AbstractContextManager[Source]:
    """A connection to it."""
    return open_source(warehouse(url, **settings), directory)
