"""A run that is resumed before it was staged asks for the same consent as any other."""

import threading

import pytest

from connector.errors import UsageError
from connector.ledger.ledger import open_ledger
from connector.ledger.run_records import Scope
from connector.runs.resume import resume_run
from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, wanted
from tests.audiences.test_mirror import person
from tests.ledger.runs import RUN, started_run

PEOPLE = [person(number) for number in range(1, 21)]


def test_a_resumed_run_does_not_empty_an_audience(shop: Shop, tiktok: Simulator) -> None:
    shop.people(PEOPLE)
    shop.run()
    shop.people([])
    with open_ledger(shop.project.ledger_url) as ledger:
        started_run(ledger, RUN, orchestration=NAME, scope=Scope(shop.project.target, tiktok.url))
    with pytest.raises(UsageError, match="would empty the audience"):
        resume_run(shop.project, RUN, shop.listener, threading.Event())
    assert members(tiktok) == wanted(PEOPLE)
