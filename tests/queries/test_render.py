from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.config.render import render
from connector.errors import ConfigurationError
from connector.queries.query_template import RunVariables, render_query
from tests.queries.queries import RUN, refused, rendered

ADVANCED = [
    (
        "{% macro near(c) %}{{ c | identifier }} = {{ parameters.s }}{% endmacro %}{{ near('a') }}",
        "\"a\" = 'it''s'",
    ),
    ("{% macro m() %}now(){% endmacro %}{{ m() }}", "now()"),
    ("{% macro m() %} now() {% endmacro %}x={{ m() | trim }}", "x=now()"),
    ("{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}{{ parameters.n }}{% endcall %}", "(7)"),
    ("{% set limit %}LIMIT {{ parameters.n }}{% endset %}SELECT 1 {{ limit }}", "SELECT 1 LIMIT 7"),
    ("{% set name = parameters.s | upper %}{{ name }}", "'IT''S'"),
    ("{{ parameters.s ~ '!' }}", "'it''s!'"),
    ("{{ 'a' + parameters.s }}", "'ait''s'"),
    ("{{ parameters.n + 1 }}", "8"),
    ("{{ parameters.none }}", "NULL"),
    ("{{ parameters.missing | default(5) }}", "5"),
    ("{{ parameters.missing | default('five') }}", "'five'"),
    ("{% if parameters.missing is defined %}x{% else %}y{% endif %}", "y"),
    ("{% if parameters.n > 3 %}x{% endif %}", "x"),
    ("{% for i in parameters.list %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}", "1, 'b'"),
    ("IN {{ parameters.list }}", "IN (1, 'b')"),
    ("IN {{ parameters.list | map('string') | map('upper') }}", "IN ('1', 'B')"),
    ("{{ ['a', 'b'] | map('identifier') | join(', ') }}", '"a", "b"'),
    ("{{ ['a', 'b'] | join(', ') }}", "'a, b'"),
    ("{{ parameters.s | identifier }}.{{ 'b' | identifier }}", '"it\'s"."b"'),
    ("{{ parameters.items }} {{ parameters.values }}", "'i' 'v'"),
    ("{{ target }}", "'local'"),
    ("{{ run.last_success_at }}", "NULL"),
    ("{{ run.started_at }}", "TIMESTAMPTZ '2026-01-02 03:04:05+00:00'"),
    ("5 -{{ parameters.negative }}", "5 -(-2)"),
    ("E{{ parameters.s }}", "E 'it''s'"),
    ("'a'{{ parameters.s }}'b'", "'a' 'it''s' 'b'"),
    ("{{ parameters.s }}{{ parameters.s }}", "'it''s' 'it''s'"),
    ("a{# note #}b", "ab"),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("{{ parameters.s | safe }}", "'it''s'"),
    ("{{ parameters.s | e }}", "'it&#39;s'"),
]
PARAMETERS: dict[str, Any] = {
    "s": "it's",
    "n": 7,
    "negative": -2,
    "none": None,
    "list": [1, "b"],
    "items": "i",
    "values": "v",
}


@pytest.mark.parametrize(("text", "sql"), ADVANCED)
def test_jinja_works_and_every_value_is_quoted_once(tmp_path: Path, text: str, sql: str) -> None:
    assert rendered(tmp_path, text, **PARAMETERS) == sql


def test_the_text_around_the_values_is_untouched(tmp_path: Path) -> None:
    text = "SELECT 'it''s; ok' AS \"a;b\" -- c'\n/* ' */ , $$ ; ' $$\n, '<&>'\tFROM t WHERE x = "
    assert rendered(tmp_path, text + "{{ parameters.n }} -- end", n=1) == text + "1 -- end"


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1 ; ;\n", "SELECT 1"),
        ("SELECT 1; -- done;", "SELECT 1"),
        ("SELECT 1; /* a */ ;\n-- b\n", "SELECT 1"),
        ("SELECT ';'", "SELECT ';'"),
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),
        ("SELECT 1 -- done", "SELECT 1 -- done"),
        ("SELECT {{ parameters.s }};", "SELECT ';'"),
    ],
)
def test_semicolons_at_the_end_go(tmp_path: Path, text: str, sql: str) -> None:
    assert rendered(tmp_path, text, s=";") == sql


@pytest.mark.parametrize(
    "text", ["", " \n", ";", "-- nothing", "/* nothing */ ;\n", "{# nothing #}", "{% if false %}x{% endif %}"]
)
def test_an_empty_query_is_refused(tmp_path: Path, text: str) -> None:
    assert "empty" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1\nWHERE d > {{ parameters.dayz }}", 2, ['"dayz"', 'Did you mean "days"?']),
        ("\n\n{{ paramters.days }}", 3, ['"paramters"', 'Did you mean "parameters"?']),
        ("{{ run.strated_at }}", 1, ['"strated_at"', 'Did you mean "started_at"?']),
        ("{{ parameters.zzz }}", 1, ['"zzz" is not set', "days"]),
        ("a\n{% if parameters.zzz %}{% endif %}", 2, ['"zzz"']),
        ("a\n{% for x in parameters.zzz %}{% endfor %}", 2, ['"zzz"']),
        ("a\n{{ parameters.zzz ~ 'a' }}", 2, ['"zzz"']),
        ("a\n{{ parameters.zzz | identifier }}", 2, ['"zzz"']),
        ("a\n{{ parameters.zzz | upper }}", 2, ['"zzz"']),
        ("{% macro m() %}\n{{ parameters.zzz }}{% endmacro %}\n{{ m() }}", 2, ['"zzz"']),
        ("a\n{{ ',' if false }}", 2, ["if without else"]),
        ("a\n{% if %}", 2, ["not valid Jinja"]),
        ("a\n{{ parameters.days", 2, ["not valid Jinja"]),
        ("a\n{% endfor %}", 2, ["not valid Jinja"]),
        ("a\n{{ x | no_such_filter }}", 2, ["no_such_filter"]),
        ("a\n{{ parameters.empty }}", 2, ["empty list", "IN ()"]),
        ("a\n{{ parameters.nan }}", 2, ["not a finite number"]),
        ("a\n{{ parameters.nul }}", 2, ["NUL"]),
        ("a\n{{ parameters }}", 2, ["no SQL literal"]),
        ("a\n{{ {'b': 1} }}", 2, ["no SQL literal"]),
        ("a\n{{ 5 | identifier }}", 2, ["cannot be a name"]),
        ("a\n{{ '' | identifier }}", 2, ["cannot be a name"]),
        ("a\n{{ 'a' | identifier ~ '.' ~ 'b' | identifier }}", 2, ["joins SQL with text"]),
        ("a\n{{ ['a' | identifier] | join(parameters.injected) }}", 2, ["joins SQL"]),
        ("a\n{{ ''.__class__.__mro__ }}", 2, ["unsafe"]),
        ("a\n{{ 1 / 0 }}", 2, ["division"]),
        ("a\n{% include 'other.sql' %}", 2, ["cannot be filled in"]),
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    found = refused(tmp_path, text, days=1, empty=[], nan=float("nan"), nul="\0", injected="; DROP TABLE x; --")
    assert found.startswith(f"{line}: ")
    assert all(word in found for word in words), found


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("duckdb", "SELECT\n'abc {{ parameters.s }}'"),
        ("duckdb", "SELECT\n'it''s {{ parameters.s }}'"),
        ("duckdb", 'SELECT\n"{{ parameters.s }}"'),
        ("duckdb", "SELECT\n$$ {{ parameters.s }} $$"),
        ("postgresql", "SELECT\nE'\\'{{ parameters.s }}'"),
        ("postgresql", "SELECT\n$tag$ $$ {{ parameters.s }} $tag$"),
        ("mysql", "SELECT\n'\\'{{ parameters.s }}'"),
        ("mysql", "SELECT\n`{{ parameters.s }}`"),
        ("bigquery", "SELECT\n'''a'b {{ parameters.s }}'''"),
        ("mssql", "SELECT\n[{{ parameters.s }}]"),
        ("oracle", "SELECT\nq'[it's {{ parameters.s }}]' FROM dual"),
        ("duckdb", "SELECT\n'{{ parameters.s | identifier }}'"),
        ("duckdb", "{% macro m() %}a {{ parameters.s }}{% endmacro %}SELECT\n'{{ m() }}'"),
        ("some_new_database", "SELECT\n'{{ parameters.s }}'"),
    ],
)
def test_an_expression_inside_quotation_marks_is_refused(tmp_path: Path, dialect: str, text: str) -> None:
    found = refused(tmp_path, text, dialect, s="x")
    assert "inside quotation marks" in found
    assert found.startswith("1: " if "macro" in text else "2: ")


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("duckdb", "SELECT 'it''s', {{ parameters.s }}"),
        ("duckdb", "SELECT 'back\\', {{ parameters.s }}"),
        ("mysql", "SELECT 'it\\'s', {{ parameters.s }}"),
        ("mysql", "SELECT 5--1, 'a', {{ parameters.s }}"),
        ("mysql", "SELECT 1 # don't\n, {{ parameters.s }}"),
        ("snowflake", "SELECT 1 // don't\n, {{ parameters.s }}"),
        ("duckdb", "SELECT 1 -- don't\n, {{ parameters.s }}"),
        ("duckdb", "SELECT /* don't /* nor */ ' */ {{ parameters.s }}"),
        ("sqlite", "SELECT /* don't /* nor */ {{ parameters.s }}"),
        ("postgresql", "SELECT $a$ don't $a$, {{ parameters.s }}"),
        ("bigquery", 'SELECT """don\'t "quote" """, {{ parameters.s }}'),
        ("oracle", "SELECT q'[don't]', {{ parameters.s }} FROM dual"),
    ],
)
def test_an_expression_after_quotation_marks_is_not(tmp_path: Path, dialect: str, text: str) -> None:
    assert rendered(tmp_path, text, dialect, s="x") == text.replace("{{ parameters.s }}", "'x'")


def test_a_value_in_a_comment_cannot_leave_it(tmp_path: Path) -> None:
    sql = rendered(tmp_path, "-- {{ parameters.s }}\nSELECT /* {{ parameters.s }} */ 1", s="a\r\nDROP */ x \u2028 y")
    assert sql == "-- 'a  DROP */ x   y'\nSELECT /* 'a\r\nDROP * / x \u2028 y' */ 1"


def test_the_last_success_is_written_in_utc(tmp_path: Path) -> None:
    run = RunVariables(RUN.started_at, lambda: datetime.fromisoformat("2026-01-01T23:30:00.5-05:00"))
    assert rendered(tmp_path, "{{ run.last_success_at }}", run=run) == "TIMESTAMPTZ '2026-01-02 04:30:00.500000+00:00'"


def test_a_query_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.sql: The query cannot be read"):
        render_query(tmp_path / "none.sql", dialect="duckdb", parameters={}, run=RUN, target="local")


def test_an_error_carries_no_other_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rendered(tmp_path, "{{ parameters.secret + 1 }}", secret="s3cr3t")
    assert caught.value.__context__ is None
    assert "s3cr3t" not in str(caught.value)


def test_the_shipped_queries_render() -> None:
    folder = Path(__file__).parents[2] / "queries"
    run = RunVariables(datetime(2026, 1, 1, tzinfo=UTC))
    parameters = {"days": 7, "event_set_id": "1", "minimum_value": 100}
    for path in folder.glob("*.sql"):
        sql = render_query(path, dialect="duckdb", parameters=parameters, run=run, target="local")
        assert "{{" not in sql
        assert "\0" not in sql


@pytest.mark.parametrize(
    "text", ["SELECT {{ " + "(" * 5_000 + ")" * 5_000 + " }}", "SELECT {{ " + "[" * 5_000 + "]" * 5_000 + " }}"]
)
def test_a_query_that_nests_too_deep_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    assert "it nests too deep" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT " + "(" * 60_000, "nests brackets more than 250 deep"),
        ("SELECT " + "(" * 300 + "1" + ")" * 300, "nests brackets more than 250 deep"),
        ("SELECT " + "[" * 300, "nests brackets more than 250 deep"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 60_000, "joins more than 2,000 SELECTs"),
    ],
    ids=["open", "closed", "lists", "unions"],
)
def test_a_query_that_parsers_cannot_cope_with_is_refused(tmp_path: Path, sql: str, told: str) -> None:
    (tmp_path / "deep.sql").write_text(sql)
    with pytest.raises(ConfigurationError, match=told):
        render_query(
            tmp_path / "deep.sql", dialect="duckdb", parameters={}, run=RunVariables(datetime.now(UTC)), target="local"
        )


def test_brackets_in_texts_and_comments_are_no_nesting(tmp_path: Path) -> None:
    sql = f"SELECT '{'(' * 300}' -- {'(' * 300}"
    (tmp_path / "flat.sql").write_text(sql)
    found = render_query(
        tmp_path / "flat.sql", dialect="duckdb", parameters={}, run=RunVariables(datetime.now(UTC)), target="local"
    )
    assert found.startswith("SELECT '(((")


@pytest.mark.parametrize(
    "expression", ["'x' * 1500000000", "[1] * 10**9", "10 ** (10 ** 9)", "7 ** 9999999", "9 * ('x' * 900000)"]
)
def test_a_value_beyond_what_a_query_can_hold_is_not_calculated(tmp_path: Path, expression: str) -> None:
    (tmp_path / "large.sql").write_text("SELECT {{ " + expression + " }}")
    with pytest.raises(ConfigurationError, match="makes a value of more than"):
        render_query(
            tmp_path / "large.sql", dialect="duckdb", parameters={}, run=RunVariables(datetime.now(UTC)), target="local"
        )


LONG_METHODS = [
    "'x'.ljust(1000000000)", "'x'.rjust(1000000000)", "'x'.center(1000000000)", "'x'.zfill(1000000000)", "'\\t'.expandtabs(1000000000)",
    "'{:1000000000}'.format(1)", "'{a:1000000000}'.format_map({'a': 1})", "'x'['ljust'](1000000000)",
    "'x'.encode().ljust(1000000000)", "(1).to_bytes(1000000000)",
]  # fmt: skip
LONG_FILTERS = [
    "'%1000000000d' | format(1)", "'x' | center(1000000000)",
    "'x' | indent(1000000000, true)", "['x'] | map('center', 1000000000) | first",
    "[1] | tojson(indent=1000000000)", "[1] | batch(1000000000, 'x') | list", "[1] | slice(1000000000) | list",
    "1 | round(1000000000, 'ceil')",
]  # fmt: skip
LONG_FORMATS = [
    "'%1000000000d' % 1", "'%.1000000000f' % 1", "'%*d' % (1000000000, 1)", "'%(a)1000000000d' % {'a': 1}",
    "('%s' * 1000) % ((('x' * 9000),) * 1000)", "'%1000000000d'.encode() % 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", LONG_METHODS + LONG_FILTERS + LONG_FORMATS)
def test_nothing_pads_to_gigabytes(tmp_path: Path, expression: str) -> None:
    problem = refused(tmp_path, "SELECT {{ " + expression + " }}")
    assert problem.startswith("1: This ")
    assert "memory" not in problem
    with pytest.raises(ValueError, match="cannot be filled in"):
        render("{{ " + expression + " }}", {})


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("'%05d' % 7", "'00007'"),
        ("'%s-%s' % ('a', 'b')", "'a-b'"),
        ("'%(a)s' % {'a': 'x'}", "'x'"),
        ("'%*d' % (3, 1)", "'  1'"),
        ("7 % 4", "3"),
        ("12345678901 % 100", "1"),
        ("2.345 | round(2)", "2.35e0"),
        ("[1, 2, 3] | batch(2) | list | length", "2"),
        ("10000000 | tojson", "'10000000'"),
    ],
)
def test_what_stays_short_is_calculated(tmp_path: Path, expression: str, sql: str) -> None:
    assert rendered(tmp_path, "{{ " + expression + " }}") == sql


def test_a_method_that_pads_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, "{{ 'x'.zfill(5) }}") == (
        '1: This cannot be filled in: the method "zfill" cannot be used here; format with %.'
    )
