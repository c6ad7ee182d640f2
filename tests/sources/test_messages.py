"""Messages of warehouses keep names of columns and types, and nothing of the values that they quote."""

import string
from collections.abc import Iterator
from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.redaction import redact
from connector.sources.duckdb_errors import error_words

NEEDLES = ("Xq1", "Xq2", "Xq3")
MARKS = "'\"`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\uff07\uff02"
PIECES = st.sampled_from(
    [*NEEDLES, *MARKS, *" \n:,.;()[]{}\\^", "O'", "n't", "'s ", " to INT32", "\n\nLINE 1: ", "\n   ^", "x@y"]
)
VALUES = st.lists(PIECES, max_size=12).map(lambda pieces: "".join(["Xq1", *pieces, "Xq2"]))
"""Texts that end with letters, as names do: what ends as a message does is too."""


def holds_needle(text: str) -> bool:
    return "Xq" in text


FRAMES = [
    "Numeric value '{}' is not recognized",
    'Failed to cast variant value {{"name": "{}"}} to FIXED',
    'invalid input syntax for type integer: "{}"',
    "Incorrect integer value: '{}' for column 'age' at row 1",
    "Conversion failed when converting the varchar value '{}' to data type int.",
    "Bad int64 value: “{}”; it can't be read",
    "Wert „{}“ ist ungültig",
    "valeur « {} » incorrecte",
    "值‘{}’无效",
    "could not convert b'{}' to a number",
    "Invalid value `{}`.",
]


@settings(deadline=None)
@given(frame=st.sampled_from(FRAMES), value=VALUES)
def test_no_message_shows_a_quoted_value(frame: str, value: str) -> None:
    said = redact(frame.format(value))
    assert not holds_needle(said)
    assert said.startswith(frame.replace("{{", "{").split("{")[0].rstrip("'\"`„“«‘ b")[:20])


@pytest.mark.parametrize("value", ["'Xq", "'O'Brien Xq", '"5"x Xq', "'Xq1'Xq2", "'a' O'Brien Xq", "'a' Xq..."])
def test_a_value_that_is_cut_off_is_not_shown(value: str) -> None:
    assert redact(f"Truncated incorrect DOUBLE value: {value}") == "Truncated incorrect DOUBLE value: [redacted]"


def test_what_stands_around_a_value_stays() -> None:
    message = "Numeric value 'O'Brien \"jo\" x' is not recognized"
    assert redact(message) == "Numeric value [redacted] is not recognized"
    assert (
        redact("The shop's table can't be read: it doesn't exist") == "The shop's table can't be read: it doesn't exist"
    )


CASTS = [
    "INTEGER",
    "DATE",
    "TIMESTAMPTZ",
    "TIME",
    "BOOLEAN",
    "UUID",
    "DECIMAL(5,2)",
    "INTEGER[]",
    "STRUCT(a INT)",
    "JSON",
]


def error_of(sql: str, *values: str) -> Exception:
    kinds = (duckdb.Error, UnicodeDecodeError)
    with pytest.raises(kinds) as caught:
        database().execute(sql, values).fetchall()
    return caught.value


@cache
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


@pytest.fixture(autouse=True, scope="module")
def closed_database() -> Iterator[None]:
    yield
    database().close()
    database.cache_clear()


@settings(deadline=None)
@given(kind=st.sampled_from(CASTS), value=VALUES)
def test_duckdb_names_the_column_and_no_value(kind: str, value: str) -> None:
    said = error_words(error_of(f"SELECT spent::{kind} FROM (SELECT $1 || '' AS spent)", value))
    assert not holds_needle(said), said
    assert said.startswith("Conversion Error: ")
    assert " when casting from source column spent" in said


@settings(deadline=None)
@given(
    expression=st.sampled_from(
        [
            "strptime(x, '%Y')",
            "{'name': x}::INT",
            "[x]::INT",
            "[{'name': [x]}]::STRUCT(a INT)",
            "date_part(x, now())",
            "json_extract('{}', '$' || x)",
            "now() AT TIME ZONE x",
            "from_json_strict(to_json(x), '\"INT\"')",
        ]
    ),
    value=VALUES,
)
def test_duckdb_shows_no_value_of_a_function(expression: str, value: str) -> None:
    assert not holds_needle(error_words(error_of(f"SELECT {expression} FROM (SELECT $1 || '' AS x)", value)))


@settings(deadline=None)
@given(value=st.text(st.sampled_from(f"{string.ascii_letters}{MARKS} ;:^"), min_size=1))
def test_a_line_of_a_delimited_file_is_not_shown(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "people.csv"
    path.write_text(f"age,spent\n1,2\n3,Xq {value} Xq\n")
    said = error_words(
        error_of(f"SELECT * FROM read_csv('{path}', columns = {{'age': 'INT', 'spent': 'INT'}}, quote = '')")
    )
    assert said == "Conversion Error: CSV Error on Line: 3: Column spent is being converted as type INTEGER"


def test_a_message_that_duckdb_shortens_within_a_character_is_read() -> None:
    error = error_of("SELECT spent::JSON FROM (SELECT $1 || '' AS spent)", "\u2018" * 400)
    assert error_words(error).startswith("Conversion Error: Malformed JSON at byte 0 of input: ")


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (
            "SELECT emial FROM (SELECT 1 AS email)",
            ['Referenced column "emial" not found', 'Candidate bindings: "email"'],
        ),
        ("SELECT * FROM perchases", ["Table with name perchases does not exist"]),
        ("SELECT 1 x FORM y", ['syntax error at or near "FORM"']),
        ("SELECT x::DATE FROM (SELECT 'a' x)", ["LINE 1: SELECT x::DATE FROM (SELECT [redacted] x)"]),
    ],
)
def test_what_duckdb_says_of_a_query_stays(sql: str, names: list[str]) -> None:
    said = error_words(error_of(sql))
    assert all(name in said for name in names), said
