"""A run's page is made of its report in the ledger as it is of the run itself."""

import re
from datetime import UTC, datetime

import pytest

from connector.config.project import load_project
from connector.ledger.project_ledger import ledger_of
from connector.ledger.views.run_page import read_run
from connector.reporting.html.page import page
from connector.reporting.run_details import load_run_details
from connector.reporting.stored_report import details_from_report
from tests.cli.command import inside
from tests.cli.shop import Shop


@pytest.mark.parametrize("orchestration", ["store_purchases", "web_purchases", "vip_customers"])
def test_both_ways_make_the_same_page(example: Shop, orchestration: str) -> None:
    for _ in range(2):
        assert inside("run", orchestration, project=example.directory).code == 0
    project = load_project(example.directory, {})
    (run,) = inside("runs", "--limit", "1", "--json", project=example.directory).json["runs"]
    now = datetime.now(UTC)
    computed = page(load_run_details(project, run["run_id"]), now)
    with ledger_of(project) as ledger, ledger.database.reading() as connection:
        stored = read_run(connection, run["run_id"])
        assert stored is not None
        assert stored.report is not None
        read = page(details_from_report(project, ledger, stored.run, stored.report), now)
    assert re.sub(r"\s+", " ", read) == re.sub(r"\s+", " ", computed)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The project that `connector init` makes."""
    folder = tmp_path_factory.mktemp("example") / "shop"
    assert inside("init", str(folder), project=folder.parent).code == 0
    return Shop(folder)
