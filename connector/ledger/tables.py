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
    UniqueConstraint,
    text,
)

from connector.core.route import Action

SCHEMA_VERSION = 8
"""`upgrades` upgrades a ledger of an earlier version to this one."""

_NONE = text("0")
_MANY = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite's integers have 64 bits anyway."""

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
    Column("unchanged_members", _MANY),
    Column("identical_value", JSON(none_as_null=True)),
    Column("cursor", JSON(none_as_null=True)),
    Column("engine", String),
    Column("stage", String),
    Column("halt", String),
    Column("totals", JSON(none_as_null=True)),
    Column("stop_requested_at", String),
)
"""`fingerprint` changes when the orchestration does; `holder` is the lock of the process that works on the run, or was
the last to do so; `host` is the machine with its stage; `query_id` is the id of its query in the warehouse's own
history; `unchanged_members` counts the identifiers of an audience that were members before and stay, NULL for events;
`cursor` is the range of a run that reads incrementally: its column, where it began (`since`), and the highest value
that was read (`reached`); `identical_value` is the value that identical rows of one event add, a decimal number by
currency; `engine` is the name of the engine whose machines work on the run, NULL for this process alone, and `stage`
the address of the folder that they share; `halt` says why they all have to stop, until the run is resumed; `totals` are
sums of its batches, written when it ends, so that lists of runs need no other table (see `DeliveryTotals`);
`stop_requested_at` is when somebody asked it to end early.
"""

files = Table(
    "files",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("size", _MANY, nullable=False),
    Column("digest", String, nullable=False),
    Column("columns", JSON(none_as_null=True)),
)
"""The files that a run has read, in order, with the size and SHA-256 of their bytes, by which they are recognised;
`columns` are the names in the header line, NULL if they were not recorded.
"""

batches = Table(
    "batches",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("resource_type", String, nullable=False),
    Column("resource_id", String, nullable=False),
    Column("action", String, nullable=False, server_default=Action.SEND.value),
    Column("id_types", JSON(none_as_null=True)),
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
    Column("members", Integer, nullable=False, default=0, server_default=_NONE),
    Column("delivered_members", Integer, nullable=False, default=0, server_default=_NONE),
    Column("sent_at", String),
    Column("settled_at", String),
    Column("figures", JSON(none_as_null=True)),
)
"""`resource_type` and `resource_id` name the resource of the destination that the batch goes to; `action` is the action
of its requests; `id_types` are the identifier types of the members that they change, in order, NULL for events.

`sent_at` is the time of its first request, `settled_at` that of the last recorded outcome of a part; `figures` are the
metrics of its events if it was delivered as a whole.
"""

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
    Column("figures", JSON(none_as_null=True)),
)
"""The parts of batches whose events have different outcomes: a slice of events, and its outcome.

A batch that was delivered as a whole has none. `reason`, `code` and `message` are those of excluded rows, `figures` the
metrics of delivered events.
"""

moments = Table(
    "moments",
    metadata,
    Column("id", _MANY, primary_key=True),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("what", String, nullable=False),
)
"""The timeline of a run: `started`, `asked` (the warehouse accepted the query), `staged`, `resumed`, and the status
with which it ended, finally or until it was resumed.
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
"""For each batch that was sent, except in test runs: the keys of its events (16 bytes each), in order, and the persons
that they are about: for each event a number (2 bytes, little-endian), then for each person the first 8 bytes of the
digest.
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
"""The processes that work on orchestrations. `place` is the id of the state folder of the process, `alive_at` its last
heartbeat in Unix seconds, by the clock of the ledger's server.
"""

named_ids = Table(
    "named_ids",
    metadata,
    Column("kind", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("api_url", String, primary_key=True),
    Column("advertiser_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("auto_tracking", Boolean),
    Column("known_at", String, nullable=False),
)
"""Remote objects that were found or created by name: `kind` is `event_set` or `audience`, or `event_source` for one
that accepted a test event. `auto_tracking` is the last known state of that setting of an event set.
"""

Index("runs_by_scope", runs.c.target, runs.c.api_url)
Index("runs_by_start", runs.c.target, runs.c.started_at, runs.c.run_id)
Index("runs_by_orchestration", runs.c.target, runs.c.orchestration, runs.c.started_at, runs.c.run_id)

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

audiences = Table(
    "audiences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", String, nullable=False),
    Column("api_url", String, nullable=False),
    Column("audience_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("advertiser_ids", JSON, nullable=False),
    Column("synced_at", String),
    UniqueConstraint("target", "api_url", "audience_id"),
)
"""The audiences whose members are stored; `synced_at` is when a run last ended with all changes acknowledged."""

audience_accounts = Table(
    "audience_accounts",
    metadata,
    Column("audience", ForeignKey("audiences.id"), primary_key=True),
    Column("advertiser_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("run_id", String),
)
"""The ad accounts of an audience: a `served` one has its members; a `waiting` one was added and gets them from the run
`run_id` once that has staged them; one that has `left` was removed and keeps the members that it had.
"""

members = Table(
    "members",
    metadata,
    Column("audience", ForeignKey("audiences.id"), primary_key=True),
    Column("id_type", String, primary_key=True),
    Column("share", Integer, primary_key=True),
    Column("digests", LargeBinary, nullable=False),
    Column("doubtful", LargeBinary, nullable=False),
    Column("count", Integer, nullable=False),
)
"""The members of an audience, sorted digests of 32 bytes each: those that the destination acknowledged, and the
`doubtful` ones, whose request was never answered. `share` is the number of a partition: the first six bits of its
digests.
"""

member_changes = Table(
    "member_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("audience", ForeignKey("audiences.id"), nullable=False, index=True),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("first_unit", Integer, nullable=False),
    Column("action", String, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("id_types", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
)
"""The identifiers that the requests of a slice of a batch add or delete, until they are applied to `members`: for each
unit the number of its identifiers (2 bytes, little-endian), for each identifier the position of its type in ID_TYPES
(1 byte) and the digest (32 bytes).
"""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("os_user", String, nullable=False),
    Column("host", String, nullable=False),
    Column("command", String, nullable=False),
    Column("orchestration", String),
    Column("target", String, nullable=False),
    Column("run_id", String, index=True),
    Column("allowed", Boolean, nullable=False),
    Column("actor", String),
    Column("via", String),
    Column("peer", String),
    Column("detail", JSON(none_as_null=True)),
)
"""The uses of commands, refused ones included; `orchestration` and `run_id` are set if it was about one. `os_user` is
always the user of the process. If somebody else asked for the use, `actor` is that user, `via` the way, such as
`console`, and `peer` the address; `detail` are the settings that changed, without their values.
"""

suppressed = Table(
    "suppressed",
    metadata,
    Column("digest", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("since", String, nullable=False),
)
"""The digests (64 hex digits) of suppressed persons, and the kind of identifier of each."""

receipts = Table(
    "receipts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("receipt", JSON, nullable=False),
)
"""The receipt of each suppression: the rows and members that were found and deleted."""

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
"""The state of each automatic orchestration. Everything that was due until `handled_until` has been started; `state` is
`idle`, `waiting` or `running`, `due_at` the due time of the waiting or running execution.
"""

failing = Table(
    "failing",
    metadata,
    Column("orchestration", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("run_id", String),
    Column("since", String, nullable=False),
)
"""The orchestrations whose last run failed, and the first run that failed."""

splits = Table(
    "splits",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("plan", String, nullable=False),
    Column("place", JSON, nullable=False),
    Column("attempt", String),
    Column("host", String),
    Column("rows", _MANY),
    Column("seconds", Float),
    Column("summary", JSON(none_as_null=True)),
)
"""The parts of a run's staging that the machines of an engine work on: `kind` is `read`, `scatter` or `merge`, `place`
what the part is, in the words of its source. `attempt` is the name of the folder with its result, NULL until there is
one; `host`, `rows`, `seconds` and `summary` are of that attempt. `plan` is the id of the division into these parts.
"""

leases = Table(
    "leases",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first_batch", Integer, nullable=False),
    Column("end_batch", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, default=0),
    Column("holder", String),
    Column("host", String),
    Column("taken", Float),
    Column("until", Float),
    Column("ended", Float),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("done", Boolean, nullable=False, default=False),
    Column("requests_sent", Integer, nullable=False, default=0),
    Column("requests_retried", Integer, nullable=False, default=0),
    Column("rejects", JSON, nullable=False, default=dict),
    Column("skips", JSON, nullable=False, default=dict),
)
"""The ranges of batches that the senders of an engine take, from `first_batch` to before `end_batch`. `holder` is the
unique id of the present term, on `host`, and `epoch` the number of terms so far. A term began when it was `taken`, ends
at `until` unless it is renewed, and `ended` early if it was given back; these are Unix seconds by the clock of the
ledger's server. `seconds` is the sum of the terms that were given back. A run's counts are the sums of its leases and
those of its row in `runs`.
"""

rates = Table("rates", metadata, Column("key", String, primary_key=True), Column("next", Float, nullable=False))
"""The time of the next request to a platform, in Unix seconds by the clock of the ledger's server. `key` is the
digest of the credential and the address of its API.
"""

grants = Table(
    "grants",
    metadata,
    Column("key", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("stored_at", String, nullable=False),
)
"""The grants of credentials that several machines use, encrypted; `key` is the digest of the credential."""

run_reports = Table(
    "run_reports",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("report", JSON, nullable=False),
)
"""The output of `connector runs show --json` for a run, as it was when the run ended."""

launches = Table(
    "launches",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("via", String),
    Column("peer", String),
    Column("host", String, nullable=False),
    Column("command", String, nullable=False),
    Column("orchestration", String, nullable=False),
    Column("target", String, nullable=False),
    Column("options", JSON, nullable=False),
    Column("agreed", JSON(none_as_null=True)),
    Column("state", String, nullable=False),
    Column("process", Integer),
    Column("run_id", String, index=True),
    Column("stop_requested_at", String),
    Column("ended_at", String),
    Column("error", String),
)
"""Runs that somebody asked for, each of which a process of its own executes on `host`. `options` are those of the
command, `agreed` the changes that the user has agreed to (NULL: none were shown). `state` is `waiting`, `started`,
`ended` or `not_started`; `run_id` is set as soon as there is a run; `error` says why there is none.
"""

Index("launches_by_state", launches.c.target, launches.c.state)

progress = Table(
    "progress",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("at", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("rows_read", _MANY, nullable=False),
    Column("total", _MANY),
    Column("done", _MANY, nullable=False),
    Column("refused", _MANY, nullable=False),
    Column("retried", _MANY, nullable=False),
)
"""How far a run in progress is; deleted when it ends. `phase` is `reading` or `sending`; `total`, `done` and `refused`
count events, or identifiers if that is the `unit`; `total` is NULL until all of them are staged.
"""

pauses = Table(
    "pauses",
    metadata,
    Column("orchestration", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("since", String, nullable=False),
    Column("actor", String, nullable=False),
)
"""The orchestrations whose schedule is paused, since when, and by whom."""

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("target", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("orchestration", String),
    Column("run_id", String, index=True),
    Column("text", String, nullable=False),
    Column("told", JSON, nullable=False),
    Column("read_at", String),
)
"""The notices to users, sent or not: `kind` is the word of `notify`, or that of the journal of `connector
start`; `told` are the notifications that it was sent to; `read_at` is when somebody marked it as read.
"""

Index("notices_by_target", notices.c.target, notices.c.id)
