"""Golden cases: each rule for events with an answer worked out by hand. They are data, for any transform."""

from tests.golden import events, identity, lines, money, template, time, web
from tests.golden.case import Case

__all__ = ["CASES", "Case"]

CASES: list[Case] = [
    *identity.CASES,
    *time.CASES,
    *events.CASES,
    *money.CASES,
    *lines.CASES,
    *web.CASES,
    *template.CASES,
]
