"""Ad accounts that are added to an audience get its members, whatever happens on the way; one taken away is told."""

import random
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.destinations.confirmation import Confirmation
from connector.errors import ResumableError
from connector.inspection.audience_list import known_audiences
from connector.inspection.plan import plan_orchestration as plan_audience
from connector.ledger.ledger import open_ledger
from connector.ledger.run_records import RunRecord
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.reference import Member
from tests.audiences.shop import ADVERTISER, NAME, OTHER, Shop, members, open_shop, refusal, wanted
from tests.audiences.test_generations import killed_after
from tests.audiences.test_mirror import MAPPING, person
from tests.cli.command import inside
from tests.crash.scene import Launcher

THIRD = "7000000000000000003"
PEOPLE = [person(number) for number in range(1, 80)]
ALONE = Confirmation()


def serve(shop: Shop, *advertiser_ids: Any) -> None:
    """Other ad accounts from now on."""
    change(shop, advertiser_ids=list(advertiser_ids))


def change(shop: Shop, **destination: Any) -> None:
    file = shop.directory / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["destinations"]["audience"].update(destination)
    file.write_text(yaml.safe_dump(settings))


def reached(tiktok: Simulator, account: str, name: str = "VIP") -> set[Member]:
    """Whom an ad account beside the audience's own was told of."""
    (audience,) = [one for one in tiktok.world.audiences.values() if one.name == name]
    found = audience.other_members.get(account, {})
    return {(schema, digest.hex()) for schema, digests in found.items() for digest in digests}


def standing(shop: Shop) -> list[tuple[str, dict[str, str]]]:
    return [(one.record.name, dict(one.accounts)) for one in known_audiences(shop.project)]


@pytest.mark.parametrize("mode", ["mirror", pytest.param("add", marks=pytest.mark.thorough)])
def test_an_added_account_gets_the_members_and_every_later_change(tmp_path: Path, tiktok: Simulator, mode: str) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, mode=mode)
    shop.people(PEOPLE)
    shop.run()
    serve(shop, ADVERTISER, OTHER)
    rows = [*PEOPLE[3:], person(500)]
    shop.people(rows)
    planned = plan_audience(shop.project, NAME)
    record = shop.run(confirmation=ALONE)
    now = wanted(rows) if mode == "mirror" else wanted([*PEOPLE, *rows])
    assert members(tiktok) == reached(tiktok, OTHER) == now
    stayed = len(now) - len(wanted([person(500)]))
    assert record.members is not None
    assert record.members.sent_again == stayed
    assert (planned.members or {})["sent_again"] == stayed
    assert record.members.added == len(wanted([person(500)]))
    assert (record.rows.delivered, record.skips) == (1, {"already_member": record.rows.skipped})
    said = f'Added to the audience "VIP": ad account {OTHER}. The {stayed} identifiers'
    assert said in shop.notes
    assert any(note.startswith(said) for note in planned.notes)
    assert standing(shop) == [("VIP", {ADVERTISER: "served", OTHER: "served"})]
    asked = tiktok.tally.requests
    assert shop.run().requests_sent == 0
    assert tiktok.tally.requests == asked
    shop.people([*rows, person(501)])
    assert shop.run().members.sent_again == 0  # type: ignore[union-attr]
    assert reached(tiktok, OTHER) == now | wanted([person(501)])


def test_a_limited_run_sends_all_members_to_an_added_account(shop: Shop, tiktok: Simulator) -> None:
    shop.people(PEOPLE)
    shop.run()
    serve(shop, ADVERTISER, OTHER)
    shop.run(limit=2)
    assert reached(tiktok, OTHER) == members(tiktok) == wanted(PEOPLE)


def test_an_account_that_is_written_first_makes_no_second_audience(shop: Shop, tiktok: Simulator) -> None:
    shop.people(PEOPLE)
    shop.run()
    serve(shop, OTHER, ADVERTISER)
    shop.run(confirmation=ALONE)
    assert members(tiktok) == reached(tiktok, OTHER) == wanted(PEOPLE)
    assert len(known_audiences(shop.project)) == 1
    shown = inside("audiences", "show", "VIP", project=shop.directory)
    assert "people, a day or two ago" in shown.stdout


def test_an_account_that_is_taken_away_is_told_and_keeps_what_it_has(shop: Shop, tiktok: Simulator) -> None:
    serve(shop, ADVERTISER, OTHER)
    shop.people(PEOPLE)
    shop.run()
    serve(shop, ADVERTISER)
    shop.people(PEOPLE[:70])
    said = (
        f'The ad account {OTHER} was removed from the audience "VIP": it keeps the identifiers that it has and gets no '
        "later change; nothing is deleted there."
    )
    assert said in plan_audience(shop.project, NAME).notes
    assert standing(shop) == [("VIP", {ADVERTISER: "served", OTHER: "served"})], "a plan changes nothing"
    shop.run(confirmation=ALONE)
    assert shop.notes.count(said) == 1
    assert members(tiktok) == wanted(PEOPLE[:70])
    assert reached(tiktok, OTHER) == wanted(PEOPLE)
    shop.run()
    assert shop.notes.count(said) == 1, "it is told once"
    shown = inside("audiences", "show", "VIP", project=shop.directory).stdout
    assert f"  taken away    {OTHER}: keep what they have, get no change" in shown
    listed = inside("audiences", "--json", project=shop.directory).json["audiences"][0]
    assert (listed["left_advertiser_ids"], listed["waiting_advertiser_ids"]) == ([OTHER], [])
    serve(shop, ADVERTISER, OTHER)
    assert shop.run().members.sent_again == len(wanted(PEOPLE[:70]))  # type: ignore[union-attr]


def stopping(after: int) -> Fault:
    return Fault("code", path=MAPPING, code=40105, skip=after, times=1)


def half_sent(shop: Shop, tiktok: Simulator) -> None:
    """A run that adds OTHER and stops with some of its requests sent."""
    shop.people(PEOPLE)
    shop.run()
    tiktok.world.faults.add([stopping(2)])
    serve(shop, ADVERTISER, OTHER)
    with pytest.raises(ResumableError):
        shop.run()
    tiktok.world.faults.clear()
    assert 0 < len(reached(tiktok, OTHER)) < len(wanted(PEOPLE))
    assert standing(shop) == [("VIP", {ADVERTISER: "served", OTHER: "waiting"})]


@pytest.fixture
def small(tmp_path: Path, tiktok: Simulator) -> Shop:
    """A few rows a request."""
    return open_shop(tmp_path / "shop", tiktok.url, rows_per_request=5, max_in_flight=1)


@pytest.mark.parametrize(
    "finish",
    [
        pytest.param("run", marks=pytest.mark.thorough),
        pytest.param("resume", marks=pytest.mark.thorough),
        "run without the stage",
        "resume and a further account",
    ],
)
def test_what_was_half_sent_is_sent_to_its_end(small: Shop, tiktok: Simulator, finish: str) -> None:
    half_sent(small, tiktok)
    if "without" in finish:
        small.project.state_directory.joinpath("runs").rename(small.directory / "gone")
    if "further" in finish:
        serve(small, ADVERTISER, OTHER, THIRD)
    if "resume" in finish:
        assert inside("resume", project=small.directory).code == 0
        assert reached(tiktok, OTHER) == wanted(PEOPLE)
    if "further" in finish:
        assert dict(standing(small)[0][1])[THIRD] == "waiting"
    small.run()
    assert reached(tiktok, OTHER) == members(tiktok) == wanted(PEOPLE)
    assert "further" not in finish or reached(tiktok, THIRD) == wanted(PEOPLE)
    assert set(standing(small)[0][1].values()) == {"served"}
    assert small.run().requests_sent == 0


def test_an_account_that_is_taken_away_while_a_run_is_half_sent_gets_all_once_it_is_back(
    small: Shop, tiktok: Simulator
) -> None:
    half_sent(small, tiktok)
    serve(small, ADVERTISER)
    before = reached(tiktok, OTHER)
    assert inside("resume", project=small.directory).code == 0
    assert reached(tiktok, OTHER) == before
    serve(small, ADVERTISER, OTHER)
    small.run()
    assert reached(tiktok, OTHER) == members(tiktok) == wanted(PEOPLE)


def test_additions_that_were_half_sent_before_an_account_was_added_reach_it(small: Shop, tiktok: Simulator) -> None:
    small.people(PEOPLE)
    tiktok.world.faults.add([stopping(3)])
    with pytest.raises(ResumableError):
        small.run()
    tiktok.world.faults.clear()
    serve(small, ADVERTISER, OTHER)
    small.run()
    assert reached(tiktok, OTHER) == members(tiktok) == wanted(PEOPLE)


@pytest.mark.parametrize(
    "kind", ["lost", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("throttle", "error"))]
)
def test_what_goes_wrong_on_the_way_keeps_nobody_from_an_added_account(
    tmp_path: Path, tiktok: Simulator, kind: str
) -> None:
    patient = {"first_wait": 0, "longest_wait": 0.01, "timeout": 2}
    shop = open_shop(tmp_path / "shop", tiktok.url, rows_per_request=10, retry=patient)
    shop.people(PEOPLE)
    shop.run()
    tiktok.world.faults.add([Fault(kind, path=MAPPING, every=2, times=3)])
    serve(shop, ADVERTISER, OTHER)
    shop.run()
    assert reached(tiktok, OTHER) == members(tiktok) == wanted(PEOPLE)


def test_members_whose_answer_was_lost_stay_members(tmp_path: Path, tiktok: Simulator) -> None:
    """An answer that never comes to a member that is sent again makes no doubt of the membership."""
    shop = open_shop(tmp_path / "shop", tiktok.url, retry={"max_attempts": 1, "timeout": 0.3})
    shop.people(PEOPLE)
    shop.run()
    tiktok.world.faults.add([Fault("lost", path=MAPPING)])
    serve(shop, ADVERTISER, OTHER)
    with pytest.raises(ResumableError):
        shop.run()
    tiktok.world.faults.clear()
    assert known_audiences(shop.project)[0].record.members == {
        kind: sum(schema == f"{kind.upper()}_SHA256" for schema, _ in wanted(PEOPLE))
        for kind in ("email", "idfa", "phone")
    }
    shop.run()
    assert standing(shop)[0][1] == {ADVERTISER: "served", OTHER: "served"}


def test_an_account_for_which_tiktok_refuses_every_member_goes_on_waiting(shop: Shop, tiktok: Simulator) -> None:
    shop.people(PEOPLE[:2])
    shop.run()
    serve(shop, ADVERTISER, OTHER)
    digests = [digest for _, digest in wanted(PEOPLE[:2])]
    tiktok.world.faults.add(Fault("refuse", path=MAPPING, event_id=digest) for digest in digests)
    with suppress(ResumableError):
        shop.run()
    assert standing(shop)[0][1][OTHER] == "waiting"
    tiktok.world.faults.clear()
    shop.run()
    assert reached(tiktok, OTHER) == wanted(PEOPLE[:2])


def test_somebody_who_is_to_be_forgotten_is_not_sent_to_an_added_account(tmp_path: Path, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, mode="add")
    shop.people([{"email": "one@example.com"}, {"email": "two@example.com"}])
    shop.run()
    tiktok.world.faults.add([Fault("code", path=MAPPING, code=40105)])
    inside("forget", "--email", "one@example.com", project=shop.directory)
    tiktok.world.faults.clear()
    serve(shop, ADVERTISER, OTHER)
    shop.run()
    assert reached(tiktok, OTHER) == wanted([{"email": "two@example.com"}])


# Another business ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["mirror", pytest.param("add", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("stop", [False, True], ids=["at once", "stopped half way, and its stage lost"])
def test_a_further_business_gets_the_members_in_its_own_copy(
    tmp_path: Path, tiktok: Simulator, mode: str, stop: bool
) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, mode=mode, rows_per_request=5, max_in_flight=1)
    shop.people(PEOPLE)
    shop.run()
    shop.people(PEOPLE[5:])
    serve(shop, [ADVERTISER], [OTHER])
    if stop:
        tiktok.world.faults.add([stopping(2)])
        with pytest.raises(ResumableError):
            shop.run()
        tiktok.world.faults.clear()
        shop.project.state_directory.joinpath("runs").rename(shop.directory / "gone")
    record = shop.run()
    now = wanted(PEOPLE[5:] if mode == "mirror" else PEOPLE)
    assert members(tiktok) == members(tiktok, f"VIP ({OTHER})") == now
    assert record.members is not None
    assert record.members.sent_again == (0 if not stop else record.members.sent_again)
    assert shop.run().requests_sent == 0
    assert {state for _, known in standing(shop) for state in known.values()} == {"served"}


def test_a_further_business_asks_for_the_audience_and_for_no_change(shop: Shop, tiktok: Simulator) -> None:
    shop.people(PEOPLE)
    shop.run()
    serve(shop, [ADVERTISER], [OTHER])
    assert f'creates the audience "VIP ({OTHER})"' in refusal(shop, confirmation=ALONE)
    assert plan_audience(shop.project, NAME).notes == []
    answers = iter([True])
    shop.run(confirmation=Confirmation(ask=lambda _: next(answers)))
    assert members(tiktok, f"VIP ({OTHER})") == wanted(PEOPLE)


def test_an_account_added_to_a_copy_gets_the_members_of_the_copy(shop: Shop, tiktok: Simulator) -> None:
    serve(shop, [ADVERTISER], [OTHER])
    shop.people(PEOPLE)
    shop.run()
    serve(shop, [ADVERTISER], [THIRD, OTHER])
    record = shop.run(confirmation=ALONE)
    assert reached(tiktok, THIRD, f"VIP ({OTHER})") == wanted(PEOPLE)
    assert record.members.sent_again == len(wanted(PEOPLE))  # type: ignore[union-attr]
    assert len(tiktok.world.audiences) == 2


def test_a_business_that_is_taken_away_is_told_once(shop: Shop, tiktok: Simulator) -> None:
    serve(shop, [ADVERTISER], [OTHER])
    shop.people(PEOPLE)
    shop.run()
    serve(shop, [ADVERTISER])
    shop.people(PEOPLE[:70])
    said = f'No destination goes to the audience "VIP ({OTHER})"'
    assert any(note.startswith(said) for note in plan_audience(shop.project, NAME).notes)
    shop.run()
    shop.run()
    assert shop.notes.count(said) == 1
    assert members(tiktok, f"VIP ({OTHER})") == wanted(PEOPLE)
    assert members(tiktok) == wanted(PEOPLE[:70])


def test_removing_people_leaves_the_accounts_as_they_are(tmp_path: Path, tiktok: Simulator) -> None:
    """A destination that removes and names fewer accounts than the one that adds takes none away."""
    shop = open_shop(tmp_path / "shop", tiktok.url, mode="add", advertiser_ids=[ADVERTISER, OTHER])
    shop.people(PEOPLE)
    shop.run()
    change(shop, mode="remove", advertiser_ids=[ADVERTISER])
    shop.people(PEOPLE[:1])
    shop.run()
    assert standing(shop)[0][1] == {ADVERTISER: "served", OTHER: "served"}
    assert members(tiktok) == wanted(PEOPLE[1:])


# Whatever happens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))])
def test_any_order_of_changes_and_kills_ends_with_every_account_served(
    launcher: Launcher, tmp_path: Path, seed: int
) -> None:
    """Accounts come and go, people change, processes are killed: in the end each account has every member."""
    chance = random.Random(seed)
    with Simulator(faults=[Fault("lost", path=MAPPING, every=9), Fault("error", path=MAPPING, every=7)]) as tiktok:
        patient = {"first_wait": 0, "longest_wait": 0.01, "timeout": 0.5}
        shop = open_shop(tmp_path / "shop", tiktok.url, rows_per_request=3, max_in_flight=2, retry=patient)
        shop.people(PEOPLE)
        shop.run()
        rows: list[dict[str, Any]] = PEOPLE
        for _ in range(3):
            serve(shop, ADVERTISER, *chance.sample([OTHER, THIRD], chance.randint(0, 2)))
            rows = [person(number) for number in chance.sample(range(1, 120), 70)]
            shop.people(rows)
            killed_after(launcher, shop, chance.uniform(0.1, 0.8))
        serve(shop, ADVERTISER, OTHER, THIRD)
        record = shop.run()
        assert record.rows.pending == 0
        assert members(tiktok) == wanted(rows)
        for account in (OTHER, THIRD):
            assert reached(tiktok, account) >= wanted(rows)
        assert shop.run().requests_sent == 0
        balanced(shop)


def balanced(shop: Shop) -> None:
    with open_ledger(shop.project.ledger_url) as ledger:
        runs: Iterable[RunRecord] = ledger.runs.latest()
        assert all(run.rows.balanced for run in runs)
