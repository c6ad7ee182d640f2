"""A shared stage that is gone may be unmounted, so nobody reads again what it has, unless a user says that it is lost."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cli.command import inside
from tests.cli.shop import GOOD
from tests.cli.tiktok import OK, Reply
from tests.cluster.spread import Spread

ROWS = 2_500
REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)


def test_a_stage_that_was_deleted_is_read_again_once_the_user_says_so(
    inline_project: Callable[..., Spread],
) -> None:
    made = inline_project("FROM orders", tables={"orders": GOOD.format(rows=ROWS)}, destination={"max_in_flight": 1})
    answers = [OK]
    made.tiktok.answer = lambda _: answers.pop() if answers else REVOKED
    assert made.run().code == 1
    sent = len(made.tiktok.accepted)
    (stage,) = made.stage.iterdir()
    shutil.rmtree(stage)
    made.tiktok.answer = lambda _: OK
    for words in (("resume",), ("run", "purchases")):
        refused = inside(*words, project=made.directory)
        assert refused.code == 2
        assert f"{stage} is not the same folder" in refused.stderr
    assert len(made.tiktok.accepted) == sent
    named = re.search(r"put an empty file (\S+) into it", refused.stderr)
    assert named
    stage.mkdir()
    Path(stage, named[1]).touch()
    resumed = inside("resume", project=made.directory)
    assert resumed.code == 0, resumed.stderr
    events = [event["event_id"] for request in made.tiktok.accepted for event in request.events]
    assert len(events) == len(set(events)) == ROWS
