"""What BigQuery answers, for its own clients: `python -m tests.standins.bigquery`.

DuckDB runs the SQL, which sqlglot translates. The REST interface checks and runs queries as jobs, the Storage Read
interface streams their results as Arrow. `/control` tells it to misbehave, `/log` what was asked of it.
"""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any
from uuid import uuid4

import duckdb
import grpc
import pyarrow as pa
import sqlglot
from google.cloud.bigquery_storage import types
from sqlglot import exp

from tests.standins.base import Refusal, Route, Warehouse, http_server, wait
from tests.standins.bigquery_values import EVERY_TYPE, EVERY_TYPE_FIELDS

PATIENCE = 0.5
"""Seconds for which a request for results is held."""
MESSAGE_ROWS = 10_000
SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"

warehouse = Warehouse("bigquery")
jobs: dict[str, "Job"] = {}
threads = ThreadPoolExecutor(32)


class Job:
    """One query."""

    def __init__(self, project: str, asked: Mapping[str, Any]) -> None:
        self.project, self.asked = project, asked
        self.id = asked.get("jobReference", {}).get("jobId") or str(uuid4())
        self.config = asked["configuration"]["query"]
        self.is_dry = bool(asked["configuration"].get("dryRun"))
        self.is_stopped = False
        self.statement, self.sql = understood(self.config["query"])
        self.fields = (
            EVERY_TYPE_FIELDS if "every_type" in self.sql else fields_of(columns(self.config["query"], self.sql))
        )
        self.cursor = warehouse.cursor()
        self.future: Future[pa.Table] | None = None if self.is_dry else threads.submit(self._run)

    def _run(self) -> pa.Table:
        warehouse.open.add(self)
        try:
            if "every_type" in self.sql:
                return EVERY_TYPE
            return as_bigquery(self.cursor.sql(self.sql).to_arrow_table())
        finally:
            warehouse.open.discard(self)

    def __str__(self) -> str:
        return self.sql

    def stop(self) -> None:
        """Cancels it."""
        self.is_stopped = True
        while self.future is not None and not self.future.done():
            self.cursor.interrupt()
            wait_for([self.future], 0.02)

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.future is None or self.future.done()

    def error(self) -> Refusal | None:
        """What went wrong."""
        if self.future is None or not self.future.done() or (error := self.future.exception()) is None:
            return None
        if self.is_stopped:
            return refusal(499, "stopped", "Job execution was cancelled: User requested cancellation")
        if isinstance(error, duckdb.ConversionException):
            value = str(error).partition("'")[2].partition("'")[0]
            return refusal(400, "invalidQuery", f"Bad int64 value: {value}")
        return refusal(400, "invalidQuery", str(error).partition("\n")[0])

    def resource(self) -> dict[str, Any]:
        """The job as the interface shows it."""
        status: dict[str, Any] = {"state": "DONE" if self.is_done else "RUNNING"}
        if error := self.error():
            (status["errorResult"],) = status["errors"] = error.body["error"]["errors"]  # type: ignore[index]
        query = {
            "statementType": warehouse.settings.get("statement_type", self.statement),
            "totalBytesProcessed": "1000",
            **({"schema": {"fields": self.fields}} if self.is_dry else {}),
        }
        table = {"projectId": self.project, "datasetId": "_anonymous", "tableId": self.id}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:EU.{self.id}",
            "jobReference": self.reference,
            "configuration": {
                **self.asked["configuration"],
                "query": {**self.config, "destinationTable": table},
                "jobType": "QUERY",
            },
            "status": status,
            "statistics": {"creationTime": "1796000000000", "query": query},
        }

    @property
    def reference(self) -> dict[str, str]:
        """Its full name."""
        return {"projectId": self.project, "jobId": self.id, "location": "EU"}


def refusal(status: int, reason: str, message: str) -> Refusal:
    error = {"message": message, "domain": "global", "reason": reason}
    return Refusal(status, {"error": {"code": status, "message": message, "errors": [error]}})


def understood(sql: str) -> tuple[str, str]:
    """The type of a statement, and DuckDB's SQL for it."""
    try:
        statements = [one for one in sqlglot.parse(sql, read="bigquery") if one is not None]
        if len(statements) != 1:
            return "SCRIPT", sql
        kind = "SELECT" if isinstance(statements[0], exp.Query) else type(statements[0]).__name__.upper()
        for numeric in statements[0].find_all(exp.DataType):
            if numeric.this is exp.DataType.Type.DECIMAL and not numeric.expressions:
                numeric.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (38, 9)])
        return kind, statements[0].sql(dialect="duckdb")
    except sqlglot.ParseError as error:
        place = error.errors[0]
        raise refusal(
            400, "invalidQuery", f"Syntax error: Unexpected keyword at [{place['line']}:{place['col']}]"
        ) from None


def columns(sql: str, translated: str) -> pa.Schema:
    """The columns of a query, which BigQuery refuses to name alike."""
    try:
        schema = warehouse.columns(translated)
    except duckdb.CatalogException as error:
        name = str(error).partition("name ")[2].partition(" ")[0]
        raise refusal(404, "notFound", f"Not found: Table shop:{name} was not found in location EU") from None
    except duckdb.BinderException as error:
        name = str(error).partition('"')[2].partition('"')[0]
        before = sql[: max(sql.find(name), 0)]
        place = f"[{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}]"
        raise refusal(400, "invalidQuery", f"Unrecognized name: {name} at {place}") from None
    except duckdb.Error as error:
        raise refusal(400, "invalidQuery", str(error).partition("\n")[0]) from None
    if len({name.lower() for name in schema.names}) < len(schema):
        raise refusal(400, "invalidQuery", "Duplicate column names in the result are not supported.")
    return schema


def fields_of(schema: pa.Schema) -> list[dict[str, str]]:
    """The columns as the REST interface names them."""
    return [{"name": field.name, "type": type_name(field.type), "mode": "NULLABLE"} for field in schema]


def type_name(kind: pa.DataType) -> str:
    tests = {
        "INTEGER": pa.types.is_integer,
        "FLOAT": pa.types.is_floating,
        "BOOLEAN": pa.types.is_boolean,
        "NUMERIC": pa.types.is_decimal,
        "DATE": pa.types.is_date,
        "TIME": pa.types.is_time,
        "TIMESTAMP": lambda kind: pa.types.is_timestamp(kind) and kind.tz,
        "DATETIME": pa.types.is_timestamp,
        "BYTES": pa.types.is_binary,
    }
    return next((name for name, test in tests.items() if test(kind)), "STRING")


def as_bigquery(table: pa.Table) -> pa.Table:
    """The rows in BigQuery's Arrow types: every integer is of 64 bits, every moment in UTC."""
    kinds = {"INTEGER": pa.int64(), "FLOAT": pa.float64(), "NUMERIC": pa.decimal128(38, 9), "STRING": pa.string()}
    kinds |= {"TIMESTAMP": pa.timestamp("us", "UTC"), "DATETIME": pa.timestamp("us")}
    fields = [field.with_type(kinds.get(type_name(field.type), field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def insert(project: str, body: Mapping[str, Any], headers: Mapping[str, str], **_: Any) -> object:
    if (token := warehouse.settings.get("token")) and headers.get("Authorization") != f"Bearer {token}":
        raise refusal(401, "authError", "Request had invalid authentication credentials.")
    warehouse.log.append({"job": body["configuration"]})
    limit = int(body["configuration"]["query"].get("maximumBytesBilled", 10**12))
    if limit < 10_485_760:
        message = f"Query exceeded limit for bytes billed: {limit}. 10485760 or higher required."
        raise refusal(400, "bytesBilledLimitExceeded", message)
    job = Job(project, body)
    if not job.is_dry:
        jobs[job.id] = job
    return job.resource()


def results(id: str, query: Mapping[str, str], **_: Any) -> object:  # noqa: A002
    job = jobs[id]
    if job.future is not None:
        wait_for([job.future], PATIENCE)
    if error := job.error():
        raise error
    answer = {"kind": "bigquery#getQueryResultsResponse", "jobReference": job.reference, "jobComplete": job.is_done}
    if not job.is_done or job.future is None:
        return answer
    return {**answer, "schema": {"fields": job.fields}, "totalRows": str(job.future.result().num_rows)}


def cancel(id: str, **_: Any) -> object:  # noqa: A002
    warehouse.log.append({"cancelled": id})
    jobs[id].stop()
    return {"kind": "bigquery#jobCancelResponse", "job": jobs[id].resource()}


def token(body: bytes, **_: Any) -> object:
    """An access token for a key: what was signed is in the log."""
    warehouse.log.append({"assertion": body.decode()})
    if warehouse.settings.get("key") == "deleted":
        raise Refusal(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    return {"access_token": warehouse.settings.get("token", "one"), "expires_in": 3600, "token_type": "Bearer"}


def create_session(asked: types.CreateReadSessionRequest, context: grpc.ServicerContext) -> types.ReadSession:
    if warehouse.settings.get("storage") == "denied":
        context.abort(
            grpc.StatusCode.PERMISSION_DENIED,
            "request failed: the user does not have 'bigquery.readsessions.create' permission for 'projects/shop'",
        )
    id = asked.read_session.table.rpartition("/")[2]  # noqa: A001
    warehouse.log.append({"session": {"table": asked.read_session.table, "streams": asked.max_stream_count}})
    session = types.ReadSession(name=f"{asked.parent}/locations/eu/sessions/{id}", table=asked.read_session.table)
    future = jobs[id].future
    assert future is not None
    session.arrow_schema.serialized_schema = future.result().schema.serialize().to_pybytes()
    if future.result().num_rows:
        session.streams = [types.ReadStream(name=f"{session.name}/streams/0")]
    return session


def read_rows(asked: types.ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[types.ReadRowsResponse]:
    future = jobs[asked.read_stream.split("/")[-3]].future
    assert future is not None
    reading = object()
    warehouse.open.add(reading)
    context.add_callback(lambda: warehouse.open.discard(reading))
    for batch in future.result().slice(asked.offset).to_batches(MESSAGE_ROWS):
        warehouse.log.append({"message": batch.num_rows})
        if warehouse.settings.get("broken") == len(warehouse.log):
            warehouse.settings.clear()
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
        message = types.ReadRowsResponse(row_count=batch.num_rows)
        message.arrow_record_batch.serialized_record_batch = compressed(batch)
        yield message


def compressed(batch: pa.RecordBatch) -> bytes:
    """The message of a batch: a stream of Arrow without its schema and end."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(batch)
        end = sink.tell()
    message: bytes = sink.getvalue()[batch.schema.serialize().size : end].to_pybytes()
    return message


def grpc_port() -> int:
    server = grpc.server(threads)
    handlers = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            create_session, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            read_rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=server.wait_for_termination, daemon=True).start()
    return port


JOBS = "/bigquery/v2/projects/(?P<project>[^/]+)/jobs"
QUERIES = "/bigquery/v2/projects/(?P<project>[^/]+)/queries"
ROUTES: list[Route] = [
    ("POST", JOBS, insert),
    ("GET", f"{JOBS}/(?P<id>[^/]+)", lambda id, **_: jobs[id].resource()),  # noqa: A006
    ("POST", f"{JOBS}/(?P<id>[^/]+)/cancel", cancel),
    ("GET", f"{QUERIES}/(?P<id>[^/]+)", results),
    ("POST", "/token", token),
]

if __name__ == "__main__":
    warehouse.run({"sql": "CREATE TABLE t AS SELECT 1::BIGINT AS n"})
    warehouse.run({"sql": "CREATE TABLE every_type AS SELECT 1::BIGINT AS n"})
    wait(http=http_server(warehouse, ROUTES).server_port, grpc=grpc_port())
