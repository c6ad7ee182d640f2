"""Read phone numbers with a country code, and North American ones without, a column at a time.

One pattern for all numbering plans takes longer to be made ready for a slice of rows than its numbers take here.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.transform.phone_plans import NATIONAL_NUMBERS
from connector.transform.texts import in_memory

_MOST_DIGITS = 20
_LONGEST_CODE = 3
_MOST_BETWEEN = 3
_NANP_DIGITS = 10
_NOTHING = pa.scalar(None, pa.string())

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Bounds = npt.NDArray[np.int32]


def international(texts: pa.StringArray) -> pa.StringArray:
    """Return the E.164 form of each number with a country code; NULL for other texts and impossible numbers.

    Between two digits may stand up to three blanks, points, hyphens and brackets. What is possible is what
    phonenumbers says, of which phone_plans.py is the metadata.
    """
    bounds, data = in_memory(texts)
    characters = np.frombuffer(data, np.uint8)
    some = np.flatnonzero(np.diff(bounds) > _LONGEST_CODE)
    with_code = some[characters[bounds[some]] == ord("+")]
    if texts.null_count:
        with_code = with_code[texts.is_valid().to_numpy(zero_copy_only=False)[with_code]]
    if not len(with_code):
        return pa.nulls(len(texts), pa.string())
    candidates = texts if len(with_code) == len(texts) else texts.take(pa.array(with_code))
    numbers, possible = _possible(candidates)
    if len(with_code) == len(texts):
        return numbers if possible.all() else pc.if_else(pa.array(possible), numbers, _NOTHING)
    return _placed(numbers.filter(pa.array(possible)), with_code[possible], len(texts))


def north_american(texts: pa.StringArray) -> pa.StringArray:
    """Return the E.164 form of each North American number, with or without its 1; NULL for other texts.

    Area code and exchange begin with 2 to 9. The same may stand between digits, and a bracket before the first.
    """
    bounds, data = in_memory(texts)
    bounds, characters, well_spaced = _unspaced(bounds, np.frombuffer(data, np.uint8), opening=ord("("))
    digits = characters - ord("0")
    starts, sizes, others = bounds[:-1], np.diff(bounds), _others(digits, bounds)
    long = well_spaced & (sizes >= _NANP_DIGITS) & (sizes <= _NANP_DIGITS + 2) & (others <= 1)
    if texts.null_count:
        long &= texts.is_valid().to_numpy(zero_copy_only=False)
    candidates = np.flatnonzero(long)
    if not len(candidates):
        return pa.nulls(len(texts), pa.string())
    first, last = starts[candidates], bounds[1:][candidates] - _NANP_DIGITS
    lead, plus = last - first, characters[first] == ord("+")
    right = (digits[last] - 2 < 8) & (digits[last + 3] - 2 < 8) & (others[candidates] == plus)
    right &= np.where(lead > 0, (digits[last - 1] == 1) & (lead == 1 + plus), ~plus)
    national = np.lib.stride_tricks.sliding_window_view(characters, _NANP_DIGITS)[last[right]]
    return _with_code(len(texts), candidates[right], national)


def _with_code(count: int, places: Numbers, national: Bytes) -> pa.StringArray:
    """Build a column with +1 and ten digits at the given positions, and NULL elsewhere."""
    texts = np.empty((len(places), 2 + _NANP_DIGITS), np.uint8)
    texts[:, :2], texts[:, 2:] = list(b"+1"), national
    bounds = np.arange(len(places) + 1, dtype=np.int32) * texts.shape[1]
    return _placed(pa.StringArray.from_buffers(len(places), pa.py_buffer(bounds), pa.py_buffer(texts)), places, count)


def _placed(texts: pa.StringArray, places: Numbers, count: int) -> pa.StringArray:
    """Build a column with the given texts at the given positions, and NULL elsewhere."""
    positions = np.full(count, -1)
    positions[places] = np.arange(len(places))
    return texts.take(pa.array(positions, mask=positions < 0))


def _possible(texts: pa.StringArray) -> tuple[pa.StringArray, Flags]:
    """Remove the separators of texts that start with a plus sign, and return which are possible numbers."""
    bounds, data = in_memory(texts)
    characters = np.frombuffer(data, np.uint8)
    if not _is_separator(characters[bounds[0] : bounds[-1]]).any():
        return texts, _are_numbers(bounds, characters)
    bounds, characters, well_spaced = _unspaced(bounds, characters, opening=ord("+"))
    unspaced = pa.StringArray.from_buffers(len(texts), pa.py_buffer(bounds), pa.py_buffer(characters))
    return unspaced, well_spaced & _are_numbers(bounds, characters)


def _unspaced(bounds: Bounds, characters: Bytes, opening: int) -> tuple[Bounds, Bytes, Flags]:
    """Remove separators from texts; return their bounds, their bytes, and which were spaced correctly."""
    first = bounds[0]
    bounds, characters = bounds - first, characters[first : bounds[-1]]
    separators = _is_separator(characters)
    if not separators.any():
        return bounds, characters, np.ones(len(bounds) - 1, np.bool_)
    some = np.flatnonzero(np.diff(bounds) > 1)
    behind = bounds[some] + (characters[bounds[some]] == opening)
    well_spaced = np.zeros(len(bounds) - 1, np.bool_)
    well_spaced[some] = (
        ~(separators[behind] | separators[bounds[some + 1] - 1]) & _few_between(bounds, separators)[some]
    )
    others = ~separators
    before = np.r_[np.int32(0), np.cumsum(others, dtype=np.int32)]
    return before[bounds], characters[others], well_spaced


def _few_between(bounds: Bounds, separators: Flags) -> Flags:
    """Return whether there are never more than a few consecutive separators."""
    run = separators[_MOST_BETWEEN:].copy()
    for back in range(1, _MOST_BETWEEN + 1):
        run &= separators[_MOST_BETWEEN - back : len(separators) - back]
    if not run.any():
        return np.ones(len(bounds) - 1, np.bool_)
    # A run ends behind where it begins: one that ends within the first characters of a text is of the text before.
    many = np.r_[np.zeros(_MOST_BETWEEN + 1, np.int32), np.cumsum(run, dtype=np.int32)]
    starts = bounds[:-1] + np.minimum(np.diff(bounds), _MOST_BETWEEN)
    return np.asarray(many[bounds[1:]] == many[starts])


def _are_numbers(bounds: Bounds, characters: Bytes) -> Flags:
    """Return which texts are a plus sign and the digits of a possible number."""
    digits = characters - ord("0")
    starts, sizes = bounds[:-1] + 1, np.diff(bounds) - 1
    right: Flags = (_others(digits, bounds) == 1) & (sizes > _LONGEST_CODE) & (sizes < _MOST_DIGITS)
    candidates = np.flatnonzero(right)
    right[candidates] = _fit_plans(starts[candidates], sizes[candidates], digits)
    return right


def _others(digits: Bytes, bounds: Bounds) -> Bounds:
    """Count the characters of each text that are no digits."""
    before = np.r_[np.int32(0), np.cumsum(digits > 9, dtype=np.int32)]
    return np.asarray(before[bounds[1:]] - before[bounds[:-1]])


def _fit_plans(starts: Bounds, sizes: Bounds, digits: Bytes) -> Flags:
    """Return which numbers, given by the positions of their digits, fit the plan of their country code."""
    codes = _CODES[_read(starts, _LONGEST_CODE, digits)]
    fit = np.zeros(len(starts), np.bool_)
    for code in np.flatnonzero(np.bincount(codes)).tolist():
        if code:
            ours = np.flatnonzero(codes == code)
            fit[ours] = _fit_plan(str(code), starts[ours], sizes[ours], digits)
    return fit


def _fit_plan(code: str, starts: Bounds, sizes: Bounds, digits: Bytes) -> Flags:
    plan, national = _plan(code), sizes - len(code)
    long = national >= plan.leads
    leads = np.where(long, _read(np.where(long, starts + len(code), 0), plan.leads, digits), 0)
    return np.asarray(long & ((plan.sizes_of(leads) >> np.maximum(national, 0)) & 1).astype(np.bool_))


def _read(starts: Bounds, count: int, digits: Bytes) -> Numbers:
    """Return the number that consecutive digits represent."""
    number = np.zeros(len(starts), np.int64)
    for place in range(count):
        number = number * 10 + digits[starts + place]
    return number


class _Plan:
    """A country's numbering plan. How many digits a number may have depends on its first, of which so many count."""

    def __init__(self, code: str) -> None:
        self.leads = 4 if code == "1" else 3
        self._pattern = re.compile(f"^{NATIONAL_NUMBERS[code]}$", re.MULTILINE)
        samples = [number * 10 ** (self.leads - 1) + int("5" * (self.leads - 1)) for number in range(10)]
        every = range(self.leads, _MOST_DIGITS - len(code))
        self._sizes = [size for size in every if len(self._fitting(samples, size))]
        self._table = np.full(10**self.leads, -1)

    def sizes_of(self, leads: Numbers) -> Numbers:
        """Return the possible lengths of numbers by their first digits, as bits."""
        unknown = np.unique(leads[self._table[leads] < 0])
        sizes = np.zeros(len(unknown), np.int64)
        for size in self._sizes if len(unknown) else ():
            sizes[np.isin(unknown, self._fitting(unknown.tolist(), size))] |= 1 << size
        self._table[unknown] = sizes
        return self._table[leads]

    def _fitting(self, leads: list[int], size: int) -> Numbers:
        """Return the first digits with which a number of this length is possible, found by one search."""
        rest = "5" * (size - self.leads)
        numbers = self._pattern.findall("\n".join([f"{lead:0{self.leads}d}{rest}" for lead in leads]))
        return np.array([text[: self.leads] for text in numbers], f"U{self.leads}").astype(np.int64)


_plan = lru_cache(len(NATIONAL_NUMBERS))(_Plan)


def _is_separator(characters: Bytes) -> Flags:
    return np.asarray((characters == ord(" ")) | (characters - ord("(") < 2) | (characters - ord("-") < 2))


def _codes(plans: Mapping[str, str]) -> Numbers:
    """Return the country code by the first three digits of a number, 0 if there is none."""
    codes = np.zeros(10**_LONGEST_CODE, np.int64)
    for code in plans:
        width = 10 ** (_LONGEST_CODE - len(code))
        codes[int(code) * width : (int(code) + 1) * width] = int(code)
    return codes


_CODES = _codes(NATIONAL_NUMBERS)
