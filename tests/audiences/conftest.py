from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.simulator.server import Simulator
from tests.audiences.shop import Shop, open_shop
from tests.ledger.conftest import new_url

__all__ = ["new_url"]


@pytest.fixture
def tiktok() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def shop(tmp_path: Path, tiktok: Simulator) -> Shop:
    return open_shop(tmp_path / "shop", tiktok.url)
