"""What happened stays in the ledger as notices, whoever was told or not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connector.config.project import Project, load_project
from connector.ledger.notices import Recipient
from connector.ledger.project_ledger import ledger_of
from connector.ledger.views.notices import Notice, list_notices
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving
from tests.notifications.service import Service
from tests.notifications.test_dispatch import REVOKED, changed, run
from tests.scheduler.station import station
from tests.scheduler.test_loop import reschedule


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3))


def notices(made: Shop) -> list[Notice]:
    """The notices, oldest first."""
    with ledger_of(load_project(made.directory, {})) as ledger, ledger.database.reading() as connection:
        return list_notices(connection, "default")[::-1]


def test_failures_and_recoveries_have_notices_also_if_nobody_is_to_be_told(project: Shop, tiktok: TikTok) -> None:
    tiktok.answer = lambda body: REVOKED
    failed = run(project).json
    tiktok.answer = lambda body: Reply()
    again = inside("resume", "--json", project=project.directory).json
    run(project)
    first, second = notices(project)
    assert (first.kind, first.orchestration, first.run_id, first.told) == ("failed", NAME, failed["run_id"], ())
    assert first.text.startswith(f"{NAME} failed (target default): ") and "revoked" in first.text
    assert "jane.doe" not in first.text
    assert (second.kind, second.run_id) == ("recovered", again["run_id"])
    assert second.text == f"{NAME} completed again, after it had failed (target default)."


def test_a_notice_says_who_was_told_and_why_others_were_not(project: Shop, service: Service) -> None:
    changed(project, lambda settings: settings.update(notifications={
        "team": service.url, "broken": {"webhook": "http://127.0.0.1:9/"}, "unset": {"webhook": "{{ env.NOT_SET_HERE }}"},
    }))  # fmt: skip
    changed(project, lambda settings: settings["orchestrations"][NAME].update(
        notify={name: ["completed", "too_many_rejects"] for name in ("team", "broken", "unset")}, max_reject_percent=10
    ))  # fmt: skip
    run(project)
    project.query.write_text("SELECT 'e' AS event_id, now() AS timestamp, 'nobody' AS email")
    run(project)
    usual, rejects = notices(project)
    assert (usual.kind, rejects.kind) == ("completed", "too_many_rejects")
    for notice in (usual, rejects):
        told = {one.notification: one.error for one in notice.told}
        assert (told["team"], told["broken"]) == (None, "it could not be reached.")
        assert "NOT_SET_HERE" in str(told["unset"])
        assert isinstance(notice.told[0], Recipient)


def test_files_that_start_refuses_have_notices_and_are_marked_as_read(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as loop:
        reschedule(at, "every: 1h", "every: 3x")
        for _ in range(3):
            loop.tick(at.now)
    project = repaired(at.shop)
    (refused,) = notices(at.shop)
    assert (refused.kind, refused.run_id, refused.read_at) == ("refused", None, None)
    assert "must be a number of seconds, minutes, hours or days" in refused.text
    with ledger_of(project) as ledger:
        ledger.notices.mark_read("default", refused.id)
    assert notices(at.shop)[0].read_at is not None


def repaired(made: Shop) -> Project:
    made.settings.write_text(yaml.safe_dump(yaml.safe_load(made.settings.read_text().replace("3x", "3h"))))
    return load_project(made.directory, {})
