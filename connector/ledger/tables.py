"""The tables of the ledger. Times are UTC text in ISO 8601; counts by name are JSON objects."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

SCHEMA_VERSION = 3
"""`upgrades` takes a ledger of an earlier version to this one."""

_NONE = text("0")
_MANY = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite's integers are large as they are."""

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
    Column("rows_read", _MANY, nullable=False, default=0),
    Column("rejects", JSON, nullable=False, default=dict),
    Column("skips", JSON, nullable=False, default=dict),
    Column("warnings", JSON, nullable=False, default=dict),
    Column("requests_sent", Integer, nullable=False, default=0),
    Column("requests_retried", Integer, nullable=False, default=0),
    Column("error", String),
    Column("row_limit", Integer),
    Column("retry_of", String),
    Column("retry_reason", String),
    Column("fingerprint", String),
    Column("holder", String),
    Column("host", String),
    Column("query_id", String),
)
"""`fingerprint` tells whether the orchestration has changed since; `holder` is the lock of the process that works on
the run, or was the last to do so; `host` is where its stage is; `query_id` is what the warehouse's own history calls
its query.
"""

files = Table(
    "files",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("size", _MANY, nullable=False),
    Column("digest", String, nullable=False),
)
"""The files that a run has read, in order: bytes and their SHA-256 as they lay there, by which each is known again."""

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
    Column("skipped_events", Integer, nullable=False, default=0, server_default=_NONE),
    Column("skipped_rows", Integer, nullable=False, default=0, server_default=_NONE),
    Column("sent_at", String),
    Column("settled_at", String),
)
"""`sent_at` is when its first request left, `settled_at` when the fate of some of it last became known."""

parts = Table(
    "parts",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("first_event", Integer, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("state", String, nullable=False, server_default="delivered"),
    Column("reason", String),
    Column("code", Integer),
    Column("message", String),
)
"""What was settled of batches whose events did not all fare alike: a stretch of events, and what became of them.

A batch that was delivered whole has none. `reason`, `code` and `message` are those of rows that were left out.
"""

batch_keys = Table(
    "batch_keys",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("keep_until", String, nullable=False, index=True),
    Column("event_keys", LargeBinary, nullable=False),
    Column("persons", LargeBinary, nullable=False),
)
"""Of every batch that was sent, and sent in earnest: the 16 bytes of each event's key, in order, and whom each was
about: for each event a number (2 bytes, little-endian), then of each person the first 8 bytes of the digest.
"""

locks = Table(
    "locks",
    metadata,
    Column("orchestration", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("place", String, nullable=False),
    Column("host", String, nullable=False),
    Column("process", Integer, nullable=False),
    Column("since", String, nullable=False),
    Column("alive_at", Float, nullable=False),
)
"""Who is at work on an orchestration. `place` is the state folder of the process, `alive_at` its last sign of life,
in Unix seconds by the clock of the ledger's server.
"""

Index("runs_by_scope", runs.c.target, runs.c.api_url)

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

schedules = Table(
    "schedules",
    metadata,
    Column("orchestration", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("schedule", String, nullable=False),
    Column("handled_until", String, nullable=False),
    Column("state", String, nullable=False),
    Column("due_at", String),
    Column("started_at", String),
)
"""What `connector start` last did about each automatic orchestration. Whatever was due until `handled_until` has been
started; `state` is `idle`, `waiting` or `running`, `due_at` the due time of what waits or runs.
"""

failing = Table(
    "failing",
    metadata,
    Column("orchestration", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("run_id", String),
    Column("since", String, nullable=False),
)
"""Orchestrations whose last run failed, and which run was the first to."""
