"""BigQuery: the REST interface runs a query, the Storage Read interface streams its result as Arrow."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from google.api_core.exceptions import Forbidden, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import DEFAULT_RETRY, QueryJob, QueryJobConfig
from google.cloud.bigquery_storage import BigQueryReadClient, types

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.sources.array_conversion import convert_batch
from connector.sources.bigquery_login import BigQueryLogin, log_in
from connector.sources.bigquery_types import column_conversions, result_schema
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import named_place
from connector.sources.statement import NotOneSelect, check_read_only

# Without a handler Python would print the clients' warnings between our own lines.
logging.getLogger("google").addHandler(logging.NullHandler())
logging.getLogger("urllib3").addHandler(logging.NullHandler())

BATCH_ROWS = 65_536

_RETRY = DEFAULT_RETRY.with_timeout(60)
"""Of a request that fails for a moment, in seconds."""
_ERRORS = (GoogleAPIError, GoogleAuthError, pa.ArrowException, OSError)
_NAME_ERRORS = re.compile(
    "Unrecognized name|Not found|Syntax error|Access Denied|Function not found|Query exceeded limit|Table |Duplicate |"
    "request failed: the user does not have"
)
"""Beginnings of messages that quote names and no values."""
_GRANT_READING = "Grant the login the role BigQuery Read Session User, which reading results as Arrow takes."


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "BigQuerySource":
    """Log in; the tag becomes labels of each job. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    with _translate_errors(OPEN_FAILED, secrets):
        return BigQuerySource(log_in(warehouse, directory, tag), secrets)


class BigQuerySource:
    """Clients of one project; one query at a time."""

    def __init__(self, login: BigQueryLogin, secrets: tuple[str, ...]) -> None:
        self._client, self._reader, self._config = login
        self._secrets = secrets
        self._running: QueryJob | None = None
        self._result: BigQueryResult | None = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["BigQueryResult"]:
        """See `Source.execute`. BigQuery completes the result before it returns the first rows."""
        self._check(sql)
        with _translate_errors(QUERY_FAILED, self._secrets, sql):
            job = self._run(sql)
            self._result = result = BigQueryResult(job, self._reader, self._secrets)
        try:
            yield result
        finally:
            self._result = None
            result.cancel()

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: BigQuery compiles the query, bills nothing, and does not run it."""
        return result_schema(self._check(sql).schema or [])

    def cancel(self) -> None:
        """See `Source.cancel`."""
        job, result = self._running, self._result
        if result is not None:
            result.cancel()
        if job is not None:
            with suppress(*_ERRORS):
                self._client.cancel_job(job.job_id, location=job.location, retry=None, timeout=10)

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(*_ERRORS):
            self._reader.transport.close()
            self._client.close()

    def _check(self, sql: str) -> QueryJob:
        """Have BigQuery tell what kind of statement it is: it has no session that can only read."""
        check_read_only(sql, "bigquery")
        config = QueryJobConfig.from_api_repr(self._config.to_api_repr())
        config.dry_run, config.use_query_cache = True, False
        with _translate_errors(QUERY_FAILED, self._secrets, sql):
            job = self._client.query(sql, config, retry=_RETRY, job_retry=None)
        if job.statement_type != "SELECT":
            raise NotOneSelect(
                "The query has to be one SELECT statement and nothing else; BigQuery takes it for "
                f"{job.statement_type}."
            )
        return job

    def _run(self, sql: str) -> QueryJob:
        """Run a query to its end."""
        job = self._client.query(sql, self._config, job_id_prefix="connector-", retry=_RETRY, job_retry=None)
        self._running = job
        try:
            # Its rows come from the other interface.
            job.result(page_size=1, retry=_RETRY, job_retry=None)
        finally:
            self._running = None
        return job


class BigQueryResult:
    """The table that BigQuery wrote the result into, read as one stream: so the rows keep their order."""

    def __init__(self, job: QueryJob, reader: BigQueryReadClient, secrets: tuple[str, ...]) -> None:
        self.query_id = f"{job.project}:{job.location}.{job.job_id}"
        self._secrets = secrets
        # The answer is there already.
        rows = job.result(page_size=1, retry=_RETRY, job_retry=None)
        self.schema = result_schema(list(rows.schema))
        self._conversions = column_conversions(list(rows.schema))
        session = types.ReadSession(
            table=f"projects/{job.destination.project}/datasets/{job.destination.dataset_id}/tables/{job.destination.table_id}",
            data_format=types.DataFormat.ARROW,
        )
        session.read_options.arrow_serialization_options.buffer_compression = (
            types.ArrowSerializationOptions.CompressionCodec.LZ4_FRAME
        )
        self._session = reader.create_read_session(
            parent=f"projects/{job.project}", read_session=session, max_stream_count=1
        )
        self._streams = [reader.read_rows(stream.name) for stream in self._session.streams]
        self._is_cancelled = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        schema = pa.ipc.read_schema(pa.py_buffer(self._session.arrow_schema.serialized_schema))
        for stream in self._streams:
            messages = iter(stream)
            while True:
                with _translate_errors(QUERY_FAILED, self._secrets):
                    message = next(messages, None)
                    if message is None:
                        break
                    read = pa.ipc.read_record_batch(
                        pa.py_buffer(message.arrow_record_batch.serialized_record_batch), schema
                    )
                    batch = convert_batch(read, self._conversions, self.schema)
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)
        if self._is_cancelled:
            raise SourceError(f"{QUERY_FAILED}: it was cancelled.")

    def cancel(self) -> None:
        """Stop the stream; later batches are an error."""
        self._is_cancelled = True
        for stream in self._streams:
            with suppress(*_ERRORS):
                stream.cancel()


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "") -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        text = _message(error)
        quotes_data = failure != OPEN_FAILED and not _NAME_ERRORS.match(text)
        sentence = error_text(text, secrets, quotes_data=quotes_data)
        raise SourceError(f"{failure}: {sentence}", named_place(sql, text)) from None


def _message(error: BaseException) -> str:
    """Return BigQuery's sentence, without the address and the codes that its client puts around it."""
    told = [one.get("message") for one in getattr(error, "errors", ()) if isinstance(one, dict)]
    cause = getattr(error, "cause", None)
    if not told and cause is not None:
        return _message(cause)
    text = str((told and told[0]) or getattr(error, "message", None) or (error.args[0] if error.args else error))
    text = text.partition("\n")[0]
    if isinstance(error, Forbidden):
        text = re.sub(r"'([A-Za-z][\w.:/-]*)'", r'"\1"', text)
    if "fields need to refresh" in text:
        return "The access token is not valid, or no longer."
    if "bytes billed" in text:
        # Longer numbers look like somebody's.
        text = re.sub(r"\d{6,}", lambda number: f"{int(number[0]) / 1e6:.4g} MB", text)
    return f"{text.rstrip('.')}. {_GRANT_READING}" if "readsessions" in text else text
