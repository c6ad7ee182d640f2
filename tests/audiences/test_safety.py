"""What keeps an audience from being emptied or turned over by mistake."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from connector.config.project import load_project
from connector.destinations.confirmation import Confirmation
from connector.errors import AllRejected, ConfigurationError, SourceError, TooFewRows, UsageError
from connector.inspection.plan import plan_orchestration as plan_audience
from connector.ledger.project_ledger import ledger_of
from connector.observer import Silent
from connector.runs.resume import resume_run
from connector.simulator.server import Simulator
from tests.audiences.shop import ADVERTISER, NAME, OTHER, Shop, members, open_shop, refusal, wanted
from tests.audiences.test_mirror import person

HUNDRED = [person(number) for number in range(1, 101)]


def agreeing(heard: list[str]) -> Callable[[str], bool]:
    """Agrees to everything, and keeps what was asked."""

    def answer(text: str) -> bool:
        heard.append(text)
        return True

    return answer


def test_an_empty_result_empties_no_audience(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    shop.people([])
    assert "--allow-empty" in refusal(shop)
    assert members(tiktok) == wanted(HUNDRED)
    assert shop.run(allow_empty=True).members.removed == len(wanted(HUNDRED))  # type: ignore[union-attr]
    assert members(tiktok) == set()


def test_a_result_that_names_nobody_empties_none_either(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    shop.people([{"email": "nobody"}])
    for allow_empty in (False, True):
        with pytest.raises(AllRejected, match=r"^The only row was rejected \(1 invalid_identity\): nothing"):
            shop.run(allow_empty=allow_empty)
        assert members(tiktok) == wanted(HUNDRED)


@pytest.mark.parametrize(("limit", "min_rows", "fails"), [(None, 101, True), (None, 100, False), (10, 101, False)])
def test_fewer_people_than_min_rows_change_nothing(
    shop: Shop, tiktok: Simulator, limit: int | None, min_rows: int, fails: bool
) -> None:
    shop.people(HUNDRED)
    settings = yaml.safe_load((shop.directory / "orchestrations.yaml").read_text())
    settings["orchestrations"][NAME]["min_rows"] = min_rows
    (shop.directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    if fails:
        with pytest.raises(TooFewRows, match=r"^Only 100 rows were read, fewer than min_rows asks for \(101\)"):
            shop.run(limit=limit)
        assert members(tiktok) == set()
        shop.people([*HUNDRED, {"email": "one.more@example.com"}])
    shop.run(limit=limit)
    assert len(members(tiktok)) > 0
    assert ("min_rows (101) is not applied" in shop.notes) is (limit is not None)


def test_what_was_declined_holds_up_no_later_run(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    shop.people([])
    refusal(shop)
    shop.people(HUNDRED[:95])
    assert shop.run().rows.pending == 0
    assert members(tiktok) == wanted(HUNDRED[:95])


def test_a_large_change_has_to_be_agreed_to(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    shop.people(HUNDRED[:50])
    said = refusal(shop, confirmation=Confirmation())
    assert "learning phase" in said
    assert "max_change_percent: 25" in said
    assert members(tiktok) == wanted(HUNDRED)
    asked: list[str] = []
    shop.run(confirmation=Confirmation(ask=agreeing(asked)))
    assert len(asked) == 1
    assert members(tiktok) == wanted(HUNDRED[:50])


def test_the_first_filling_of_an_audience_is_no_change(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    creates = "A run creates the audience"
    assert creates in refusal(shop, confirmation=Confirmation())
    said: list[str] = []
    shop.run(confirmation=Confirmation(ask=agreeing(said)))
    assert [creates in one for one in said] == [True]


def test_a_limited_run_deletes_nobody(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    shop.people(HUNDRED[50:])
    record = shop.run(limit=10)
    assert record.members.removed == 0  # type: ignore[union-attr]
    assert members(tiktok) == wanted(HUNDRED)


def test_a_query_that_fails_deletes_nobody(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    shop.run()
    (shop.directory / "queries" / f"{NAME}.sql").write_text("SELECT * FROM nowhere")
    with pytest.raises(SourceError):
        shop.run()
    assert members(tiktok) == wanted(HUNDRED)


def test_a_small_audience_is_told_to_be_small(shop: Shop) -> None:
    shop.people(HUNDRED[:3])
    shop.run()
    assert "fewer than 1,000 people" in shop.notes
    assert "within 10 hours" in shop.notes


def test_a_plan_counts_and_changes_nothing(shop: Shop, tiktok: Simulator) -> None:
    shop.people(HUNDRED)
    assert plan_audience(shop.project, NAME).changes == [
        'A run looks for the audience "VIP" and creates it if there is none.'
    ]
    shop.run()
    shop.people([*HUNDRED[:40], person(500)])
    planned = plan_audience(shop.project, NAME)
    assert planned.members == {
        "added": len(wanted([person(500)])),
        "removed": len(wanted(HUNDRED) - wanted(HUNDRED[:40])),
        "unchanged": len(wanted(HUNDRED[:40])),
        "sent_again": 0,
    }
    assert any("learning phase" in note for note in planned.notes)
    assert members(tiktok) == wanted(HUNDRED)


def test_an_audience_that_several_have_the_name_of_is_asked_for_by_id(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "first", tiktok.url)
    shop.people(HUNDRED)
    shop.run()
    (one,) = tiktok.world.audiences.values()
    other = type(one)("77", "VIP", ADVERTISER, 0.0)
    tiktok.world.audiences["77"] = other
    second = open_shop(tmp_path / "second", tiktok.url)
    second.people(HUNDRED)
    with pytest.raises(ConfigurationError, match=f"2 audiences .*{one.audience_id}, 77"):
        second.run()
    by_id = open_shop(tmp_path / "third", tiktok.url, audience=None, audience_id="77")
    by_id.people(HUNDRED[:2])
    by_id.run()
    assert sum(map(len, other.members.values())) == len(wanted(HUNDRED[:2]))


def test_every_business_gets_a_copy_of_its_own(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, advertiser_ids=[[ADVERTISER], [OTHER]])
    shop.people(HUNDRED)
    record = shop.run()
    copy = f"VIP ({OTHER})"
    assert members(tiktok) == members(tiktok, copy) == wanted(HUNDRED)
    assert record.rows.delivered == sum(bool(wanted([row])) for row in HUNDRED)
    assert record.members.added == 2 * len(wanted(HUNDRED))  # type: ignore[union-attr]
    rows = [*HUNDRED[:80], person(900)]
    shop.people(rows)
    assert shop.run().rows.delivered == 1
    assert members(tiktok) == members(tiktok, copy) == wanted(rows)


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ({"audience": "x" * 71}, "at most 70 characters long"),
        ({"advertiser_ids": [[ADVERTISER], [OTHER]], "audience": "x" * 60}, "must leave 22 of 70 characters"),
        ({"advertiser_ids": [[ADVERTISER], OTHER]}, "or a list of ids for each business, not both"),
        ({"mode": "mirrored"}, 'Did you mean "mirror"'),
        ({"data_marketplace": {"party": "buyer"}}, "lacks payment_model"),
        ({"device_id_case": "title"}, "must be"),
    ],
)
def test_what_cannot_be_right_is_said(tmp_path: Any, destination: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_project(open_shop(tmp_path / "shop", "http://127.0.0.1:9", **destination).directory, {})
    assert said in caught.value.message


def test_two_queries_do_not_mirror_one_audience(shop: Shop) -> None:
    file = shop.directory / "orchestrations.yaml"
    file.write_text(
        file.read_text().replace(
            "orchestrations:\n",
            f"orchestrations:\n  other: {{query: {NAME}, warehouse: shop, destination: audience}}\n",
        )
    )
    shop.people(HUNDRED)
    with pytest.raises(ConfigurationError, match="each would undo the other"):
        shop.run()


def test_an_audience_has_no_test_events(shop: Shop) -> None:
    shop.people(HUNDRED)
    assert "no test mode" in refusal(shop, test_event_code="TEST12345")


@pytest.mark.parametrize("how", ["run", "resume", "resume it"])
def test_what_nobody_confirmed_is_not_sent_by_a_later_command(shop: Shop, tiktok: Simulator, how: str) -> None:
    """Whoever was asked went away with all of the change staged."""

    def leave(_: str) -> bool:
        raise KeyboardInterrupt

    shop.people(HUNDRED)
    shop.run()
    shop.people(HUNDRED[:10])
    with pytest.raises(KeyboardInterrupt):
        shop.run(confirmation=Confirmation(ask=leave))
    with ledger_of(shop.project) as ledger:
        left = ledger.runs.latest(1)[0].run_id
    with pytest.raises(UsageError, match="max_change_percent"):
        if how == "run":
            shop.run(confirmation=Confirmation())
        else:
            resume_run(shop.project, left if how == "resume it" else None, Silent(), threading.Event())
    assert members(tiktok) == wanted(HUNDRED)
    shop.run()
    assert members(tiktok) == wanted(HUNDRED[:10])


def test_an_audience_is_compared_whole_before_any_of_it_is_sent(shop: Shop, tiktok: Simulator) -> None:
    """Line items are about events; that an orchestration has none does not let an audience leave while it is read."""
    shop.people(HUNDRED)
    settings = yaml.safe_load((shop.directory / "orchestrations.yaml").read_text())
    settings["orchestrations"][NAME]["line_items"] = False
    (shop.directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    shop.run()
    assert members(tiktok) == wanted(HUNDRED)
    shop.people([])
    assert "--allow-empty" in refusal(shop)
    assert members(tiktok) == wanted(HUNDRED)
