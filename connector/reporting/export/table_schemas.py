"""Schemas of the exported tables, named as the sync logs of other tools name them.

`sync_runs`, `sync_changelog`, `sync_id`, `sync_run_id`, `row_id`, `op_type`, `failure_reason`, `fields` and `num_…_add`
are Hightouch's terms (its dbt package for sync logs), `status_message`, `batch_started_at` and `batch_completed_at`
those of Fivetran Activations (its records API). A sync is an orchestration, an operation is always `add`.
"""

import pyarrow as pa

_MOMENT = pa.timestamp("us", tz="UTC")
_RUN = (("sync_run_id", pa.string()), ("sync_id", pa.string()))

SYNC_RUNS = pa.schema(
    [
        *_RUN,
        ("destination", pa.string()),
        ("target", pa.string()),
        ("workflow", pa.string()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("started_at", _MOMENT),
        ("finished_at", _MOMENT),
        ("elapsed_seconds", pa.float64()),
        ("num_rows_read", pa.int64()),
        ("num_planned_add", pa.int64()),
        ("num_attempted_add", pa.int64()),
        ("num_succeeded_add", pa.int64()),
        ("num_failed_add", pa.int64()),
        ("num_skipped", pa.int64()),
        ("num_pending", pa.int64()),
        ("num_events_delivered", pa.int64()),
        ("num_requests", pa.int64()),
        ("num_requests_retried", pa.int64()),
        ("num_with_email", pa.int64()),
        ("num_with_phone", pa.int64()),
        ("num_with_external_id", pa.int64()),
        ("num_with_tiktok_click_id", pa.int64()),
        ("num_with_cookie_id", pa.int64()),
        ("num_with_ip", pa.int64()),
        ("retry_of", pa.string()),
        ("query_id", pa.string()),
        ("test_event_code", pa.string()),
    ]
)
"""A row a run. Planned rows are those read but not skipped, attempted those that were accepted or refused, succeeded
those delivered, failed those rejected for any reason. `num_with_…` count delivered events.
"""

SYNC_BATCHES = pa.schema(
    [
        *_RUN,
        ("batch_id", pa.int64()),
        ("event_source", pa.string()),
        ("event_source_id", pa.string()),
        ("status", pa.string()),
        ("batch_started_at", _MOMENT),
        ("batch_completed_at", _MOMENT),
        ("num_events", pa.int64()),
        ("num_planned_add", pa.int64()),
        ("num_succeeded_add", pa.int64()),
        ("num_failed_add", pa.int64()),
        ("num_skipped", pa.int64()),
    ]
)
"""A row a batch; `num_…_add` and `num_skipped` count rows."""

SYNC_REQUESTS = pa.schema(
    [
        *_RUN,
        ("request_number", pa.int64()),
        ("batch_id", pa.int64()),
        ("first_event", pa.int64()),
        ("num_events", pa.int64()),
        ("attempt", pa.int64()),
        ("status", pa.string()),
        ("http_status", pa.int64()),
        ("error_code", pa.int64()),
        ("status_message", pa.string()),
        ("request_id", pa.string()),
        ("completed_at", _MOMENT),
        ("elapsed_seconds", pa.float64()),
    ]
)
"""A row a request, `status` being the verdict on it and `error_code` that of the destination, 0 if it accepted all."""

SYNC_CHANGELOG = pa.schema(
    [
        *_RUN,
        ("row_id", pa.int64()),
        ("op_type", pa.string()),
        ("status", pa.string()),
        ("failure_reason", pa.string()),
        ("error_code", pa.int64()),
        ("status_message", pa.string()),
        ("fields", pa.string()),
    ]
)
"""A row for each rejected row: its number in the result, the reason, and the fields without personal data, as JSON."""

SYNC_VALUES = pa.schema(
    [
        *_RUN,
        ("currency", pa.string()),
        ("day", pa.date32()),
        ("num_events", pa.int64()),
        ("value", pa.decimal128(38, 6)),
    ]
)
"""A row for each currency and day (UTC) of delivered events."""

TABLES: dict[str, pa.Schema] = {
    "sync_runs": SYNC_RUNS,
    "sync_batches": SYNC_BATCHES,
    "sync_requests": SYNC_REQUESTS,
    "sync_changelog": SYNC_CHANGELOG,
    "sync_values": SYNC_VALUES,
}
