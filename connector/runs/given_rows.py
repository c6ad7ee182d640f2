"""Open the result of a test of a query: the job of a run, with given rows in place of what it would read."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from pydantic import SecretStr

from connector.config.nodes import Node, plain
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.query_test import GivenTable, QueryTest
from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.core.disk import make_private_file
from connector.core.redaction import without_addresses
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.query_template import RunVariables
from connector.queries.transpile import transpile_query, transpile_type
from connector.runs.job import Job, prepare_orchestration
from connector.runs.result import OpenResult, open_result
from connector.sources.duckdb_tables import (
    InvalidValue,
    MemoryTable,
    TableName,
    infer_type,
    memory_database,
    tables_read,
)

_DUCKDB = "duckdb"
_RESULT: TableName = ("result",)
_NO_TABLES = Warehouse.model_validate({"name": "given rows", "url": "duckdb:///:memory:"})
_TYPE = re.compile(r"[\w ,()<>\[\]\"]+")
_NAME_PART = re.compile(r'"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([^."`\[\]]+)')
_DELIMITED = (".csv", ".tsv", ".psv", ".txt")


@contextmanager
def open_test_result(project: Project, test: QueryTest) -> Iterator[tuple[Job, OpenResult]]:
    """Yield the job of a test and its open result.

    Raises ConfigurationError: a table or a file without given rows, and as a run does; SourceError.
    """
    with ExitStack() as stack:
        job = _job(project, test, stack)
        yield job, stack.enter_context(open_result(job, project.directory))


def _job(project: Project, test: QueryTest, stack: ExitStack) -> Job:
    orchestration = _orchestration(project, test)
    variables = RunVariables(test.started_at, lambda: test.settings.last_success_at)
    _refuse_misplaced_rows(test, orchestration)
    if test.result is not None:
        without = {"query_path": None, "model": None, "file": None, "format": None}
        orchestration = orchestration.model_copy(update=without)
        job = prepare_orchestration(project, orchestration, variables)
        return _on_tables(replace(job, sql="SELECT * FROM result"), test, {_RESULT: test.result}, stack)
    if orchestration.file is not None:
        if orchestration.format is not None and orchestration.format.is_table:
            message = f'"{orchestration.file}" is a table, which has no lines: give its rows under result.'
            raise _problem(test, test.node, message)
        orchestration = orchestration.model_copy(update={"file": _file(test, orchestration.file, stack)})
        return prepare_orchestration(project, orchestration, variables)
    job = _translated(prepare_orchestration(project, orchestration, variables), test)
    return _on_tables(job, test, _tables(job, test), stack)


def _translated(job: Job, test: QueryTest) -> Job:
    """Return the job of a dbt model with its SQL in that of DuckDB, as that of a query is already."""
    dialect = job.orchestration.dialect
    if job.orchestration.model is None or dialect is None:
        return job
    return replace(job, sql=transpile_query(job.sql, written_for=dialect, runs_on=_DUCKDB, file=test.file))


def _orchestration(project: Project, test: QueryTest) -> Orchestration:
    """Return the orchestration as it reads given rows on DuckDB, whole and without an engine."""
    orchestration = project.orchestration(test.orchestration)
    dialect = orchestration.sql_dialect
    if dialect and "://" not in _url(orchestration) and orchestration.dialect is None:
        place = project.location("orchestrations", test.orchestration, "warehouse")
        message = (
            f"orchestrations.{test.orchestration}: which SQL its query is written in is not known, as the URL of its "
            "warehouse needs a variable that is not set. Set it, or write dialect."
        )
        raise ConfigurationError([Problem(message, *place, Rule.MISSING_VALUE)])
    return orchestration.model_copy(
        update={
            "warehouse": _NO_TABLES,
            "dialect": dialect if dialect != _DUCKDB else None,
            "parameters": {**orchestration.parameters, **test.settings.parameters},
            "limit": None,
            "test_event_code": None,
            "engine": None,
            "schedule": None,
        }
    )


def _url(orchestration: Orchestration) -> str:
    return orchestration.warehouse.url.get_secret_value() if orchestration.warehouse else "://"


def _refuse_misplaced_rows(test: QueryTest, orchestration: Orchestration) -> None:
    has_query, lines = orchestration.file is None, test.settings.lines
    name = f'The orchestration "{test.orchestration}"'
    if test.result is not None:
        return
    if has_query and lines is not None:
        raise _problem(test, test.node, f"{name} has a query: give the tables that it reads under given, not lines.")
    if not has_query and test.tables:
        node = test.tables[0].node
        raise _problem(test, node, f"{name} reads a file: give its lines under lines, or its rows under result.")
    if not has_query and lines is None:
        raise _problem(test, test.node, f"{name} reads a file: give its lines under lines, or its rows under result.")


def _problem(test: QueryTest, node: Node, message: str, rule: Rule = Rule.INVALID_VALUE) -> ConfigurationError:
    return ConfigurationError([test.problem(node, message, rule)])


def _file(test: QueryTest, name: str, stack: ExitStack) -> str:
    """Write the given lines to a private file for as long as the test runs, and return its path."""
    suffix = Path(name).suffix.lower()
    if suffix == ".parquet":
        raise _problem(test, test.node, f'"{name}" is a Parquet file, which has no lines: give its rows under result.')
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="connector-test-"))
    path = Path(folder) / f"given{suffix if suffix in _DELIMITED else '.csv'}"
    make_private_file(path)
    path.write_text(test.settings.lines or "", "utf-8", newline="")
    return str(path)


def _on_tables(job: Job, test: QueryTest, tables: Mapping[TableName, GivenTable], stack: ExitStack) -> Job:
    """Return the job on a database with the given tables."""
    dialect = (job.orchestration.dialect or _DUCKDB) if test.result is None else _DUCKDB
    built = [_memory_table(test, name, given, dialect) for name, given in tables.items()]
    by_name = {table.name: tables[table.name] for table in built}
    database = memory_database(built, test.started_at)
    try:
        url = stack.enter_context(database)
    except InvalidValue as error:
        raise _invalid_value(test, by_name, error) from None
    return replace(job, warehouse=_NO_TABLES.model_copy(update={"url": SecretStr(url)}))


def _invalid_value(test: QueryTest, tables: Mapping[TableName, GivenTable], error: InvalidValue) -> ConfigurationError:
    given = tables[error.table]
    if error.row is None:
        node = next((node for name, node in given.types.items() if name.lower() == error.column.lower()), given.node)
        return _problem(test, node, f"{given.name}.{error.column} {error.words}.")
    row = given.rows[error.row]
    node = next((node for name, node in row.entries() if name.lower() == error.column.lower()), row)
    value = plain(node)
    shown = f'"{without_addresses(value)}"' if isinstance(value, str) else value
    return _problem(
        test, node, f"{given.name}.{error.column} is {shown}, which {error.words}. Declare another type under columns."
    )


def _memory_table(test: QueryTest, name: TableName, given: GivenTable, dialect: str) -> MemoryTable:
    """Return a table with a type for each column: the declared one, or one that fits all values."""
    names = {key.lower(): key for row in given.rows for key, _ in reversed(list(row.entries()))}
    rows = [{key.lower(): plain(node) for key, node in row.entries()} for row in given.rows]
    declared = {key.lower(): (key, node) for key, node in given.types.items()}
    order = dict.fromkeys([*declared, *(key.lower() for row in given.rows for key, _ in row.entries())])
    columns: dict[str, str] = {}
    for key in order:
        column = declared[key][0] if key in declared else names[key]
        columns[column] = (
            _declared_type(test, given, column, declared[key][1], dialect)
            if key in declared
            else infer_type([row.get(key) for row in rows])
        )
    return MemoryTable(name, columns, [{column: row.get(column.lower()) for column in columns} for row in rows])


def _declared_type(test: QueryTest, given: GivenTable, column: str, node: Node, dialect: str) -> str:
    kind = str(node.value)
    translated = transpile_type(kind, written_for=dialect, runs_on=_DUCKDB) if _TYPE.fullmatch(kind) else None
    if translated is None:
        message = f'{given.name}.{column} has the type "{kind}", which is not known in {dialect}.'
        raise _problem(test, node, message)
    return translated


def _tables(job: Job, test: QueryTest) -> dict[TableName, GivenTable]:
    """Return the given table for each table that the query reads. Raises ConfigurationError for one without."""
    read = tables_read(job.sql)
    given = {_parts(table.name): table for table in test.tables}
    models = [(node.table.lower(), (node.label, *((node.name,) if node.version else ()))) for node in job.models]
    labels = {(table, _parts(label)) for table, names in models for label in names}
    found = {name: table for name in read if (table := _matching(name, given, labels))}
    problems = [_missing_table(test, name, given) for name in read if name not in found]
    problems += _ambiguous_tables(test, found)
    used = {table.name for table in found.values()}
    unread = [table for table in test.tables if table.name not in used and table.name not in test.shared]
    problems += [_unread_table(test, table, read) for table in unread if not problems]
    if problems:
        raise ConfigurationError(problems)
    return found


def _ambiguous_tables(test: QueryTest, found: Mapping[TableName, GivenTable]) -> Iterator[Problem]:
    """Yield a problem for each given table whose rows would be those of several tables of the query.

    A name that is the end of another one, as `orders` of `marts.orders`, may be the same table.
    """
    names: dict[str, list[TableName]] = {}
    for name, table in found.items():
        names.setdefault(table.name, []).append(tuple(part.lower() for part in name))
    for table in {table.name: table for table in found.values()}.values():
        read = names[table.name]
        if any(one[-len(other) :] != other[-len(one) :] for one, other in combinations(read, 2)):
            written = " and ".join(".".join(name) for name in read)
            message = (
                f"{table.name} is ambiguous, because the query reads {written}: write each of them, with its rows."
            )
            yield test.problem(table.node, message, Rule.UNKNOWN_NAME)


def _matching(
    name: TableName, given: Mapping[TableName, GivenTable], labels: Set[tuple[str, TableName]]
) -> GivenTable | None:
    """Return the given table of this name, of the last parts of it, or of the dbt model that is built there.

    `labels` are the tables of dbt models without their schemas, and the names of these models.
    """
    parts = tuple(part.lower() for part in name)
    names = [parts[-length:] for length in range(len(parts), 0, -1)]
    names += [label for table, label in labels if table == parts[-1]]
    return next((given[one] for one in names if one in given), None)


def _parts(name: str) -> TableName:
    """Split the name of a table at its dots, except within quotation marks."""
    found = ["".join(groups).replace('""', '"').strip() for groups in _NAME_PART.findall(name)]
    return tuple(part.lower() for part in found)


def _missing_table(test: QueryTest, name: TableName, given: Mapping[TableName, GivenTable]) -> Problem:
    written = ".".join(name)
    hint = did_you_mean(written, [table.name for table in given.values()])
    message = f"The query reads the table {written}, of which {test.label} gives no rows: write them under given.{hint}"
    return test.problem(test.node, message, Rule.MISSING_KEY)


def _unread_table(test: QueryTest, table: GivenTable, read: Sequence[TableName]) -> Problem:
    names = [".".join(name) for name in read]
    hint = did_you_mean(table.name, names) or (f" It reads {', '.join(names)}." if names else " It reads none.")
    return test.problem(table.node, f"The query does not read the table {table.name}.{hint}", Rule.UNKNOWN_NAME)
