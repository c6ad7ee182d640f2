"""What a SQL warehouse of Databricks answers, for its own driver: `python -m tests.standins.databricks`.

DuckDB runs the SQL, which sqlglot translates. The protocol is Thrift over HTTP, as the driver's own description of it
says; results come as Arrow, part by part. `/control` tells it to misbehave, `/log` what was asked of it.
"""

import json
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import sqlglot
from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

from tests.standins.base import Answer, Refusal, Route, Warehouse, http_server, wait
from tests.standins.databricks_values import EVERY_TYPE

PATIENCE = 0.2
"""Seconds for which a request for the state is held."""
PART_ROWS = 20_000
OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)
RANGE = re.compile(r"\brange\((\d+), (\d+)\)")

warehouse = Warehouse("databricks")
threads = ThreadPoolExecutor(32)
operations: dict[bytes, "Operation"] = {}


class Operation:
    """One statement."""

    def __init__(self, session: bytes, sql: str) -> None:
        self.session, self.sql = session, sql
        self.cursor = warehouse.cursor()
        self.is_cancelled = False
        self.id = ttypes.THandleIdentifier(guid=uuid4().bytes, secret=uuid4().bytes)
        self.reader: pa.RecordBatchReader | None = None
        self.next: pa.RecordBatch | None = None
        operations[self.id.guid] = self
        warehouse.open.add(self)
        self.future: Future[None] = threads.submit(self._run)

    @property
    def handle(self) -> ttypes.TOperationHandle:
        return ttypes.TOperationHandle(
            operationId=self.id, operationType=ttypes.TOperationType.EXECUTE_STATEMENT, hasResultSet=True
        )

    def __str__(self) -> str:
        """The query itself; not the question for its columns, which ends by itself."""
        return "" if "LIMIT 0" in self.sql else self.sql

    def _run(self) -> None:
        if "every_type" in self.sql:
            rows = 0 if "LIMIT 0" in self.sql else EVERY_TYPE.num_rows
            self.reader = EVERY_TYPE.slice(0, rows).to_reader()
        else:
            relation = self.cursor.sql(translated(self.sql))
            reader = relation.to_arrow_reader(PART_ROWS)
            fields = [
                as_databricks(field.with_name(name))
                for name, field in zip(relation.columns, reader.schema, strict=True)
            ]
            schema = pa.schema(fields)
            batches = (
                pa.RecordBatch.from_arrays(
                    [array.cast(field.type) for array, field in zip(batch.columns, fields, strict=True)], schema=schema
                )
                for batch in reader
            )
            self.reader = pa.RecordBatchReader.from_batches(schema, batches)
        self.next = next(self.reader, None)

    def state(self) -> ttypes.TGetOperationStatusResp:
        wait_for([self.future], PATIENCE)
        if not self.future.done():
            return ttypes.TGetOperationStatusResp(status=OK, operationState=ttypes.TOperationState.RUNNING_STATE)
        if self.is_cancelled:
            return ttypes.TGetOperationStatusResp(status=OK, operationState=ttypes.TOperationState.CANCELED_STATE)
        if failure := self.future.exception():
            return ttypes.TGetOperationStatusResp(
                status=OK,
                operationState=ttypes.TOperationState.ERROR_STATE,
                displayMessage=message(failure, self.sql),
                errorMessage=message(failure, self.sql),
            )
        return ttypes.TGetOperationStatusResp(status=OK, operationState=ttypes.TOperationState.FINISHED_STATE)

    def metadata(self) -> ttypes.TGetResultSetMetadataResp:
        assert self.reader is not None
        schema = self.reader.schema
        return ttypes.TGetResultSetMetadataResp(
            status=OK,
            schema=ttypes.TTableSchema(columns=[described(n, field) for n, field in enumerate(schema)]),
            resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=schema.serialize().to_pybytes(),
        )

    def part(self) -> ttypes.TFetchResultsResp:
        """The next rows."""
        if self.is_cancelled:
            failed = ttypes.TStatus(
                statusCode=ttypes.TStatusCode.ERROR_STATUS, errorMessage="The operation was canceled"
            )
            return ttypes.TFetchResultsResp(status=failed)
        batch, parts = self.next, []
        assert self.reader is not None
        if batch is not None:
            warehouse.log.append({"part": batch.num_rows})
            parts = [ttypes.TSparkArrowBatch(batch=batch.serialize().to_pybytes(), rowCount=batch.num_rows)]
            try:
                self.next = next(self.reader, None)
            except duckdb.Error as failure:
                failed = ttypes.TStatus(
                    statusCode=ttypes.TStatusCode.ERROR_STATUS, errorMessage=message(failure, self.sql)
                )
                return ttypes.TFetchResultsResp(status=failed)
        rows = ttypes.TRowSet(startRowOffset=0, rows=[], arrowBatches=parts)
        return ttypes.TFetchResultsResp(
            status=OK, hasMoreRows=self.next is not None, results=rows, resultSetMetadata=self.metadata()
        )

    def end(self) -> None:
        self.is_cancelled = True
        while not self.future.done():
            self.cursor.interrupt()
            wait_for([self.future], 0.02)
        warehouse.open.discard(self)


class Handler:
    """The calls of the protocol."""

    def OpenSession(self, asked: Any) -> Any:  # noqa: N802
        warehouse.log.append(
            {"session": {"configuration": asked.configuration, "namespace": vars(asked.initialNamespace)}}
        )
        id = ttypes.THandleIdentifier(guid=uuid4().bytes, secret=uuid4().bytes)  # noqa: A001
        warehouse.open.add(id.guid)
        return ttypes.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7,
            sessionHandle=ttypes.TSessionHandle(sessionId=id),
            canUseMultipleCatalogs=True,
            initialNamespace=asked.initialNamespace,
        )

    def CloseSession(self, asked: Any) -> Any:  # noqa: N802
        session = asked.sessionHandle.sessionId.guid
        warehouse.open.discard(session)
        for one in [one for one in operations.values() if one.session == session]:
            one.end()
        return ttypes.TCloseSessionResp(status=OK)

    def ExecuteStatement(self, asked: Any) -> Any:  # noqa: N802
        warehouse.log.append({"sql": asked.statement})
        return ttypes.TExecuteStatementResp(
            status=OK, operationHandle=Operation(asked.sessionHandle.sessionId.guid, asked.statement).handle
        )

    def GetOperationStatus(self, asked: Any) -> Any:  # noqa: N802
        return operation(asked).state()

    def GetResultSetMetadata(self, asked: Any) -> Any:  # noqa: N802
        return operation(asked).metadata()

    def FetchResults(self, asked: Any) -> Any:  # noqa: N802
        return operation(asked).part()

    def CancelOperation(self, asked: Any) -> Any:  # noqa: N802
        warehouse.log.append({"cancelled": asked.operationHandle.operationId.guid.hex()})
        operation(asked).end()
        return ttypes.TCancelOperationResp(status=OK)

    def CloseOperation(self, asked: Any) -> Any:  # noqa: N802
        operation(asked).end()
        return ttypes.TCloseOperationResp(status=OK)


def operation(asked: Any) -> Operation:
    return operations[asked.operationHandle.operationId.guid]


def described(number: int, field: pa.Field) -> ttypes.TColumnDesc:
    """A column as the protocol has it; the driver takes the types from the schema of Arrow."""
    qualifiers = None
    kind = ttypes.TTypeId.STRING_TYPE
    if pa.types.is_decimal(field.type):
        kind = ttypes.TTypeId.DECIMAL_TYPE
        numbers = {"precision": field.type.precision, "scale": field.type.scale}
        values = {name: ttypes.TTypeQualifierValue(i32Value=value) for name, value in numbers.items()}
        qualifiers = ttypes.TTypeQualifiers(qualifiers=values)
    entry = ttypes.TTypeEntry(primitiveEntry=ttypes.TPrimitiveTypeEntry(type=kind, typeQualifiers=qualifiers))
    return ttypes.TColumnDesc(columnName=field.name, typeDesc=ttypes.TTypeDesc(types=[entry]), position=number + 1)


def as_databricks(field: pa.Field) -> pa.Field:
    """A column in the types of Databricks."""
    if pa.types.is_timestamp(field.type):
        return field.with_type(pa.timestamp("us", "Etc/UTC" if field.type.tz else None))
    return field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field


def translated(sql: str) -> str:
    wanted = RANGE.sub(r"(SELECT range AS id FROM generate_range(\1, \2))", sql)
    return warehouse.translated(wanted).replace("GENERATE_RANGE", "range").replace("generate_range", "range")


def message(failure: BaseException, sql: str) -> str:
    """An error as Databricks writes it."""
    text = str(failure)
    if isinstance(failure, sqlglot.ParseError):
        place = failure.errors[0]
        where = f"(line {place['line']}, pos {max(place['col'] - 1, 0)})"
        return f"[PARSE_SYNTAX_ERROR] Syntax error at or near 'FROM'. SQLSTATE: 42601 {where}\n\n== SQL ==\n{sql}"
    name = (re.search(r"with name (\w+)|\"(\w+)\"", text) or [""])[0].split()[-1:] or [""]
    name[0] = name[0].strip('"')
    before = sql[: max(sql.find(name[0]), 0)]
    where = f"line {before.count(chr(10)) + 1} pos {len(before) - before.rfind(chr(10)) - 1}"
    if isinstance(failure, duckdb.CatalogException):
        return f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{name[0]}` cannot be found. SQLSTATE: 42P01; {where};\n'Project [*]"
    if isinstance(failure, duckdb.BinderException):
        return (
            f"[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `{name[0]}` cannot be resolved. SQLSTATE: 42703; "
            f"{where};\n'Project"
        )
    if isinstance(failure, duckdb.ConversionException):
        value = text.partition("'")[2].partition("'")[0]
        return f'[CAST_INVALID_INPUT] The value \'{value}\' of the type "STRING" cannot be cast to "BIGINT". SQLSTATE: 22018'
    return f"[INTERNAL_ERROR] {text.partition(chr(10))[0]} SQLSTATE: XX000"


def called(body: bytes, headers: Mapping[str, str], **_: Any) -> object:
    """One call of the protocol."""
    if (token := warehouse.settings.get("token")) and headers.get("Authorization") != f"Bearer {token}":
        raise Refusal(403, b"Invalid access token.")
    answer = TMemoryBuffer()
    processor.process(TBinaryProtocol(TMemoryBuffer(body)), TBinaryProtocol(answer))
    return Answer(answer.getvalue())


def token(body: bytes, headers: Mapping[str, str], **_: Any) -> object:
    warehouse.log.append({"principal": {"form": body.decode(), "login": headers.get("Authorization")}})
    if warehouse.settings.get("principal") == "unknown":
        raise Refusal(401, {"error": "invalid_client"})
    return {"access_token": warehouse.settings.get("token", "one"), "expires_in": 3600, "token_type": "Bearer"}


def anything(body: object, **_: Any) -> object:
    """What the driver asks besides: flags and the like."""
    warehouse.log.append({"other": json.dumps(str(body))})
    raise Refusal(404, {})


processor = TCLIService.Processor(Handler())
ROUTES: list[Route] = [("POST", "/sql/.*", called), ("POST", "/oidc/v1/token", token), ("GET", "/.*", anything)]

if __name__ == "__main__":
    warehouse.run({"sql": "CREATE TABLE t AS SELECT 1::BIGINT AS n"})
    wait(http=http_server(warehouse, ROUTES).server_port)
