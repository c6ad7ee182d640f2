"""Whoever is to be told of a run is told of it, and the run is none the worse for it."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.config.project import load_project
from connector.notifications.dispatch import notify_of_missing_run, notify_of_runs
from connector.notifications.message import missing_run_message
from connector.notifications.notifier import send
from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving
from tests.notifications.service import Service
from tests.postgres import free_port

QUERY = GOOD.format(rows=3)
REVOKED = Reply(code=40105, message="The token of jane.doe@example.com (+1 415 555 0100) is revoked.")
EMAIL, PHONE = "jane.doe@example.com", "415 555 0100"


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, tiktok: TikTok, service: Service) -> Shop:
    made = shop(tmp_path / "shop", tiktok.url, QUERY, notify={"team": ["failed", "completed", "recovered"]})
    changed(made, lambda settings: settings.update(notifications={"team": service.url}))
    return made


def changed(project: Shop, change: Callable[[dict[str, Any]], object]) -> None:
    settings = yaml.safe_load(project.settings.read_text())
    change(settings)
    project.settings.write_text(yaml.safe_dump(settings))


def orchestration(project: Shop, **keys: object) -> None:
    changed(project, lambda settings: settings["orchestrations"][NAME].update(keys))


def run(project: Shop) -> Outcome:
    return inside("run", NAME, "--json", project=project.directory)


def refuse(tiktok: TikTok) -> None:
    tiktok.answer = lambda body: REVOKED


def test_a_run_that_completed_is_told_with_its_counts_and_its_id(project: Shop, service: Service) -> None:
    record = run(project).json
    (told,) = service.told()
    assert told["title"] == f"{NAME} completed (target default)"
    assert record["run_id"] in told["message"]
    assert "3 rows read: 3 delivered, 0 rejected, 0 skipped, 0 pending." in told["message"]
    assert told["type"] == "success"


@pytest.mark.parametrize(("notifications", "count"), [({"team": "slack://x"}, 1), ({}, 0)], ids=["some", "none"])
def test_a_ledger_that_is_gone_is_told_only_if_somebody_would_be_notified(
    project: Shop, notifications: dict[str, str], count: int
) -> None:
    changed(project, lambda settings: settings["orchestrations"][NAME].pop("notify"))
    changed(project, lambda settings: settings.update(ledger=f"postgresql://nobody@127.0.0.1:{free_port()}/ledger"))
    changed(project, lambda settings: settings.update(notifications=notifications))
    notes: list[str] = []
    notify_of_runs(load_project(project.directory, {}), ["20261130T101112-abcdef"], notes.append)
    assert len([note for note in notes if note.startswith("Nobody was notified: The ledger")]) == len(notes) == count


def test_a_failed_run_is_told_with_what_to_do_and_without_identifiers(
    project: Shop, service: Service, tiktok: TikTok
) -> None:
    refuse(tiktok)
    done = run(project)
    (told,) = service.told()
    assert done.code == 1
    assert told["title"] == f"{NAME} failed (target default)"
    assert f"connector resume {done.json['run_id']}" in told["message"]
    assert told["type"] == "failure"
    assert EMAIL not in str(service.got)
    assert PHONE not in str(service.got)
    assert "0@example.com" not in str(service.got)


def test_a_query_that_fails_on_a_value_is_told_without_it(project: Shop, service: Service) -> None:
    project.query.write_text(f"SELECT CAST('{EMAIL}' AS INTEGER) AS event_id, now() AS timestamp")
    assert run(project).code == 1
    assert len(service.told()) == 1
    assert EMAIL not in str(service.got)


def test_the_first_run_to_complete_after_failures_is_told_as_recovered_and_the_next_is_not(
    project: Shop, service: Service, tiktok: TikTok
) -> None:
    orchestration(project, notify={"team": "recovered"})
    refuse(tiktok)
    assert [run(project).code for _ in range(2)] == [1, 1]
    tiktok.answer = lambda body: Reply()
    assert [run(project).code for _ in range(2)] == [0, 0]
    assert service.titles == [f"{NAME} completed again, after it had failed (target default)"]


def test_a_run_that_is_resumed_recovers_as_well(project: Shop, service: Service, tiktok: TikTok) -> None:
    refuse(tiktok)
    failed = run(project).json
    tiktok.answer = lambda body: Reply()
    assert inside("resume", project=project.directory).code == 0
    assert service.titles == [
        f"{NAME} failed (target default)",
        f"{NAME} completed again, after it had failed (target default)",
    ]
    assert failed["run_id"] in service.told()[1]["message"]


def test_too_many_rejects_are_told_to_whoever_asks_for_them_or_for_failures(project: Shop, service: Service) -> None:
    asking = ("too_many_rejects", "failed", "completed", "recovered")
    hooks = {asked: {"webhook": f"{service.webhook}/{asked}"} for asked in asking}
    changed(project, lambda settings: settings.update(notifications=hooks))
    project.query.write_text("SELECT 'e' AS event_id, now() AS timestamp, 'nobody' AS email")
    orchestration(project, max_reject_percent=10, notify={asked: asked for asked in asking})
    assert run(project).code == 3
    assert sorted(path for path, _ in service.got) == ["/hook/failed", "/hook/too_many_rejects"]
    assert {body["ending"] for _, body in service.got} == {"too_many_rejects"}


def test_a_notification_without_words_is_for_what_is_wrong_and_for_its_end(
    project: Shop, service: Service, tiktok: TikTok
) -> None:
    orchestration(project, notify="team")
    assert run(project).code == 0
    assert service.told() == []
    refuse(tiktok)
    project.query.write_text(QUERY.replace("'e'", "'f'"))
    assert run(project).code == 1
    assert len(service.told()) == 1


def test_a_webhook_gets_the_run_as_json_prints_it(project: Shop, service: Service) -> None:
    changed(project, lambda settings: settings.update(notifications={"team": {"webhook": service.webhook}}))
    record = run(project).json
    (told,) = service.told("/hook")
    assert told.pop("ending") == "completed"
    assert told == {key: value for key, value in record.items() if key != "resumed"}


UNREACHABLE = {
    "nobody": "json://user:hush-hush@127.0.0.1:9/nobody",
    "unknown": "nosuchservice://hush-hush@here",
    "hook": {"webhook": "http://127.0.0.1:9/hush-hush"},
    "unset": "{{ env.NOT_SET }}",
}


def test_services_that_cannot_be_reached_change_nothing_of_the_run(project: Shop) -> None:
    changed(project, lambda settings: settings.update(notifications=UNREACHABLE))
    orchestration(project, notify=dict.fromkeys(UNREACHABLE, "completed"))
    done = run(project)
    assert done.code == 0
    assert done.record()["status"] == "completed"
    assert "hush-hush" not in done.stderr
    assert sorted(line.split(":")[0] for line in done.stderr.splitlines()) == [
        f'The notification "{name}" was not sent' for name in sorted(UNREACHABLE)
    ]


def test_a_webhook_that_does_not_take_the_run_is_noted_with_its_answer(project: Shop, service: Service) -> None:
    hooks = {f"h{status}": {"webhook": f"{service.webhook}/{status}"} for status in (204, 302, 404, 500)}
    changed(project, lambda settings: settings.update(notifications=hooks))
    orchestration(project, notify=dict.fromkeys(hooks, "completed"))
    done = run(project)
    assert done.code == 0
    assert done.stderr.splitlines() == [
        f'The notification "h{status}" was not sent: HTTP {status}.' for status in (302, 404, 500)
    ]


def test_services_that_do_not_answer_are_not_waited_for_longer_than_said(project: Shop, service: Service) -> None:
    """Three at the same time cost no more than one."""
    service.go_on.clear()
    hooks = {name: {"webhook": service.webhook} for name in ("a", "b", "c")}
    changed(project, lambda settings: settings.update(notifications=hooks))
    orchestration(project, notify=[])
    opened = load_project(project.directory, {})
    message = missing_run_message(NAME, "default", "It could not begin.")
    notes: list[str] = []
    began = time.monotonic()
    send([(opened.notification(name), message) for name in hooks], notes.append, 0.3)
    assert time.monotonic() - began < 3
    assert notes == [f'The notification "{name}" was not sent: there was no answer within 0.3 s.' for name in hooks]


def test_what_could_not_begin_is_told_and_recovers(project: Shop, service: Service) -> None:
    notes: list[str] = []
    notify_of_missing_run(
        load_project(project.directory, {}), NAME, {"team": ("failed",)}, "The run was ended by signal 9.", notes.append
    )
    assert run(project).code == 0
    assert notes == []
    assert service.told()[0]["message"] == "The run was ended by signal 9."
    assert service.titles[1] == f"{NAME} completed again, after it had failed (target default)"


def test_a_run_that_nobody_is_to_be_told_of_says_nothing(project: Shop, service: Service) -> None:
    orchestration(project, notify={"team": []})
    done = run(project)
    assert (done.code, done.stderr, service.got) == (0, "", [])


def test_an_installation_without_apprise_says_which_extra_it_needs(
    project: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    checked = inside("validate", project=project.directory)
    assert checked.code == 2
    assert "has a url, for which apprise is needed: pip install 'sql-to-tiktok[notifications]'." in checked.stderr
    done = run(project)
    assert done.code == 0
    assert "apprise is needed: pip install 'sql-to-tiktok[notifications]'." in done.stderr


def test_a_webhook_needs_no_apprise(project: Shop, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    changed(project, lambda settings: settings.update(notifications={"team": {"webhook": service.webhook}}))
    assert inside("validate", project=project.directory).code == 0
    assert run(project).code == 0
    assert len(service.told("/hook")) == 1
