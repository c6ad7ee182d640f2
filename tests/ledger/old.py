"""A ledger as an earlier version of the connector left it."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

SCRIPT = Path(__file__).with_name("version_1.sql")
FINISHED, INTERRUPTED = "20260301T110000-8b35a4", "20260301T120000-0f7471"
API_URL = "http://api.example"
_BEGAN = "2026-03-01T12:00:00.244+00:00"


def version_1(url: str, *, api_url: str = API_URL, began: datetime | None = None, state: str = "unknown") -> None:
    """Makes it at a URL. The interrupted run `began` then, goes to `api_url`, and its open batch is in that state."""
    script = SCRIPT.read_text().replace(API_URL, api_url).replace("20, 20, 'unknown'", f"20, 20, '{state}'")
    if began:
        script = script.replace(_BEGAN, began.astimezone(UTC).isoformat(timespec="milliseconds"))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    if engine.dialect.name == "postgresql":
        script = script.replace("id INTEGER NOT NULL", "id SERIAL NOT NULL").replace(" FLOAT", " DOUBLE PRECISION")
    with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()
