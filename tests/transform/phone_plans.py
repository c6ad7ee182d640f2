"""Works out connector/transform/phone_plans.py from phonenumbers' metadata: `python -m tests.transform.phone_plans`.

A text `+<calling code><national number>` is its own E.164 form when the national number's length is a possible one,
with its area code, and phonenumbers takes no national prefix or carrier code off its front. For each calling code and each length this
runs the plan's prefix expression, as an automaton, over every three leading digits with any digits after them.
Leading digits after which the expression might match something are left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import phonenumbers as pn

TARGET = Path(__file__).parents[2] / "connector" / "transform" / "phone_plans.py"
DIGITS = "0123456789"
HEADER = '''"""Numbering plans, from phonenumbers' metadata by tests/transform/phone_plans.py. Not to be edited."""

# fmt: off
NANP_REGIONS = frozenset((
    {nanp}
))
"""Regions of the North American plan: country code 1."""

NATIONAL_NUMBERS = {{
'''


class Automaton:
    """Whether a prefix expression can match a digit or more at the front of a number of a known length."""

    def __init__(self, expression: str) -> None:
        self.tree = list(_parser.parse(expression))

    def may_match(self, lead: str, length: int) -> bool:
        return any(end > 0 for end in self._ends(self.tree, 0, lead, length))

    def _ends(self, items: list[Any], start: int, lead: str, length: int) -> set[int]:
        positions = {start}
        for operation, argument in items:
            positions = {end for at in positions for end in self._step(operation, argument, at, lead, length)}
        return positions

    def _step(self, operation: Any, argument: Any, at: int, lead: str, length: int) -> Iterator[int]:
        if operation in (_constants.LITERAL, _constants.IN):
            if at < length and (at >= len(lead) or self._accepts(operation, argument, lead[at])):
                yield at + 1
        elif operation is _constants.BRANCH:
            for branch in argument[1]:
                yield from self._ends(list(branch), at, lead, length)
        elif operation is _constants.SUBPATTERN:
            yield from self._ends(list(argument[3]), at, lead, length)
        elif operation is _constants.MAX_REPEAT:
            yield from self._repeat(argument, at, lead, length)
        elif operation is _constants.AT and argument is _constants.AT_END:
            if at == length:
                yield at
        else:
            raise NotImplementedError(f"{operation} in a prefix expression")

    def _repeat(self, argument: Any, at: int, lead: str, length: int) -> Iterator[int]:
        least, most, body = argument
        positions = {at}
        for count in range(min(most, length) + 1):
            if count >= least:
                yield from positions
            positions = {end for here in positions for end in self._ends(list(body), here, lead, length)}

    def _accepts(self, operation: Any, argument: Any, digit: str) -> bool:
        if operation is _constants.LITERAL:
            return bool(argument == ord(digit))
        return any(self._in_set(kind, value, digit) for kind, value in argument)

    def _in_set(self, kind: Any, value: Any, digit: str) -> bool:
        if kind is _constants.LITERAL:
            return bool(value == ord(digit))
        if kind is _constants.RANGE:
            return bool(value[0] <= ord(digit) <= value[1])
        if kind is _constants.CATEGORY and value is _constants.CATEGORY_DIGIT:
            return True
        raise NotImplementedError(f"{kind} in a set of a prefix expression")


def safe_leads(expression: str | None, length: int) -> frozenset[str]:
    """The leading digits of national numbers of this length from which nothing can be stripped."""
    leads = [f"{number:03d}" for number in range(1000)]
    if not expression:
        return frozenset(leads)
    # An empty match strips nothing as long as it captures nothing; a group that could be empty would rewrite.
    if re.search(r"\((?!\?:)[^()]*\?\)", expression):
        return frozenset()
    automaton = Automaton(expression)
    return frozenset(lead for lead in leads if not automaton.may_match(lead, length))


def national_number(metadata: Any) -> str | None:
    """An expression for the national numbers of a plan that stay as they are, or None when there are none."""
    if metadata.country_code == 1:
        # The metadata does not say that area codes and exchanges begin with 2 to 9.
        return "[2-9][0-9]{2}[2-9][0-9]{6}"
    local = lengths_without_area_code(metadata)
    lengths = [length for length in metadata.general_desc.possible_length if length > 3 and length not in local]
    by_leads: defaultdict[frozenset[str], list[int]] = defaultdict(list)
    for length in lengths:
        if leads := safe_leads(metadata.national_prefix_for_parsing, length):
            by_leads[leads].append(length)
    parts = [_numbers(leads, sizes) for leads, sizes in by_leads.items()]
    return _either(parts) if parts else None


def lengths_without_area_code(metadata: Any) -> set[int]:
    """The lengths of numbers that lack their area code, which some special numbers may have nevertheless."""
    usual = [plan for plan in (metadata.fixed_line, metadata.mobile) if plan]
    local = {length for plan in usual for length in plan.possible_length_local_only}
    return local - {length for plan in usual for length in plan.possible_length}


def _numbers(leads: frozenset[str], lengths: list[int]) -> str:
    kept = next(n for n in range(4) if len({lead[:n] for lead in leads}) * 10 ** (3 - n) == len(leads))
    lead = _lead(frozenset(lead[:kept] for lead in leads))
    return lead + _either([f"[0-9]{{{bound}}}" for bound in _bounds(length - kept for length in lengths)])


def _either(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def _bounds(lengths: Iterable[int]) -> Iterator[str]:
    """`7`, or `7,9` for lengths that follow each other."""
    runs: list[list[int]] = []
    for length in sorted(lengths):
        if runs and runs[-1][-1] == length - 1:
            runs[-1].append(length)
        else:
            runs.append([length])
    return (f"{run[0]},{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _lead(leads: frozenset[str]) -> str:
    """The leading digits as a compact expression: digits with the same followers share a set."""
    if leads == {""}:
        return ""
    followers: defaultdict[frozenset[str], str] = defaultdict(str)
    for digit in DIGITS:
        if after := frozenset(lead[1:] for lead in leads if lead[0] == digit):
            followers[after] += digit
    parts = [f"{_digits(digits)}{_lead(after)}" for after, digits in followers.items()]
    return _either(parts)


def _digits(digits: str) -> str:
    return digits if len(digits) == 1 else f"[{''.join(_spans(digits))}]"


def _spans(digits: str) -> Iterator[str]:
    for bound in _bounds(map(int, digits)):
        low, _, high = bound.partition(",")
        yield f"{low}-{high}" if high else low


def source() -> str:
    nanp = [f'"{region}",' for region in sorted(pn.region_codes_for_country_code(1))]
    rows = [" ".join(nanp[at : at + 16]) for at in range(0, len(nanp), 16)]
    lines = [HEADER.format(nanp="\n    ".join(rows))]
    for code in sorted(pn.supported_calling_codes(), key=str):
        region = pn.region_code_for_country_code(code)
        metadata = pn.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if plan := national_number(metadata):
            lines.append(f'    "{code}": "{plan}",' + ("  # noqa: E501" if len(plan) > 92 else "") + "\n")
    return "".join([*lines, "}\n# fmt: on\n"])


if __name__ == "__main__":
    TARGET.write_text(source())
