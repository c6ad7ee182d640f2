"""Ledgers as earlier versions of the connector left them."""

import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine

SCRIPT = Path(__file__).with_name("version_1.sql")
FINISHED, INTERRUPTED = "20260301T110000-8b35a4", "20260301T120000-0f7471"
FINISHED_2, STOPPED_2 = "20260301T110000-c0ba4a", "20260301T120000-a82473"
"""The runs in version_2.sql: of the events g0 to g23 the first sent g0, g1 and g3, the second all but g2 and six."""

SENT_3 = "20261129T201855-8622b2"
"""The run in version_3.sql that sent the file f.csv."""

MIRRORED_5, REMOVED_5 = "20261130T023539-cc3bcf", "20261130T023540-bc532e"
"""The runs in version_5.sql that stopped half-way. What they staged is in tests/audiences/version_5."""

FINISHED_6, LOST_6 = "20261130T131130-7bd486", "20261130T131131-5a31a2"
"""The runs in version_6.sql: one that sent six events of 13 rows, and one whose six events were never answered for."""

FINISHED_7, FAILED_7 = "20261130T163920-af4120", "20261130T163933-e0d76b"
"""The runs in version_7.sql: one that sent eight events of 20 rows, and one whose six events never left."""

API_URL = "http://api.example"
_BEGAN = "2026-03-01T12:00:00.244+00:00"


def version_1(url: str, *, api_url: str = API_URL, began: datetime | None = None, state: str = "unknown") -> None:
    """Makes it at a URL. The interrupted run `began` then, goes to `api_url`, and its open batch is in that state."""
    script = SCRIPT.read_text().replace(API_URL, api_url).replace("20, 20, 'unknown'", f"20, 20, '{state}'")
    if began:
        script = script.replace(_BEGAN, began.astimezone(UTC).isoformat(timespec="milliseconds"))
    _execute(url, script)


def version_2(url: str) -> None:
    """Makes it at a URL."""
    _later(url, "version_2.sql")


def version_3(url: str) -> None:
    """Makes it at a URL."""
    _later(url, "version_3.sql")


def version_5(url: str, *, api_url: str = API_URL) -> None:
    """Makes it at a URL. Its runs go to `api_url`."""
    _later(url, "version_5.sql", api_url)


def version_6(url: str) -> None:
    """Makes it at a URL."""
    _later(url, "version_6.sql")


def version_7(url: str) -> None:
    """Makes it at a URL."""
    _later(url, "version_7.sql")


def without_operations(connection: Connection) -> None:
    """Makes the table `batches` that of version 5."""
    without_engines(connection)
    for statement in (
        "RENAME COLUMN resource_type TO event_source", "RENAME COLUMN resource_id TO event_source_id",
        "DROP COLUMN action", "DROP COLUMN id_types",
    ):  # fmt: skip
        connection.exec_driver_sql(f"ALTER TABLE batches {statement}")


def without_engines(connection: Connection) -> None:
    """Makes the table `runs` that of version 6."""
    without_totals(connection)
    for name in ("engine", "stage", "halt", "cursor"):
        connection.exec_driver_sql(f"ALTER TABLE runs DROP COLUMN {name}")


def without_totals(connection: Connection) -> None:
    """Makes the tables `runs` and `audit` those of version 7."""
    for index in ("runs_by_start", "runs_by_orchestration"):
        connection.exec_driver_sql(f"DROP INDEX {index}")
    for table, names in (("runs", ("totals", "stop_requested_at")), ("audit", ("actor", "via", "peer", "detail"))):
        for name in names:
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")


def _later(url: str, name: str, api_url: str = API_URL) -> None:
    script = SCRIPT.with_name(name).read_text().replace(API_URL, api_url)
    if url.startswith("postgresql"):
        script = re.sub(r"X'([0-9A-F]*)'", r"'\\x\1'", script).replace(" BLOB", " BYTEA")
        script = script.replace("CREATE TABLE moments (\n    id INTEGER", "CREATE TABLE moments (\n    id BIGSERIAL")
        script = re.sub(r"\b(rows_read|size|unchanged_members) INTEGER", r"\1 BIGINT", script)
        script = script.replace(" rows INTEGER,", " rows BIGINT,")
    _execute(url, script)


def _execute(url: str, script: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    if engine.dialect.name == "postgresql":
        script = script.replace("id INTEGER NOT NULL", "id SERIAL NOT NULL").replace(" FLOAT", " DOUBLE PRECISION")
    with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()
