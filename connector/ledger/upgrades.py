"""Upgrade the tables of an older ledger in one transaction, and keep its data."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Column, Connection, Table, func, inspect, select, text, update
from sqlalchemy.schema import CreateColumn

from connector.errors import ConnectorError
from connector.ledger.tables import (
    SCHEMA_VERSION,
    audience_accounts,
    audiences,
    audit,
    batches,
    files,
    metadata,
    parts,
    runs,
    schema_version,
)

Transaction = Callable[[], AbstractContextManager[Connection]]

_ONE_AT_A_TIME = 7_190_811_842_663_325
"""The key of the advisory lock by which PostgreSQL lets one process upgrade at a time."""


def bring_up_to_date(reading: Transaction, writing: Transaction) -> None:
    """Create or upgrade the tables. Raises ConnectorError for a ledger of a newer version."""
    with reading() as connection:
        if _version(connection) == SCHEMA_VERSION:
            return
    with writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
        _upgrade(connection, _version(connection))


def _version(connection: Connection) -> int:
    """Return the schema version; 0 if there is no ledger yet."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return connection.execute(select(schema_version.c.version)).scalar() or 0


def _upgrade(connection: Connection, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise ConnectorError(
            f"The ledger has schema version {version}, but this connector supports versions up to {SCHEMA_VERSION}: "
            "update the connector."
        )
    for step in _STEPS[version - 1 : SCHEMA_VERSION - 1] if version else ():
        step(connection)
    metadata.create_all(connection)
    if version:
        connection.execute(update(schema_version).values(version=SCHEMA_VERSION))
    else:
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))


def _to_version_2(connection: Connection) -> None:
    """Add delivered keys, locks, retries, files and the outcomes of parts of batches."""
    _add(connection, runs, "row_limit", "retry_of", "retry_reason", "fingerprint", "holder", "host", "query_id")
    _add(connection, batches, "skipped_events", "skipped_rows", "sent_at", "settled_at")
    _add(connection, parts, "state", "reason", "code", "message")
    # Version 1 did not record when a batch was first sent; it was not before its run started.
    began = select(runs.c.started_at).where(runs.c.run_id == batches.c.run_id).scalar_subquery()
    connection.execute(update(batches).where(batches.c.state != "pending").values(sent_at=began))
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE runs ALTER COLUMN rows_read TYPE BIGINT"))
    connection.execute(text("CREATE INDEX runs_by_scope ON runs (target, api_url)"))


def _to_version_3(connection: Connection) -> None:
    """Add audiences and the metrics of delivered events. New tables need no step of their own."""
    _add(connection, runs, "unchanged_members")
    _add(connection, batches, "members", "delivered_members", "figures")
    _add(connection, parts, "figures")


def _to_version_4(connection: Connection) -> None:
    """Add the value of identical rows, and the columns of files, for which version 1 has no table yet."""
    _add(connection, runs, "identical_value")
    if inspect(connection).has_table(files.name):
        _add(connection, files, "columns")


def _to_version_5(connection: Connection) -> None:
    """Add ad accounts of audiences; those that runs have sent to so far count as having the members."""
    if not inspect(connection).has_table(audiences.name):
        return
    audience_accounts.create(connection)
    for audience, advertiser_ids in connection.execute(select(audiences.c.id, audiences.c.advertiser_ids)).all():
        for advertiser_id in advertiser_ids:
            values = {"audience": audience, "advertiser_id": advertiser_id, "state": "served"}
            connection.execute(audience_accounts.insert().values(values))


def _to_version_6(connection: Connection) -> None:
    """Split the operation of audience batches, which was one text such as "add EMAIL_SHA256,PHONE_SHA256"."""
    for before, after in (("event_source", "resource_type"), ("event_source_id", "resource_id")):
        connection.execute(text(f"ALTER TABLE {batches.name} RENAME COLUMN {before} TO {after}"))
    _add(connection, batches, "action", "id_types")
    joined = select(batches.c.resource_type).where(batches.c.resource_type.like("% %")).distinct()
    for operation in connection.execute(joined).scalars().all():
        action, _, schemas = operation.partition(" ")
        id_types = [schema.removesuffix("_SHA256").lower() for schema in schemas.split(",")]
        values = {"resource_type": "audience", "action": action, "id_types": id_types}
        connection.execute(update(batches).where(batches.c.resource_type == operation).values(values))


def _to_version_7(connection: Connection) -> None:
    """Add runs on several machines, and incremental reading. New tables need no step of their own."""
    _add(connection, runs, "engine", "stage", "halt", "cursor")


def _to_version_8(connection: Connection) -> None:
    """Add what pages and other processes read of runs. New tables need no step of their own.

    Runs that ended before have no totals: readers sum their batches.
    """
    _add(connection, runs, "totals", "stop_requested_at")
    if inspect(connection).has_table(audit.name):
        _add(connection, audit, "actor", "via", "peer", "detail")
    for index in sorted(runs.indexes, key=lambda index: str(index.name)):
        if index.name in {"runs_by_start", "runs_by_orchestration"}:
            index.create(connection)


_STEPS = (_to_version_2, _to_version_3, _to_version_4, _to_version_5, _to_version_6, _to_version_7, _to_version_8)
"""The step from each version to the next, from version 1 on."""


def _add(connection: Connection, table: Table, *names: str) -> None:
    for name in names:
        column: Column[object] = table.c[name]
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
