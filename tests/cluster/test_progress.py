"""The progress of a run that is resumed counts what is sent from then on."""

import re
from collections.abc import Callable

import pytest

from connector.cli import progress
from tests.cli.command import inside
from tests.cli.shop import GOOD
from tests.cli.tiktok import OK, Reply
from tests.cluster.spread import Spread

REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)


def test_a_resumed_run_counts_what_it_sends_itself(
    inline_project: Callable[..., Spread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    made = inline_project("FROM orders", tables={"orders": GOOD.format(rows=5_000)}, destination={"max_in_flight": 1})
    answers = [OK, OK, OK]
    made.tiktok.answer = lambda _: answers.pop() if answers else REVOKED
    assert made.run().code == 1
    made.tiktok.answer = lambda _: OK
    resumed = inside("resume", project=made.directory)
    assert resumed.code == 0
    assert "staged 2,000 events" in resumed.stderr
    sent = re.findall(r"sent ([\d,]+) of", resumed.stderr)
    assert not [number for number in sent if int(number.replace(",", "")) > 2_000]
