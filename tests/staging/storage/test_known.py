"""Sieves and sets of keys say what Python's sets say."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import KEY
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.keys import Keys, keys_from
from connector.staging.storage.prefix_filter import KeySet, PrefixFilter

QUICK = settings(max_examples=200, deadline=None, derandomize=True)
HALF = st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1), st.sampled_from([2**63, 2**64 - 1, 2**16, 2**32]))
KEYS = st.lists(st.tuples(HALF, HALF), max_size=40)
"""As (lower half, upper half): many with an equal lower half, and many that are repeated."""

Pairs = list[tuple[int, int]]


def array(pairs: Pairs) -> Keys:
    return np.array(pairs, np.uint64).reshape(-1, 2)


def pairs(keys: Keys) -> Pairs:
    return [(int(low), int(high)) for low, high in keys]


def halves(of: Pairs) -> "np.typing.NDArray[np.uint64]":
    return np.array(sorted({low for low, _ in of}), np.uint64)


@QUICK
@given(KEYS, KEYS)
def test_a_set_has_the_keys_it_was_made_of_and_no_others(inside: Pairs, asked: Pairs) -> None:
    known = KeySet(array(inside))
    both = asked + inside
    assert known.contains(array(both)).tolist() == [one in set(inside) for one in both]


@QUICK
@given(KEYS, KEYS)
def test_a_sieve_lets_through_what_shares_its_lower_half_in_the_order_it_came(wanted: Pairs, asked: Pairs) -> None:
    lows = {low for low, _ in wanted}
    both = asked + wanted
    assert pairs(PrefixFilter(halves(wanted)).candidates(array(both))) == [one for one in both if one[0] in lows]


@QUICK
@given(KEYS, KEYS)
def test_a_set_of_what_a_sieve_let_through_is_as_good_as_one_of_all(wanted: Pairs, known: Pairs) -> None:
    likely = KeySet(PrefixFilter(halves(wanted)).candidates(array(known)))
    assert likely.contains(array(wanted)).tolist() == [one in set(known) for one in wanted]


def test_equal_lower_halves_do_not_make_keys_equal() -> None:
    known = KeySet(array([(7, 1), (7, 2), (7, 2), (7, 9), (8, 3)]))
    asked = [(7, high) for high in range(10)] + [(8, 2), (6, 1), (9, 3)]
    assert [one for one, has in zip(asked, known.contains(array(asked)), strict=True) if has] == [
        (7, 1),
        (7, 2),
        (7, 9),
    ]


def test_nothing_is_in_nothing() -> None:
    assert KeySet(array([])).contains(array([(0, 0), (1, 1)])).tolist() == [False, False]
    assert KeySet(array([(0, 0)])).contains(array([])).tolist() == []
    assert pairs(PrefixFilter(halves([])).candidates(array([(0, 0)]))) == []
    assert pairs(PrefixFilter(halves([(0, 0)])).candidates(array([]))) == []


def test_keys_are_read_as_they_were_written() -> None:
    assert pairs(keys_from(b"")) == []
    assert pairs(keys_from(bytes(range(32)))) == [
        (int.from_bytes(bytes(range(start, start + 8)), "little"), int.from_bytes(bytes(range(start + 8, start + 16)), "little"))
        for start in (0, 16)
    ]  # fmt: skip


@settings(QUICK, max_examples=60)
@given(st.lists(KEYS, max_size=4), st.integers(1, 7))
def test_shares_are_all_lower_halves_sorted_and_each_once(slices: list[Pairs], at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = KeyFile(Path(folder))
        for some in slices:
            file.add("events.arrow", pa.array([as_bytes(one) for one in some], KEY))
        shares = [share.tolist() for share in file.partitions(at_once)]
        file.remove()
    assert all(share == sorted(set(share)) for share in shares)
    assert all(shares)
    found = [low for share in shares for low in share]
    assert sorted(found) == sorted({low for some in slices for low, _ in some})


def as_bytes(key: tuple[int, int]) -> bytes:
    return key[0].to_bytes(8, "little") + key[1].to_bytes(8, "little")
