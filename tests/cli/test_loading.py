"""Garbage while a command is loaded, and after."""

import gc

import pytest

from connector.cli import process


def test_garbage_is_looked_for_again_once_all_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_configured", [True])
    with process.gc_paused():
        assert not gc.isenabled()
        made = [[number] for number in range(10)]
    assert gc.isenabled()
    assert not {id(one) for one in made} & {id(one) for one in gc.get_objects()}


def test_where_the_process_is_not_the_command_lines_own_nothing_is_kept_from_being_garbage() -> None:
    frozen = gc.get_freeze_count()
    with process.gc_paused():
        made = [[number] for number in range(10)]
    assert {id(one) for one in made} <= {id(one) for one in gc.get_objects()}
    assert gc.get_freeze_count() <= frozen


def test_it_is_looked_for_again_where_nothing_can_be_loaded() -> None:
    with pytest.raises(ModuleNotFoundError), process.gc_paused():
        raise ModuleNotFoundError
    assert gc.isenabled()
