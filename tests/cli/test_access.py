"""Roles decide who may send and who may see, and every use is written down."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.config.project import load_project
from connector.config.roles import os_user
from connector.errors import AccessRefused
from connector.privacy.access import check_access
from tests.cli.command import ROOT, Outcome, connector, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

ME = pwd.getpwuid(os.getuid()).pw_name
BAD = GOOD.replace(
    "'e' || n AS", "'e' || n AS order_id, CASE WHEN n = 1 THEN -1 ELSE 1 END AS price, 1 AS quantity, 'e' || n AS"
)
REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)
SENDING, SHOWING = ("run", "resume", "retry"), ("preview", "rejects")

Roles = dict[str, dict[str, Any]]
ADMIN: Roles = {"r": {"users": [ME], "admin": True}}
MEMBER: Roles = {"r": {"users": ["someone", ME], "pii": True}}
LIMITED: Roles = {"r": {"users": ["*"]}}
STRANGER: Roles = {"r": {"users": ["someone"], "admin": True, "pii": True}}


@pytest.fixture(scope="module")
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


class House:
    """A project, and who may do what in it."""

    def __init__(self, made: Shop, tiktok: TikTok) -> None:
        self.made, self.tiktok, self.written = made, tiktok, made.settings.read_text()
        self.done = self.stopped = ""

    def typed(self, *args: str, **environ: str) -> Outcome:
        return inside(*args, project=self.made.directory, environ=environ)

    def set(self, roles: Roles | None, **destination: bool) -> None:
        settings = yaml.safe_load(self.written)
        settings["destinations"]["stores"] |= destination
        self.made.settings.write_text(yaml.safe_dump(settings | ({"roles": roles} if roles else {})))

    def use(self, command: str, **environ: str) -> Outcome:
        about = {"run": NAME, "preview": NAME, "resume": self.stopped, "retry": self.done, "rejects": self.done}
        return self.typed(command, about[command], **environ)

    def audit(self) -> list[dict[str, Any]]:
        """Latest first."""
        lines: list[dict[str, Any]] = self.typed("runs", "audit", "--json").json["audit"]
        return lines


@pytest.fixture
def house(tmp_path: Path, tiktok: TikTok) -> House:
    """Where nothing was run yet."""
    return House(shop(tmp_path / "shop", tiktok.url, BAD.format(rows=3)), tiktok)


@pytest.fixture(scope="module")
def used_once(tmp_path_factory: pytest.TempPathFactory, tiktok: TikTok) -> House:
    """Where a run has ended, having left a row out, and another has stopped."""
    house = House(shop(tmp_path_factory.mktemp("used") / "shop", tiktok.url, BAD.format(rows=3)), tiktok)
    tiktok.answer = lambda body: OK
    house.done = house.typed("run", NAME, "--json").json["run_id"]
    tiktok.answer = lambda body: REVOKED
    house.made.query.write_text(house.made.query.read_text().replace("'e' || n AS event_id", "'f' || n AS event_id"))
    house.stopped = house.typed("run", NAME, "--json").json["run_id"]
    return house


@pytest.fixture
def used(tmp_path: Path, used_once: House) -> House:
    """The same in a folder of its own; TikTok takes no token yet."""
    copy = House(Shop(shutil.copytree(used_once.made.directory, tmp_path / "shop")), used_once.tiktok)
    copy.done, copy.stopped = used_once.done, used_once.stopped
    copy.tiktok.answer = lambda body: REVOKED
    return copy


ASKED: list[tuple[Roles | None, dict[str, bool], tuple[str, ...]]] = [
    (None, {}, (*SENDING, *SHOWING)),
    (ADMIN, {"admin_only": True}, (*SENDING, *SHOWING)),
    (MEMBER, {}, (*SENDING, *SHOWING)),
    (MEMBER, {"admin_only": True}, ()),
    (LIMITED, {}, ()),
    (LIMITED, {"pii_setting": True}, SENDING),
    (LIMITED, {"pii": True, "admin_only": True}, ()),
    (STRANGER, {"pii": True}, ()),
]


@pytest.mark.parametrize(("roles", "destination", "allowed"), ASKED)
def test_who_may_send_and_who_may_see(
    house: House, roles: Roles | None, destination: dict[str, bool], allowed: tuple[str, ...]
) -> None:
    house.set(roles, **destination)
    project = load_project(house.made.directory, {})
    for command in (*SENDING, *SHOWING):
        with (
            nullcontext()
            if command in allowed
            else pytest.raises(AccessRefused, match=f"^{ME} may not use `connector {command}` ")
        ):
            check_access(project, command, NAME)


def test_forgetting_somebody_takes_a_role_that_sees_people(house: House) -> None:
    for roles, allowed in ((None, True), (ADMIN, True), (MEMBER, True), (LIMITED, False), (STRANGER, False)):
        house.set(roles)
        with (
            nullcontext()
            if allowed
            else pytest.raises(AccessRefused, match=f"^{ME} may not use `connector forget` under the target")
        ):
            check_access(load_project(house.made.directory, {}), "forget", None)


def test_every_command_asks_and_a_refusal_is_written_down(used: House) -> None:
    used.set(STRANGER)
    before = len(used.tiktok.requests)
    for command in (*SENDING, *SHOWING):
        outcome = used.use(command)
        assert (outcome.code, outcome.stdout) == (2, "")
        assert outcome.sentence.startswith(
            f'{ME} may not use `connector {command}` on "{NAME}" under the target default: no role names'
        )
    assert len(used.tiktok.requests) == before
    refused = used.audit()[:5]
    assert [(line["command"], line["allowed"]) for line in reversed(refused)] == [
        (command, False) for command in (*SENDING, *SHOWING)
    ]


def test_every_command_that_is_allowed_is_written_down(used: House) -> None:
    used.set(MEMBER)
    for command in ("rejects", "preview", "retry", "resume", "run"):
        assert " may not " not in used.use(command).stderr
        line = used.audit()[0]
        assert (line["command"], line["allowed"], line["os_user"]) == (command, True, ME)


def test_a_refusal_opens_nothing(house: House) -> None:
    house.made.warehouse.unlink()
    house.set(STRANGER)
    assert "no role names them" in house.use("run").sentence
    house.set(MEMBER, admin_only=True)
    assert "the destination stores is for admins only" in house.use("preview").sentence
    assert house.typed("runs", "--json").json["runs"] == []


def test_the_environment_does_not_say_who_somebody_is(house: House) -> None:
    house.set(STRANGER)
    assert house.use("run", USER="someone", LOGNAME="someone", USERNAME="someone").code == 2
    assert os_user() == ME


def test_the_audit_says_who_did_what_where(used: House) -> None:
    used.tiktok.answer = lambda body: OK
    assert used.use("resume").code == 0
    resumed, stopped, done = used.audit()
    who = {"os_user": ME, "host": socket.gethostname(), "orchestration": NAME, "target": "default", "allowed": True}
    assert {key: done[key] for key in who} == who
    told = [(one["command"], one["run_id"]) for one in (done, stopped, resumed)]
    assert told == [("run", used.done), ("run", used.stopped), ("resume", used.stopped)]
    shown = used.typed("runs", "show", used.stopped, "--json").json
    assert shown["by"] == [f"{ME}@{socket.gethostname()}"] * 2
    assert f"By {ME}@{socket.gethostname()}." in used.typed("runs", "show", used.stopped).stdout
    assert used.stopped in used.typed("runs", "audit", "--limit", "1").stdout


def test_the_rows_of_an_orchestration_that_is_gone_are_for_admins(used: House) -> None:
    used.written = used.written.replace(f"  {NAME}:", "  renamed:")
    used.set(MEMBER)
    assert used.use("rejects").code == 2
    used.set(ADMIN)
    assert used.use("rejects").code == 0


def test_roles_may_differ_between_targets(house: House) -> None:
    settings = yaml.safe_load(house.made.settings.read_text())
    settings |= {"target": "sandbox", "targets": {"sandbox": {"roles": MEMBER}, "production": {"roles": STRANGER}}}
    house.made.settings.write_text(yaml.safe_dump(settings))
    assert house.use("preview").code == 0
    assert house.typed("preview", NAME, "--target", "production").code == 2


@pytest.mark.parametrize("roles", [None, {}])
@pytest.mark.parametrize("command", [("validate",), ("run", NAME), ("plan", NAME), ("destinations", "test", "stores")])
def test_admin_only_without_roles_is_a_mistake(house: House, roles: Roles | None, command: tuple[str, ...]) -> None:
    settings = yaml.safe_load(house.written)
    settings["destinations"]["stores"]["admin_only"] = True
    house.made.settings.write_text(yaml.safe_dump(settings if roles is None else settings | {"roles": roles}))
    line = 1 + house.made.settings.read_text().splitlines().index("    admin_only: true")
    refused = house.typed(*command)
    assert refused.code == 2
    assert refused.sentence.startswith(f"{house.made.settings}:{line}: destinations.stores.admin_only restricts nobody")
    assert "admin: true" in refused.sentence


def test_admin_only_from_the_environment_without_roles_is_a_mistake_too(house: House) -> None:
    settings = yaml.safe_load(house.written)
    settings["destinations"]["stores"]["admin_only"] = "{{ env.CLOSED }}"
    house.made.settings.write_text(yaml.safe_dump(settings))
    house.tiktok.answer = lambda body: OK
    assert house.use("run", CLOSED="false").code == 0
    refused = house.use("run", CLOSED="true")
    assert (refused.code, "admin_only restricts nobody" in refused.sentence) == (2, True)


def test_a_destination_for_admins_is_tested_by_admins_alone(house: House) -> None:
    house.tiktok.answer = lambda body: OK
    before = len(house.tiktok.requests)
    for roles in (MEMBER, LIMITED, STRANGER):
        house.set(roles, admin_only=True)
        refused = house.typed("destinations", "test", "stores", "--test-event-code", "TEST1")
        assert refused.code == 2
        assert refused.sentence == (
            f'{ME} may not test the destination "stores" under the target default: the destination stores is for '
            "admins only. The roles are in orchestrations.yaml."
        )
        assert (house.audit()[0]["command"], house.audit()[0]["allowed"]) == ("destinations test stores", False)
    assert len(house.tiktok.requests) == before
    allowed: list[tuple[Roles | None, bool]] = [(ADMIN, True), (MEMBER, False), (None, False)]
    for given, admin_only in allowed:
        house.set(given, admin_only=admin_only)
        assert " may not " not in house.typed("destinations", "test", "stores").stderr


def test_a_credential_of_destinations_for_admins_is_changed_by_admins_alone(house: House) -> None:
    house.set(MEMBER, admin_only=True)
    for command in ("refresh", "login"):
        refused = house.typed("auth", command, "tiktok")
        assert (refused.code, f'{ME} may not auth {command} "tiktok"' in refused.sentence) == (2, True)
    assert house.typed("auth", "status", "tiktok").code == 0
    settings = yaml.safe_load(house.made.settings.read_text())
    settings["destinations"]["others"] = {**settings["destinations"]["stores"], "admin_only": False}
    house.made.settings.write_text(yaml.safe_dump(settings))
    assert " may not " not in house.typed("auth", "refresh", "tiktok").stderr


MISTAKES = {
    "a misspelt key": ({"r": {"usres": [ME]}}, 'roles.r.usres is not a known key. Did you mean "users"?'),
    "no mapping": ({"r": [ME]}, "roles.r is a list; it must be a mapping"),
    "no switch": ({"r": {"users": [ME], "admin": "maybe"}}, 'roles.r.admin is "maybe"; it must be true or false.'),
    "no users": ({"r": {"users": {"a": 1}}}, "roles.r.users is a mapping; it must be a list of texts"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_roles_is_told(tmp_path: Path, mistake: str) -> None:
    made = shop(tmp_path / "shop", "simulator", GOOD.format(rows=1))
    roles, sentence = MISTAKES[mistake]
    made.settings.write_text(made.settings.read_text() + yaml.safe_dump({"roles": roles}))
    outcome = inside("validate", project=made.directory)
    assert outcome.code == 2
    assert sentence in outcome.sentence


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_user_without_a_name_is_known_by_number() -> None:
    script = "import os; from connector.config.roles import os_user; os.setuid(54321); print(os_user())"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "#54321\n"


def test_the_command_refuses_as_a_process(house: House) -> None:
    house.set(STRANGER)
    refused = connector("run", NAME, "--json", project=house.made.directory, environ={"USER": "someone"})
    assert (refused.code, list(refused.json)) == (2, ["error"])
