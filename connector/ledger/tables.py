"""The tables of the ledger. Times are UTC text in ISO 8601; counts by name are JSON objects."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table

SCHEMA_VERSION = 1

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("orchestration", String, nullable=False, index=True),
    Column("target", String, nullable=False),
    Column("workflow", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("api_url", String, nullable=False),
    Column("test_event_code", String),
    Column("status", String, nullable=False),
    Column("started_at", String, nullable=False),
    Column("finished_at", String),
    Column("seconds", Float),
    Column("staged", Boolean, nullable=False, default=False),
    Column("resumable", Boolean, nullable=False, default=True),
    Column("rows_read", Integer, nullable=False, default=0),
    Column("rejects", JSON, nullable=False, default=dict),
    Column("skips", JSON, nullable=False, default=dict),
    Column("warnings", JSON, nullable=False, default=dict),
    Column("requests_sent", Integer, nullable=False, default=0),
    Column("requests_retried", Integer, nullable=False, default=0),
    Column("error", String),
)

batches = Table(
    "batches",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("event_source", String, nullable=False),
    Column("event_source_id", String, nullable=False),
    Column("file", String, nullable=False),
    Column("place", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("delivered_events", Integer, nullable=False, default=0),
    Column("delivered_rows", Integer, nullable=False, default=0),
    Column("refused_events", Integer, nullable=False, default=0),
    Column("refused_rows", Integer, nullable=False, default=0),
)

parts = Table(
    "parts",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("first_event", Integer, primary_key=True),
    Column("events", Integer, nullable=False),
)
"""What was settled of batches that had to be cut, so that the rest can be sent without it."""

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("batch", Integer, nullable=False),
    Column("first_event", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("answered_at", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("http_status", Integer),
    Column("code", Integer),
    Column("message", String),
    Column("request_id", String),
    Column("seconds", Float, nullable=False),
)
