"""A service for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.notifications.service import Service, listening


@pytest.fixture
def service() -> Iterator[Service]:
    with listening() as running:
        yield running
