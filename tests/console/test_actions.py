"""What users do in the console: plan, run, retry, stop, resume, test, pause; by whom, and once."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from connector.console.background import Tasks, TooMuchWork, new_task
from connector.console.plans import Audience, Danger, dangers, missing
from connector.console.security.limits import PLANS
from connector.console.server import ConsoleServer
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.console.conftest import Visitor, form_token, serving, sign_in
from tests.console.test_live import slow_run
from tests.console.test_roles import ORIGIN, ROLES, request

BAD = "SELECT *, CASE WHEN event_id = 'e1' THEN 'dollars' ELSE 'USD' END AS currency FROM ({good})"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project of which one row is rejected."""
    folder = tmp_path_factory.mktemp("acting") / "shop"
    query = BAD.format(good=GOOD.format(rows=10))
    schedule = {"cron": "15 6 * * *", "timezone": "America/New_York"}
    return shop(folder, "simulator", query, workflow="automatic", schedule=schedule)


@pytest.fixture(scope="module")
def acting(made: Shop) -> Iterator[ConsoleServer]:
    with serving(made.directory) as server:
        yield server


@pytest.fixture
def ben(acting: ConsoleServer) -> Visitor:
    return sign_in(acting)


def wait(visitor: Visitor, path: str, is_done: Callable[[httpx.Response], bool]) -> httpx.Response:
    """What a page shows at last."""
    until = time.monotonic() + 60
    while not is_done(answer := visitor.get(path)):
        assert time.monotonic() < until, answer.text
        time.sleep(0.2)
    return answer


def planned(visitor: Visitor, **form: str) -> str:
    """The path of a plan that is made."""
    answer = visitor.post(f"/orchestrations/{NAME}/plan", form, page=f"/orchestrations/{NAME}/run")
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    wait(visitor, path, lambda page: "data-reload" not in page.text)
    return str(path)


def launched(visitor: Visitor, path: str) -> str:
    """The path of the run of a launch, once it has ended."""
    answer = wait(visitor, path, lambda page: page.status_code == 303 or "data-reload" not in page.text)
    assert answer.status_code == 303, answer.text
    run = answer.headers["location"]
    wait(visitor, run, lambda page: "badge running" not in page.text)
    return str(run)


def test_a_plan_is_confirmed_and_run_once_and_its_rejects_are_retried(ben: Visitor, made: Shop) -> None:
    plan = planned(ben)
    page = ben.get(plan).text
    assert "Send 9 events to the simulator" in page, page
    assert "not at TikTok" in page
    assert re.search(r"Rows read</th><td class=\"num\">10</td>", page)
    first = ben.post(f"{plan}/run", page=plan)
    again = ben.post(f"{plan}/run", page=plan)
    assert first.headers["location"] == again.headers["location"]
    run = launched(ben, first.headers["location"])
    (record,) = inside("runs", "--json", project=made.directory).json["runs"]
    assert run.endswith(record["run_id"])
    assert record["rows"] == {"read": 10, "delivered": 9, "rejected": 1, "skipped": 0, "pending": 0}
    assert ben.get(f"{run}/resume").status_code == 409
    assert "invalid_currency" in ben.get(f"{run}/retry").text
    assert ben.post(f"{run}/retry", {"reason": "invalid_cur"}, page=f"{run}/retry").status_code == 400
    made.query.write_text(GOOD.format(rows=10))
    asked = ben.post(f"{run}/retry", {"reason": "invalid_currency"}, page=f"{run}/retry")
    launched(ben, asked.headers["location"])
    retried = inside("runs", "--json", project=made.directory).json["runs"][0]
    assert (retried["run_id"] != record["run_id"], retried["rows"]["delivered"]) == (True, 1)
    made.query.write_text(BAD.format(good=GOOD.format(rows=10)))
    lines = inside("runs", "audit", "--json", project=made.directory).json["audit"]
    assert [(line["command"], line["via"]) for line in lines][:3] == [
        ("retry", "console"), ("run", "console"), ("plan", "console"),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "9" * 13, "١"])
def test_a_number_of_rows_that_is_none_is_refused_with_what_was_typed(ben: Visitor, limit: str) -> None:
    answer = ben.post(f"/orchestrations/{NAME}/plan", {"limit": limit}, page=f"/orchestrations/{NAME}/run")
    assert answer.status_code == 400
    assert "is no number of rows" in answer.text
    assert f'value="{limit}"' in answer.text
    assert "<title>Error: " in answer.text


@pytest.mark.thorough
def test_a_plan_of_what_was_changed_since_is_refused(ben: Visitor, made: Shop) -> None:
    plan = planned(ben, limit="3")
    assert "the first 3" in ben.get(plan).text
    before = made.query.read_text()
    made.query.write_text(f"{before} ")
    answer = ben.post(f"{plan}/run", page=plan)
    made.query.write_text(before)
    assert answer.status_code == 409
    assert "was changed since this plan. Plan again." in answer.text


def test_a_plan_that_fails_says_why(ben: Visitor, made: Shop) -> None:
    before = made.query.read_text()
    made.query.write_text("SELECT nothing FROM nowhere")
    plan = planned(ben)
    made.query.write_text(before)
    page = ben.get(plan).text
    assert "The plan failed: " in page
    assert "Nothing was sent." in page
    assert ben.get("/plans/0123").status_code == 404


def test_a_destination_is_tested(ben: Visitor) -> None:
    answer = ben.post("/destinations/stores/test", page="/destinations/stores")
    page = wait(ben, answer.headers["location"], lambda page: "data-reload" not in page.text).text
    assert "Passed: TikTok takes the access token." in page
    assert "Last tested" in page


def test_a_schedule_is_paused_and_goes_on(ben: Visitor) -> None:
    assert ben.post(f"/schedule/{NAME}/pause", page="/schedule").headers["location"] == "/schedule"
    assert "Paused by" in ben.get("/schedule").text
    assert '<td class="wider">Paused</td>' in ben.get("/").text
    assert ben.post(f"/schedule/{NAME}/unpause", page=f"/orchestrations/{NAME}").status_code == 303
    assert "Paused by" not in ben.get("/schedule").text


@pytest.mark.thorough
def test_a_run_is_stopped_and_resumed(tmp_path: Path) -> None:
    with slow_run(tmp_path, 130) as run:
        visitor = sign_in(run.server)
        page = f"/runs/{run.run_id}"
        assert "Stop the run" in visitor.get(f"{page}/stop").text
        assert visitor.post(f"{page}/stop", page=f"{page}/stop").headers["location"] == page
        assert "Stopping: requests in flight are finished first." in visitor.get(page).text
        wait(visitor, page, lambda answer: "badge interrupted" in answer.text)
        run.answered.set()
        assert ">Resume<" in visitor.get("/").text.replace('<span class="unseen"> purchases</span>', "")
        asked = visitor.post(f"{page}/resume", page=f"{page}/resume")
        assert launched(visitor, asked.headers["location"]) == page
        assert "badge completed" in visitor.get(page).text


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console behind a proxy, of a destination that is for admins only."""
    query = GOOD.format(rows=5)
    made = shop(tmp_path_factory.mktemp("guarded") / "shop", "simulator", query, destination={"admin_only": True})
    settings = yaml.safe_load(made.settings.read_text())
    console = {"auth": "proxy", "header": "X-Forwarded-User", "trusted": "127.0.0.1", "origins": ORIGIN}
    made.settings.write_text(yaml.safe_dump({**settings, "roles": ROLES, "console": console}))
    with serving(made.directory) as server:
        yield server


@pytest.mark.parametrize("user", ["vera", "sam", "ada"])
def test_what_is_for_admins_only_is_refused_to_others_and_in_the_audit(guarded: ConsoleServer, user: str) -> None:
    who = ("X-Forwarded-User", user)
    page = request(guarded, "/destinations/stores", who).text
    token = form_token(page, "/destinations/stores/test")
    client = httpx.Client(base_url=f"http://127.0.0.1:{guarded.console.port}")
    headers = {"Host": "connector.example", "X-Forwarded-User": user, "Origin": ORIGIN}
    with client:
        answer = client.post("/destinations/stores/test", data={"form_token": token}, headers=headers)
    assert answer.status_code == (303 if user == "ada" else 403)
    assert ("Run<" in request(guarded, "/", who).text) == (user == "ada")
    if user != "ada":
        assert "is for admins only" in answer.text
        audit = request(guarded, f"/audit?allowed=no&user={user}", ("X-Forwarded-User", "ada")).text
        assert "destinations test stores" in audit


def test_a_form_of_one_user_is_not_anothers(guarded: ConsoleServer) -> None:
    token = form_token(
        request(guarded, "/destinations/stores", ("X-Forwarded-User", "vera")).text, "/destinations/stores/test"
    )
    headers = {"Host": "connector.example", "X-Forwarded-User": "ada", "Origin": ORIGIN}
    with httpx.Client(base_url=f"http://127.0.0.1:{guarded.console.port}") as client:
        answer = client.post("/destinations/stores/test", data={"form_token": token}, headers=headers)
    assert answer.status_code == 409


def test_so_many_plans_at_once() -> None:
    tasks = Tasks(PLANS, 1)
    first = tasks.start(new_task("plan", "anna", "local", NAME), lambda task: task.cancelled.wait(30))
    with pytest.raises(TooMuchWork):
        tasks.start(new_task("plan", "anna", "local", NAME), lambda _: None)
    tasks.start(new_task("plan", "ben", "local", NAME), lambda task: task.cancelled.wait(30))
    with pytest.raises(TooMuchWork):
        tasks.start(new_task("plan", "chris", "local", NAME), lambda _: None)
    tasks.cancel_all()
    until = time.monotonic() + 10
    while first.ended is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def plan(**changed: object) -> dict[str, object]:
    rows = {"read": 100, "to_send": 90, "rejected": 10, "skipped": 0}
    plain: dict[str, object] = {
        "rows": rows,
        "limit": None,
        "changes": [],
        "members": None,
        "warnings": {},
        "test_event_code": None,
    }
    return {**plain, **changed}


USUAL = {"read": 100.0, "to_send": 95.0, "rejected": 5.0, "skipped": 0.0}


@pytest.mark.parametrize(
    ("given", "usual", "real", "first", "keys"),
    [
        (plan(), USUAL, False, True, []),
        (plan(), USUAL, True, False, []),
        (plan(), {}, True, True, ["first"]),
        (plan(rows={"read": 201, "to_send": 201, "rejected": 0, "skipped": 0}), USUAL, True, False, ["rows"]),
        (plan(rows={"read": 49, "to_send": 49, "rejected": 0, "skipped": 0}), USUAL, False, False, ["rows"]),
        (plan(rows={"read": 49, "to_send": 49, "rejected": 0, "skipped": 0}, limit=49), USUAL, False, False, []),
        (plan(rows={"read": 100, "to_send": 80, "rejected": 11, "skipped": 0}), USUAL, True, False, ["rejected"]),
        (
            plan(identical_value={"USD": "18332.10"}, warnings={"identical_rows": 1204}),
            USUAL,
            True,
            False,
            ["identical"],
        ),
        (plan(changes=["An event set is created."]), USUAL, True, False, ["changes"]),
        (plan(members={"removed": 26, "added": 1, "unchanged": 74}), USUAL, True, False, ["audience"]),
        (plan(members={"removed": 25, "added": 1, "unchanged": 75}), USUAL, True, False, []),
        (plan(changes=["A copy is made."], members={"removed": 25, "unchanged": 75}), USUAL, True, False, ["changes"]),
        (plan(members={"removed": 9, "added": 0, "unchanged": 0}), USUAL, False, False, ["audience", "empty"]),
        (plan(members={"removed": 9, "added": 0, "unchanged": 91}), USUAL, False, False, []),
    ],
)
def test_what_has_to_be_agreed_to(
    given: dict[str, object], usual: dict[str, float], real: bool, first: bool, keys: list[str]
) -> None:
    found = list(dangers(given, usual, real=real, is_first=first, audience=Audience("VIP customers", 25)))
    assert [one.key for one in found] == keys
    assert missing(found, {}) == found
    typed = {one.key: one.typed or "yes" for one in found}
    assert missing(found, typed) == []


def test_a_name_that_is_typed_wrong_is_no_agreement() -> None:
    danger = Danger("audience", "It shrinks.", "Type it", "VIP customers")
    assert missing([danger], {"audience": "VIP"}) == [danger]
    assert missing([danger], {"audience": "yes"}) == [danger]
    assert missing([danger], {"audience": " VIP customers "}) == []
