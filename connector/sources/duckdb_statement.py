"""Checks of a query's parse tree and plan: what DuckDB calls a SELECT can write files."""

import re

import duckdb

from connector.core.dialects import dialect_named
from connector.errors import SourceError
from connector.sources.statement import NotOneSelect, masked, single_select_error

RUNS_SQL = "json_execute_serialized_sql"
"""The function that runs a parsed statement of any kind, wherever it is called."""

_STATEMENT = re.compile(r'"type":"(?P<kind>\w+)_QUERY_NODE"')
_RISKY_FUNCTIONS = rf"{RUNS_SQL}|\w*external_resource\w*"
_CALL = re.compile(rf'"function_name":"(?P<name>{_RISKY_FUNCTIONS}|query)"', re.IGNORECASE)
_OPERATOR = re.compile(rf'"name": *"(?P<name>{_RISKY_FUNCTIONS}) *"', re.IGNORECASE)
_PIVOT = re.compile(
    r"\bPIVOT(?:_WIDER)?\b(?P<columns>(?:(?!\bPIVOT).)*?\bON\b.*?)(?:\b(?:USING|GROUP|ORDER|LIMIT)\b|\bPIVOT|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_VALUES = re.compile(r"\bIN\b", re.IGNORECASE)
_VIEWS = "SELECT concat_ws('.', database_name, schema_name, view_name), sql FROM duckdb_views() WHERE NOT internal"


def check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Check the parse tree of a query. Raises SourceError unless it is one SELECT, duckdb.Error for other SQL."""
    statements = connection.extract_statements(sql)
    if [statement.type for statement in statements] == [duckdb.StatementType.MULTI]:
        raise _pivot_error(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise single_select_error(sql)
    ((tree,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    # Quotation marks within a JSON string are escaped, so matches are keys of the tree.
    if not tree.startswith('{"error":false'):
        raise single_select_error(sql)
    if statement := _STATEMENT.search(tree):
        kind = statement["kind"].upper().replace("_", " ")
        word = re.search(rf"\b{kind.split()[0]}\b", sql, re.IGNORECASE)
        article = "an" if kind[0] in "AEIOU" else "a"
        message = f"The query contains {article} {kind} statement, which writes. Remove it: a query only reads."
        raise NotOneSelect(message, word.start() if word else None)
    if call := _CALL.search(tree):
        raise NotOneSelect(
            f"The query calls {call['name']}(), which can run any statement. Write the SQL itself instead."
        )


def _pivot_error(sql: str) -> NotOneSelect:
    """Build the error for a PIVOT without values. DuckDB makes two statements of it, and the first creates a type."""
    pivots = list(_PIVOT.finditer(masked(sql, dialect_named("duckdb"))))
    if not pivots:
        return single_select_error(sql)
    without_values = [pivot for pivot in pivots if not _VALUES.search(pivot["columns"])] or pivots
    message = "PIVOT needs the values that become columns: write ON column IN ('value', …)."
    return NotOneSelect(message, without_values[0].start())


def views_of(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the SQL of the warehouse's views by name."""
    return dict(connection.execute(_VIEWS).fetchall())


def check_plan(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise SourceError for a plan that runs arbitrary statements, through whichever view or macro."""
    plan = "".join(text for row in connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall() for text in row)
    call = _OPERATOR.search(plan)
    if call is None:
        return
    function = call["name"].lower()
    for name, text in views_of(connection).items():
        if function in text.lower():
            raise SourceError(
                f'The view "{name}" of the warehouse calls {function}(), which can run any statement. Drop it.'
            )
    raise SourceError(
        f"The query calls {function}() through a macro, which can run any statement. Write the SQL itself instead."
    )
