"""Transpilation of a query between SQL dialects, with sqlglot."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, Problem, Rule

if TYPE_CHECKING:
    from sqlglot import exp

_SQLGLOT_NAMES = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "sqlserver": "tsql",
    "awsathena": "athena",
    "teradatasql": "teradata",
    "impala": "hive",
}
"""By SQLAlchemy's names, as in warehouse URLs."""
_ADAPTED = ("snowflake", "databricks")
"""Dialects, by sqlglot's names, in which a text within JSON that is cast to text has no quotation marks."""
_SEMI_STRUCTURED = frozenset({"variant", "object", "array", "super"})
"""Types without a definition of their parts."""
_UNLIMITED_DECIMAL = re.compile(r"\bDECIMAL\b(?!\()")


def transpile_query(sql: str, *, written_for: str, runs_on: str, file: Path) -> str:
    """Translate a query into the SQL of the database that it runs on; return it unchanged if that is its own.

    Names of dialects are SQLAlchemy's or sqlglot's. Raises ConfigurationError with the file: an unknown dialect, SQL
    that is invalid in the dialect, a construct without an equivalent.
    """
    source, target = (_SQLGLOT_NAMES.get(name.lower(), name.lower()) for name in (written_for, runs_on))
    if source == target:
        return sql
    for name in (source, target):
        _check_dialect(name, file)
    return _transpile(sql, source, target, file)


def transpile_type(kind: str, *, written_for: str, runs_on: str) -> str | None:
    """Translate the name of a type; None if it is not known in the dialect that it is written for."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    source, target = (_SQLGLOT_NAMES.get(name.lower(), name.lower()) for name in (written_for, runs_on))
    if source == target:
        return kind
    if kind.strip().lower() in _SEMI_STRUCTURED:
        return "JSON"
    try:
        translated = exp.DataType.build(kind, dialect=source).sql(dialect=target)
    except (SqlglotError, ValueError):
        return None
    # Without a precision, DuckDB keeps three places.
    return _UNLIMITED_DECIMAL.sub("DECIMAL(38, 9)", translated)


def _check_dialect(name: str, file: Path) -> None:
    from sqlglot.dialects import Dialects

    dialects = [dialect.value for dialect in Dialects if dialect.value]
    if name not in dialects:
        hint = did_you_mean(name, dialects) or f" There is {', '.join(dialects)}."
        message = f'The SQL dialect "{name}" is not known.{hint}'
        raise ConfigurationError([Problem(message, file, rule=Rule.QUERY_SYNTAX)])


def _transpile(sql: str, source: str, target: str, file: Path) -> str:
    from sqlglot import ErrorLevel, parse
    from sqlglot.errors import ParseError, SqlglotError, UnsupportedError

    try:
        trees = [tree for tree in parse(sql, read=source) if tree]
        if source == "clickhouse":
            trees = [_adapt_clickhouse(tree) for tree in trees]
        if target == "duckdb" and source in _ADAPTED:
            from connector.queries.duckdb_dialect import adapt_to_duckdb

            trees = [adapt_to_duckdb(tree) for tree in trees]
        statements = [tree.sql(target, pretty=True, unsupported_level=ErrorLevel.RAISE) for tree in trees]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        message = f"This is not valid {source} SQL: {first.get('description', 'it cannot be read')}."
        raise ConfigurationError([Problem(message, file, first.get("line"), rule=Rule.QUERY_SYNTAX)]) from None
    except UnsupportedError as error:
        message = f"The query cannot be translated to the SQL of {target}: {str(error).splitlines()[0]}."
        raise ConfigurationError([Problem(message, file, rule=Rule.QUERY_SYNTAX)]) from None
    except RecursionError:
        raise ConfigurationError(
            [Problem("The query nests too deep to be translated.", file, rule=Rule.QUERY_SYNTAX)]
        ) from None
    except SqlglotError:
        raise ConfigurationError([Problem(f"This is not valid {source} SQL.", file, rule=Rule.QUERY_SYNTAX)]) from None
    except ValueError as error:
        message = f"The query cannot be translated to the SQL of {target}: {str(error).splitlines()[0]}."
        raise ConfigurationError([Problem(message, file, rule=Rule.QUERY_SYNTAX)]) from None
    return ";\n".join(statements)


def _adapt_clickhouse(tree: "exp.Expr") -> "exp.Expr":
    """Change what sqlglot omits or keeps: PREWHERE and FINAL, as rows are merged elsewhere, and types of moments."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        if prewhere := select.args.get("prewhere"):
            select.set("prewhere", None)
            select.where(prewhere.this, copy=False)
    for final in list(tree.find_all(exp.Final)):
        final.replace(final.this)
    for kind in list(tree.find_all(exp.DataType)):
        if kind.this in {exp.DataType.Type.DATETIME, exp.DataType.Type.DATETIME64}:
            kind.replace(exp.DataType.build("TIMESTAMPTZ"))
    return tree
