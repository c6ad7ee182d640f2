"""Audiences and their members."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.simulator.client import HASH, OTHER_HASH, Answer, Caller, Clock

Start = Callable[..., tuple[Simulator, Caller]]
DAY = 86_400.0


@pytest.fixture
def audience(caller: Caller) -> str:
    return create(caller)


def create(caller: Caller, name: str = "VIPs", advertiser: str = "9") -> str:
    data = caller.post("/segment/audience/", advertiser_id=advertiser, custom_audience_name=name).data
    return str(data["audience_id"])


def entry(value: str, *audiences: str) -> dict[str, Any]:
    return {"id": value, "audience_ids": list(audiences)}


def mapping(caller: Caller, *rows: list[Any], **changes: Any) -> Answer:
    given = {"advertiser_ids": ["9"], "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"], "batch_data": list(rows)}
    return caller.post("/segment/mapping/", **given | changes)


def members(caller: Caller, audience: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = next(
        one["members"] for one in caller.control("GET", "audiences") if one["audience_id"] == audience
    )
    return found


def test_identifiers_go_into_an_audience_and_out_of_it(simulator: Simulator, caller: Caller, audience: str) -> None:
    added = mapping(caller, [entry(HASH, audience), entry(OTHER_HASH, audience)], [{}, entry(HASH, audience)])
    assert (added.status, added.code, added.data) == (200, 0, {})
    assert members(caller, audience) == {"EMAIL_SHA256": [HASH], "PHONE_SHA256": sorted([HASH, OTHER_HASH])}
    assert simulator.tally.members == 3
    mapping(caller, [entry(HASH, audience), {}], action="delete")
    assert members(caller, audience)["EMAIL_SHA256"] == []
    assert simulator.tally.members == 2


def test_one_identifier_may_go_into_several_audiences(caller: Caller, audience: str) -> None:
    other = create(caller)
    mapping(caller, [entry(HASH, audience, other), {}])
    assert members(caller, audience) == members(caller, other) == {"EMAIL_SHA256": [HASH]}


def test_schemas_are_known_whatever_their_case_and_order(caller: Caller, audience: str) -> None:
    added = mapping(caller, [entry(HASH[:32], audience), {}], id_schema=["idfa_md5", "Phone_SHA256"])
    assert added.code == 0
    assert members(caller, audience) == {"IDFA_MD5": [HASH[:32]]}


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_data": [[{}]]},
        {"batch_data": [{}]},
        {"batch_data": "x"},
        {"batch_data": []},
        {"batch_data": [["x", {}]]},
        {"batch_data": [[{"id": 5, "audience_ids": ["1"]}, {}]]},
        {"batch_data": [[{"id": HASH}, {}]]},
        {"batch_data": [[{"id": HASH, "audience_ids": ["1"]}, {}]]},
        {"batch_data": [[{}, {}]] * 10_001},
        {"id_schema": ["EMAIL_SHA256", "email_sha256"]},
        {"id_schema": ["EMAIL_SHA256", "NAME_SHA256"]},
        {"id_schema": "EMAIL_SHA256"},
        {"advertiser_ids": []},
        {"action": "replace"},
    ],
)
def test_a_mapping_that_is_wrong_anywhere_is_refused_whole(
    simulator: Simulator, caller: Caller, audience: str, changes: dict[str, Any]
) -> None:
    good = {"batch_data": [[entry(HASH, audience), {}]]}
    refused = mapping(caller, **good | changes)
    assert (refused.status, refused.code) == (200, 40002)
    assert simulator.tally.members == 0


def test_ten_thousand_rows_are_taken(caller: Caller, audience: str) -> None:
    rows = [[entry(f"{number:064x}", audience), {}] for number in range(10_000)]
    assert mapping(caller, *rows).code == 0


def test_an_audience_of_another_advertiser_is_foreign(caller: Caller) -> None:
    foreign = create(caller, advertiser="8")
    assert mapping(caller, [entry(HASH, foreign), {}]).code == 40002
    assert mapping(caller, [entry(HASH, foreign), {}], advertiser_ids=["8", "9"]).code == 0


@pytest.mark.parametrize("value", ["jane@example.com", HASH.upper(), HASH[:32], ""])
def test_a_plain_identifier_is_a_violation_and_not_kept(start: Start, value: str) -> None:
    for choice, code in (("refuse", 40062), ("record", 0)):
        simulator, caller = start(f"unhashed={choice}")
        audience = create(caller)
        assert mapping(caller, [entry(value, audience), {}]).code == code
        assert simulator.tally.violations == {"EMAIL_SHA256 is not hashed": 1}
        assert simulator.tally.members == 0


def test_a_name_is_cut_after_70_characters_and_may_be_there_twice(caller: Caller) -> None:
    create(caller, "x" * 70)
    create(caller, "y" * 71)
    create(caller, "y" * 71)
    names = [one["name"] for one in caller.get("/dmp/custom_audience/list/", advertiser_id="9").data["list"]]
    assert names == ["x" * 70, "y" * 67 + "...", "y" * 67 + "..."]


def test_what_is_wrong_with_a_call_for_an_audience(caller: Caller, audience: str) -> None:
    path = "/segment/audience/"
    assert caller.post(path, advertiser_id="9").message == "Missing required field(s): custom_audience_name."
    assert caller.post(path, advertiser_id="9", action="delete").code == 40002
    assert caller.post(path, advertiser_id="8", action="delete", delete_audience_id=audience).code == 40002
    assert caller.post(path, advertiser_id="9", action="merge", custom_audience_name="x").code == 40002
    assert caller.post(path, custom_audience_name="x").code == 40002


def test_a_deleted_audience_is_gone(caller: Caller, audience: str) -> None:
    gone = caller.post("/segment/audience/", advertiser_id="9", action="delete", delete_audience_id=audience)
    assert gone.code == 0
    assert mapping(caller, [entry(HASH, audience), {}]).code == 40002
    assert caller.get("/dmp/custom_audience/list/", advertiser_id="9").data["list"] == []


def test_an_ad_account_has_at_most_400_audiences(caller: Caller) -> None:
    for number in range(400):
        create(caller, str(number))
    refused = caller.post("/segment/audience/", advertiser_id="9", custom_audience_name="one more")
    assert refused.code == 40002
    assert create(caller, advertiser="8")


def test_a_size_shows_a_day_later(caller: Caller, clock: Clock, audience: str) -> None:
    rows = [[entry(f"{number:064x}", audience), {}] for number in range(1_000)]
    mapping(caller, *rows)

    def shown() -> tuple[int, bool]:
        (one,) = caller.get("/dmp/custom_audience/list/", advertiser_id="9").data["list"]
        return one["cover_num"], one["is_valid"]

    assert shown() == (0, False)
    clock.seconds += DAY
    mapping(caller, rows[0], action="delete")
    assert shown() == (1_000, True)
    clock.seconds += DAY
    assert shown() == (999, False)


def test_audiences_are_listed_page_by_page_and_by_id(caller: Caller) -> None:
    ids = [create(caller, str(number)) for number in range(12)]
    path = "/dmp/custom_audience/list/"
    second = caller.get(path, advertiser_id="9", page=2).data
    assert [one["audience_id"] for one in second["list"]] == ids[10:]
    assert second["page_info"]["total_number"] == 12
    few = caller.get(path, advertiser_id="9", custom_audience_ids=f'["{ids[3]}"]').data["list"]
    assert [one["audience_id"] for one in few] == [ids[3]]
    assert caller.get(path, advertiser_id="9", page_size=101).code == 40002
    assert caller.get(path, advertiser_id="9", custom_audience_ids=str(["1"] * 101).replace("'", '"')).code == 40011


def test_details_and_history_of_an_audience(caller: Caller, audience: str) -> None:
    mapping(caller, [entry(HASH, audience), {}])
    path = "/dmp/custom_audience/get/"
    (found,) = caller.get(path, advertiser_id="9", custom_audience_ids=f'["{audience}"]').data["list"]
    assert found["audience_details"]["audience_id"] == audience
    assert [one["action"] for one in found["audience_history"]] == ["CREATE", "ADD"]
    assert caller.get(path, advertiser_id="9").code == 40002


def test_a_busy_audience_is_not_editable_until_it_is_done(caller: Caller, clock: Clock, audience: str) -> None:
    caller.control("POST", "audiences/busy", {"audience_id": audience, "seconds": 60})
    refused = mapping(caller, [entry(HASH, audience), {}])
    assert (refused.status, refused.code) == (200, 40002)
    assert "not editable" in refused.message
    clock.seconds += 60
    assert mapping(caller, [entry(HASH, audience), {}]).code == 0
