"""Garbage while a command is loaded, and after."""

import gc
from collections.abc import Iterator

import pytest

from connector.cli.loading import loading


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_garbage_is_looked_for_again_once_all_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()
        made = [[number] for number in range(10)]
    assert gc.isenabled()
    assert not {id(one) for one in made} & {id(one) for one in gc.get_objects()}


def test_it_is_looked_for_again_where_nothing_can_be_loaded() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        raise ModuleNotFoundError
    assert gc.isenabled()
