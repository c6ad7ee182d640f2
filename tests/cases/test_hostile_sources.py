"""Hostile strings of each kind of source: payloads are JSON and hold no needle, and what names nobody stays as it is."""

import csv
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from tests.cases.test_types import project
from tests.cli.command import inside
from tests.plain import HIDDEN
from tests.postgres import Postgres

NOW = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
CONTROLS = ("\x01", "\x08", "\t", "\n", "\x0c", "\x1b", "\x1f", "\x7f", "\\", "\\\\", '"', "\\u0000", "\u2028")
NEEDLES = ("jane@example.com", "+12125550142", "(212) 555-0142", "212-555-0142", *HIDDEN[::4])
INNOCENT = ("2 @ 3 EUR", "logo@2x.png", 'say "hi"\\', "\x01 \x1f", "a\\u0041b", "\U0001f600", "&amp; 50%")
TEXTS = [*(f"x {control}{needle} y" for control in CONTROLS for needle in NEEDLES), *INNOCENT]
TEMPLATE = {"extends": "tiktok_events", "parameters": {"properties.note": "note", "properties.own": "own"}}
QUERY = "SELECT id AS event_id, 'a@example.com' AS email, current_timestamp AS timestamp, note, own FROM t ORDER BY id"


def documents() -> list[dict[str, Any]]:
    return [{"a": [text, {text: 1.5}], "n": None} for text in TEXTS]


def of_duckdb(folder: Path, _: Postgres | None) -> str:
    pairs = pa.map_(pa.string(), pa.float64())
    kind = pa.list_(pa.struct([("t", pa.string()), ("m", pairs)]))
    own = pa.array([[{"t": text, "m": [(text, 1.5)]}] for text in TEXTS], kind)
    given = pa.table({"id": [f"e{number:03}" for number in range(len(TEXTS))], "note": TEXTS, "own": own})
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        connection.register("given", given)
        connection.execute("CREATE TABLE t AS FROM given")
    return "duckdb:///w.duckdb"


def of_sqlite(folder: Path, _: Postgres | None) -> str:
    with sqlite3.connect(folder / "w.sqlite") as connection:
        connection.execute("CREATE TABLE t (id TEXT, note TEXT, own JSON)")
        rows = [
            (f"e{number:03}", text, json.dumps(one))
            for number, (text, one) in enumerate(zip(TEXTS, documents(), strict=True))
        ]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    return "sqlite:///w.sqlite"


def of_postgresql(_: Path, postgres: Postgres | None) -> str:
    import adbc_driver_postgresql.dbapi as driver

    assert postgres is not None
    url = postgres.new_database()
    with driver.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id TEXT, note TEXT, own JSON)")
        for number, (text, one) in enumerate(zip(TEXTS, documents(), strict=True)):
            cursor.execute("INSERT INTO t VALUES ($1, $2, $3::TEXT::JSON)", (f"e{number:03}", text, json.dumps(one)))
        connection.commit()
    return url


@pytest.mark.parametrize("source", [of_duckdb, of_sqlite, of_postgresql])
def test_no_needle_of_a_warehouse_is_sent(tmp_path: Path, postgres: Postgres, source: Any) -> None:
    query = QUERY if source is not of_sqlite else QUERY.replace("current_timestamp", "strftime('%s', 'now')")
    check(with_template(project(tmp_path, source(tmp_path, postgres), query)))


def test_no_needle_of_a_delimited_file_is_sent(tmp_path: Path) -> None:
    made = project(tmp_path, "duckdb:///w.duckdb", "SELECT 1")
    settings = yaml.safe_load((made / "orchestrations.yaml").read_text())
    entry = settings["orchestrations"]["o"]
    del entry["query"], entry["warehouse"]
    entry["file"] = "in.csv"
    (made / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    with (made / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["event_id", "email", "timestamp", "note", "own"])
        for number, (text, one) in enumerate(zip(TEXTS, documents(), strict=True)):
            writer.writerow([f"e{number:03}", "a@example.com", NOW, text, json.dumps(one)])
    check(with_template(made))


def with_template(made: Path) -> Path:
    (made / "templates").mkdir()
    (made / "templates" / "own.yaml").write_text(yaml.safe_dump(TEMPLATE))
    settings = yaml.safe_load((made / "orchestrations.yaml").read_text())
    settings["orchestrations"]["o"]["template"] = "own"
    (made / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    return made


def check(made: Path) -> None:
    outcome = inside("preview", "o", "--rows", "1000", "--json", project=made)
    assert outcome.code == 0, outcome.stderr
    events = [event for request in json.loads(outcome.stdout)["requests"] for event in request["data"]]
    assert len(events) == len(TEXTS)
    for event in sorted(events, key=lambda one: str(one["event_id"])):
        text = TEXTS[int(event["event_id"][1:])]
        note, own = event["properties"]["note"], event["properties"]["own"]
        written = json.dumps(json.loads(own) if isinstance(own, str) else own, ensure_ascii=False)
        assert "example" not in note + written, ascii(text)
        assert "0142" not in note + written, ascii(text)
        if text in INNOCENT:
            assert note == text.strip()
            assert text in (json.loads(own)["a"][0] if isinstance(own, str) else own[0]["t"])
