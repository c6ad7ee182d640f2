"""Pages of a ledger with ten thousand runs cost what those of a small one cost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from sqlalchemy import Engine, event, insert

from connector.config.project import load_project
from connector.console.server import ConsoleServer
from connector.ledger.project_ledger import ledger_of
from connector.ledger.tables import batches, runs
from tests.cli.shop import Shop, shop
from tests.console.conftest import serving, sign_in
from tests.console.test_pages import GETS, MOST_STATEMENTS

pytestmark = pytest.mark.thorough

NAMES = [f"orders_{number}" for number in range(5)]
ROWS = {"read": 3_000, "delivered": 2_990, "rejected": 10, "skipped": 0, "pending": 0}
TOTALS = {
    "rows": ROWS, "events_built": 2_990, "events_delivered": 2_990, "events_refused": 0, "members": None,
    "value": {"USD": "100.5"}, "newest_event": "2026-11-30T00:00:00+00:00",
}  # fmt: skip


def filled(made: Shop, count: int) -> str:
    """Writes so many runs, three batches each, and returns the id of the last."""
    project, begin = load_project(made.directory, {}), datetime(2026, 1, 1, tzinfo=UTC)
    run_rows, batch_rows = [], []
    for number in range(count):
        at = (begin + timedelta(minutes=30 * number)).isoformat(timespec="milliseconds")
        run_rows.append({
            "run_id": f"r{number:06}", "orchestration": NAMES[number % 5], "target": "default", "workflow": "automatic",
            "destination": "stores", "api_url": "simulator", "status": "failed" if number % 97 == 0 else "completed",
            "started_at": at, "finished_at": at, "seconds": 12.5, "staged": True, "rows_read": 3_000, "totals": TOTALS,
            "rejects": {"missing_identity": 10}, "skips": {}, "warnings": {},
        })  # fmt: skip
        batch_rows += [
            {
                "run_id": f"r{number:06}", "number": place, "resource_type": "offline", "resource_id": "1", "file": "x",
                "place": place, "events": 1_000, "rows": 1_000, "state": "delivered", "delivered_events": 1_000,
                "delivered_rows": 1_000,
            }
            for place in range(3)
        ]  # fmt: skip
    with ledger_of(project) as ledger, ledger.database.writing() as connection:
        connection.execute(insert(runs), run_rows)
        connection.execute(insert(batches), batch_rows)
    return f"r{count - 1:06}"


@contextmanager
def console(folder: object, count: int) -> Iterator[tuple[ConsoleServer, str]]:
    made = shop(folder / "shop", "simulator", "SELECT 1 AS x")  # type: ignore[operator]
    settings = yaml.safe_load(made.settings.read_text())
    (entry,) = settings["orchestrations"].values()
    settings["orchestrations"] = dict.fromkeys(NAMES, entry)
    made.settings.write_text(yaml.safe_dump(settings))
    run_id = filled(made, count) if count else ""
    with serving(made.directory) as server:
        yield server, run_id


def statements(server: ConsoleServer, run_id: str, path: str) -> int:
    counted: list[str] = []
    visitor = sign_in(server)
    name = "stores" if "destinations" in path else NAMES[0]
    url = path.replace("{run_id}", run_id).replace("{name}", name).replace("{kind}", "csv").replace("{step}", "query")
    visitor.get(url)

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN") and "FROM launches \nWHERE launches.host" not in statement:
            counted.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    assert visitor.get(url).status_code == 200
    event.remove(Engine, "before_cursor_execute", count)
    return len(counted)


def test_pages_of_many_runs_cost_what_those_of_few_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        console(tmp_path_factory.mktemp("many"), 10_000) as (many, last),
        console(tmp_path_factory.mktemp("few"), 100) as (few, last_of_few),
    ):
        for path in (path for path in GETS if "rejects." not in path):
            cost = statements(many, last, path)
            assert cost == statements(few, last_of_few, path), path
            assert cost <= MOST_STATEMENTS + (path == "/runs/{run_id}"), path
        assert len(sign_in(many).get("/").content) < 40_000
        assert len(sign_in(many).get("/runs").content) < 60_000
        older = re.findall(r'href="([^"]+)">Older runs', sign_in(few).get("/runs").text)
        page = sign_in(few).get(older[0].replace("&amp;", "&")).text
        assert page.count('class="badge ') == 50
        assert "Older runs" not in page
