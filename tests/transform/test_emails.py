"""Addresses among what programs and people leave around them, against the reference."""

import random
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from connector.transform.packed import unpacked
from connector.transform.sql.functions import register
from connector.transform.sql.identity import has_invalid, has_placeholder, packed_email
from connector.transform.stripped import Cleaning, stripped
from tests import reference_values as values

Found = tuple[list[str], bool, bool]
"""Digests, whether something is invalid, whether something stands for nothing."""

WHITE = (" ", "\t", "\n", "\r", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "&nbsp;", "%20", "\\n", "\\t")
UNSEEN = ("\u200b", "\u200d", "\u2060", "\u00ad", "\ufeff", "\x00")
WRAPPED = (*"\"'“”´`()[]{}<>\\", "&lt;", "&gt;", "mailto:", "MAILTO:", "mailto://", "b'", "to:", "cc ", "email:")
BETWEEN = (*";,|?!*#:/-_+", "，", "；", "、", "…", "。", "?subject=hi")
PARTS = (
    *".@ab01",
    "..",
    "＠",
    "．",
    "ａ",
    "é",
    "ß",
    "İ",
    "\u0301",
    "%40",
    "&amp;",
    "example",
    "com",
    ".com",
    "John Doe",
    "Doe, John",
)
WHOLE = (
    "x@y.de",
    "jo@example.com",
    "al.b@c-d.org",
    "<jo@ex.com>",
    "null",
    "n/a",
    "\\N",
    "(null)",
    "a" * 64,
    values.NOTHING,
)
PIECES = (*WHITE, *UNSEEN, *WRAPPED, *BETWEEN, *PARTS, *WHOLE)

JO = values.sha256("jo@example.com")
ANN = values.sha256("ann@example.com")
TAKEN = {
    "jo@example.com ?": [JO],
    "jo@example.com ?subject=Hello there": [JO],
    "jo@example.com\u00a0?subject=Hello ann@example.com": [JO],
    "jo@example.com -": [JO],
    "- jo@example.com": [JO],
    "* jo@example.com * ann@example.com": [JO, ANN],
    "jo@example.com . ": [JO],
    "jo@example.com ) ?": [JO],
    "jo@example.com / ann@example.com": [JO, ANN],
    "jo@example.com ...": [JO],
    "ann@example.com?x, jo@example.com": [ANN, JO],
}
REFUSED = (
    "jo hn@example.com",
    "jo@exam ple.com",
    "jo @example.com",
    "jo@ example.com",
    "- @ -",
    "? . !",
    "jo@example.com x -",
)


def read(texts: list[str]) -> list[Found]:
    column = stripped(pa.array(texts, pa.string()), Cleaning.VISIBLE | Cleaning.SEPARATED)
    with duckdb.connect() as connection:
        register(connection, "US")
        connection.register("people", pa.table({"c": column}))
        packed = f"SELECT {packed_email('c')} AS p FROM people"
        rows = connection.sql(f"SELECT p, {has_invalid('p')}, {has_placeholder('p')} FROM ({packed})").fetchall()
    return [(unpacked(digests or ""), invalid, placeholder) for digests, invalid, placeholder in rows]


def expected(text: str) -> Found:
    plain = values.visible(text, lines=True).strip()
    given = values.email_identifiers(plain) if plain else values.Given()
    return given.digests, given.invalid, given.placeholder


def junk(source: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        text = "".join(source.choice(PIECES) for _ in range(source.choice((1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9))))
        yield text if "@" in text or source.random() < 0.3 else f"{text}{source.choice(('jo@example.com', '@'))}"


@pytest.mark.parametrize("count", [4_000, pytest.param(200_000, marks=pytest.mark.thorough)])
def test_junk_is_read_as_the_reference_reads_it(count: int) -> None:
    texts = [*junk(random.Random(count), count)]
    found = read(texts)
    assert [(text, one) for text, one in zip(texts, found, strict=True) if one != expected(text)] == []


def test_punctuation_beside_an_address_is_left_out() -> None:
    assert [digests for digests, _, _ in read([*TAKEN])] == [*TAKEN.values()]
    assert not any(invalid for _, invalid, _ in read([*TAKEN]))


@pytest.mark.parametrize("text", ["t<.com<jo@example.com>.com", "<.com> <jo@example.com>.com", "<x> <jo@example.com>"])
def test_what_is_in_brackets_and_no_address_is_invalid_whatever_stands_outside(text: str) -> None:
    ((digests, invalid, _),) = read([text])
    assert (digests, invalid) == ([JO], True)
    assert expected(text) == (digests, invalid, False)


def test_an_address_that_is_torn_is_none() -> None:
    assert read([*REFUSED]) == [([], True, False)] * len(REFUSED)
