"""Tokens with lifetimes and scopes, OAuth, event sources."""

from collections.abc import Callable

import pytest

from connector.simulator.ad_accounts import READ_EVENT_SETS, REPORT_EVENTS
from connector.simulator.server import Simulator
from tests.simulator.client import ADVERTISER, PIXEL, Caller, Clock, body, event, web_body, web_event

Start = Callable[..., tuple[Simulator, Caller]]
APP = {"app_id": "1", "secret": "s"}
GOOD = body(event())


def test_any_token_is_taken_until_some_are_listed(start: Start) -> None:
    assert start()[1].send(GOOD, token="whatever")[1] == 0
    caller = start(tokens=["known"])[1]
    assert caller.send(GOOD, token="known")[1] == 0
    assert caller.send(GOOD, token="other") == (401, 40105, "Access token is incorrect or has been revoked.")


def test_any_event_source_is_taken_until_some_are_listed(start: Start) -> None:
    caller = start(event_sources=[ADVERTISER])[1]
    assert caller.send(GOOD)[1] == 0
    assert caller.send(web_body(web_event())) == (
        200,
        40001,
        f"No permission to operate pixel code: {PIXEL}. You must be an admin or operator of this advertiser account.",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/segment/audience/"), ("POST", "/segment/mapping/"), ("GET", "/dmp/custom_audience/list/"),
        ("GET", "/dmp/custom_audience/get/"), ("POST", "/offline/create/"), ("GET", "/offline/get/"),
        ("POST", "/offline/update/"), ("POST", "/offline/delete/"), ("GET", "/pixel/list/"),
        ("GET", "/oauth2/advertiser/get/"), ("GET", "/user/info/"),
    ],
)  # fmt: skip
def test_other_endpoints_answer_with_status_200_whatever_the_code(caller: Caller, method: str, path: str) -> None:
    for token, code in ((None, 40104), ("", 40104)):
        answer = (caller.get if method == "GET" else caller.post)(path, token)
        assert (answer.status, answer.code) == (200, code)


def test_a_token_ends_when_its_time_is_over(caller: Caller, clock: Clock) -> None:
    caller.control("POST", "tokens", {"token": "short", "expires_in": 60})
    assert caller.send(GOOD, token="short")[1] == 0
    clock.seconds += 60
    assert caller.send(GOOD, token="short") == (401, 40102, "Access token has expired.")
    assert caller.get("/user/info/", "short")[:2] == (200, 40102)


def test_a_token_does_what_its_scopes_allow(caller: Caller) -> None:
    caller.control("POST", "tokens", {"token": "reader", "scopes": [READ_EVENT_SETS]})
    caller.control("POST", "tokens", {"token": "sender", "scopes": [REPORT_EVENTS]})
    assert caller.send(GOOD, token="sender")[1] == 0
    assert caller.send(GOOD, token="reader")[:2] == (200, 40001)
    given = {"advertiser_id": ADVERTISER}
    assert caller.get("/offline/get/", "reader", **given).code == 0
    assert caller.get("/offline/get/", "sender", **given).code == 40001
    assert caller.post("/offline/create/", "reader", **given, name="x", description="y").code == 40001


def test_a_token_serves_its_own_advertisers(caller: Caller) -> None:
    caller.control("POST", "tokens", {"token": "mine", "advertiser_ids": ["1"]})
    assert caller.get("/pixel/list/", "mine", advertiser_id="1").code == 0
    assert caller.get("/pixel/list/", "mine", advertiser_id="2").code == 40001


def test_an_auth_code_becomes_a_token_once(start: Start) -> None:
    caller = start(tokens=["other"])[1]
    given = caller.post("/oauth2/access_token/", None, **APP, auth_code="c")
    assert (given.status, given.code, given.data["advertiser_ids"]) == (200, 0, [ADVERTISER])
    assert REPORT_EVENTS in given.data["scope"]
    assert caller.send(GOOD, token=given.data["access_token"])[1] == 0
    assert caller.post("/oauth2/access_token/", None, **APP, auth_code="c").code == 40110


@pytest.mark.parametrize("code", ["expired", "cancelled"])
def test_an_auth_code_may_be_dead(caller: Caller, code: str) -> None:
    assert caller.post("/oauth2/access_token/", None, **APP, auth_code=code).code == 40110


def test_another_secret_is_not_the_apps(caller: Caller) -> None:
    caller.post("/oauth2/access_token/", None, **APP, auth_code="c")
    assert caller.post("/oauth2/access_token/", None, app_id="1", secret="z", auth_code="d").code == 40113


def test_what_is_missing_of_a_token_request_is_named(caller: Caller) -> None:
    refused = caller.post("/oauth2/access_token/", None, app_id="1")
    assert refused[:3] == (200, 40002, "Missing required field(s): secret, auth_code.")
    assert caller.answer(b"[]", path="/open_api/v1.3/oauth2/access_token/").code == 40002


def refresh(caller: Caller, token: str, **changes: str) -> int:
    given = {**APP, "grant_type": "refresh_token", "refresh_token": token} | changes
    return caller.post("/oauth2/refresh_token/", None, **given).code


def test_a_refresh_token_becomes_a_token_of_24_hours_and_a_new_refresh_token(caller: Caller, clock: Clock) -> None:
    given = {**APP, "grant_type": "refresh_token", "refresh_token": "r"}
    data = caller.post("/oauth2/refresh_token/", None, **given).data
    assert data["expires_in"] == 86_400
    assert caller.send(GOOD, token=data["access_token"])[1] == 0
    assert refresh(caller, "r") == 40107
    assert refresh(caller, data["refresh_token"]) == 0
    clock.seconds += 86_400
    assert caller.send(GOOD, token=data["access_token"])[1] == 40102


def test_short_term_tokens_are_refreshed_with_names_of_their_own(caller: Caller) -> None:
    given = {"client_id": "1", "client_secret": "s", "grant_type": "refresh_token", "refresh_token": "r"}
    data = caller.post("/tt_user/oauth2/refresh_token/", None, **given).data
    assert set(data) == {
        "access_token", "token_type", "scope", "expires_in", "refresh_token", "refresh_token_expires_in", "open_id",
    }  # fmt: skip
    assert caller.post("/tt_user/oauth2/refresh_token/", None, **APP, refresh_token="r").code == 40002


def test_why_a_refresh_is_refused(caller: Caller, clock: Clock) -> None:
    long_term = caller.post("/oauth2/access_token/", None, **APP, auth_code="c").data["access_token"]
    caller.control("POST", "refresh_tokens", {"token": "old", "expires_in": 10})
    clock.seconds += 10
    assert refresh(caller, "old") == 40103
    assert refresh(caller, long_term) == 40107
    assert refresh(caller, "r", grant_type="password") == 40108
    assert refresh(caller, "") == 40002


def test_an_unknown_refresh_token_is_refused_where_tokens_are_listed(start: Start) -> None:
    assert refresh(start(tokens=["t"])[1], "r") == 40107


def test_a_refresh_token_is_no_access_token(caller: Caller) -> None:
    data = caller.post("/oauth2/refresh_token/", None, **APP, grant_type="refresh_token", refresh_token="r").data
    assert caller.send(GOOD, token=data["refresh_token"])[1] == 40105


def test_a_revoked_token_is_dead(caller: Caller) -> None:
    assert caller.post("/oauth2/revoke_token/", None, **APP, access_token="t").code == 0
    assert caller.send(GOOD, token="t")[1] == 40105


def test_the_accounts_and_the_user_of_a_token(caller: Caller) -> None:
    listed = caller.get("/oauth2/advertiser/get/", **APP).data["list"]
    assert [one["advertiser_id"] for one in listed] == [ADVERTISER]
    assert caller.get("/oauth2/advertiser/get/").code == 40002
    assert {"display_name", "email", "core_user_id"} <= set(caller.get("/user/info/").data)


def test_an_event_set_from_its_making_to_its_end(start: Start, clock: Clock) -> None:
    caller = start(event_sources=[PIXEL])[1]
    made = caller.post("/offline/create/", advertiser_id="9", name="Tills", description="All")
    set_id = made.data["event_set_id"]
    assert (len(set_id), made.status) == (19, 200)
    assert caller.send(body(event(), event_source_id=set_id))[1] == 0
    clock.seconds += 5
    assert caller.post("/offline/update/", advertiser_id="9", event_set_id=set_id, auto_tracking=True).code == 0
    (found,) = caller.get("/offline/get/", advertiser_id="9", event_set_ids=f'["{set_id}"]').data["event_set_list"]
    assert (found["name"], found["auto_tracking"], found["create_time"]) == ("Tills", True, "2026-09-21 14:13:20")
    assert found["update_time"] == "2026-09-21 14:13:25"
    assert caller.post("/offline/delete/", advertiser_id="9", event_set_id=set_id).code == 0
    assert caller.get("/offline/get/", advertiser_id="9").data == {"event_set_list": []}
    assert caller.send(body(event(), event_source_id=set_id))[1] == 40001


def test_event_sets_are_found_by_advertiser_id_and_name(caller: Caller) -> None:
    for name in ("A", "B"):
        caller.post("/offline/create/", advertiser_id="9", name=name, description="x")
    names = [one["name"] for one in caller.get("/offline/get/", advertiser_id="9", name="B").data["event_set_list"]]
    assert names == ["B"]
    (example,) = caller.get("/offline/get/", advertiser_id=ADVERTISER).data["event_set_list"]
    assert (example["event_set_id"], example["name"]) == (ADVERTISER, "Stores")


def test_what_is_wrong_with_a_call_for_an_event_set(caller: Caller) -> None:
    assert caller.post("/offline/create/", name="x").message == "Missing required field(s): advertiser_id."
    assert caller.post("/offline/create/", advertiser_id="9", name="x").code == 40002
    assert caller.post("/offline/create/", advertiser_id=9, name="x", description="y").code == 40002
    wrong = caller.post("/offline/create/", advertiser_id="9", name="x", description="y", auto_tracking="no")
    assert wrong.message == "Invalid value for auto_tracking: not a valid boolean."
    assert caller.post("/offline/update/", advertiser_id="9", event_set_id="1", name="z").code == 40007
    assert caller.post("/offline/update/", advertiser_id=ADVERTISER, event_set_id=ADVERTISER).code == 40012
    assert caller.post("/offline/delete/", advertiser_id=ADVERTISER).code == 40002
    assert caller.get("/offline/get/", advertiser_id="9", event_set_ids="7").code == 40002


def test_pixels_are_listed_by_code_name_and_page(caller: Caller) -> None:
    found = caller.get("/pixel/list/", advertiser_id=ADVERTISER, code=PIXEL).data
    assert [one["pixel_code"] for one in found["pixels"]] == [PIXEL]
    assert found["page_info"] == {"page": 1, "page_size": 10, "total_number": 1, "total_page": 1}
    assert caller.get("/pixel/list/", advertiser_id=ADVERTISER, code="C4").data["pixels"] == []
    assert len(caller.get("/pixel/list/", advertiser_id=ADVERTISER, name="shop").data["pixels"]) == 1
    assert caller.get("/pixel/list/", advertiser_id=ADVERTISER, page=2).data["pixels"] == []
    assert caller.get("/pixel/list/", advertiser_id=ADVERTISER, order_by="LATEST_CREATE").code == 0
    for wrong in ({"page_size": 21}, {"page": 0}, {"page": "x"}, {"order_by": "SIZE"}):
        assert caller.get("/pixel/list/", advertiser_id=ADVERTISER, **wrong).code == 40002


def test_an_event_source_that_is_taken_unlisted_is_there_when_it_is_asked_for(caller: Caller) -> None:
    code, event_set, given = "D5ANOTHER0PIXEL0CODE", "7000000000000000777", {"advertiser_id": ADVERTISER}
    (pixel,) = (
        one for one in caller.get("/pixel/list/", **given, code=code).data["pixels"] if one["pixel_code"] == code
    )
    assert pixel["pixel_id"].isdecimal()
    (found,) = caller.get("/offline/get/", **given, event_set_ids=f'["{event_set}"]').data["event_set_list"]
    assert found["event_set_id"] == event_set


def test_an_event_source_that_nobody_may_write_to_or_that_is_of_another_kind_or_account_is_not_there(
    start: Start,
) -> None:
    caller, ids = start()[1], f'["{ADVERTISER}"]'
    assert caller.get("/offline/get/", advertiser_id="9", event_set_ids=ids).data["event_set_list"] == []
    assert caller.get("/pixel/list/", advertiser_id="9", code=PIXEL).data["pixels"] == []
    number = '["7000000000000000001"]'
    assert caller.get("/offline/get/", advertiser_id=ADVERTISER, event_set_ids=number).data["event_set_list"] == []
    listed = start(event_sources=["111"])[1]
    assert listed.get("/offline/get/", advertiser_id=ADVERTISER, event_set_ids=ids).data["event_set_list"] == []
    assert listed.get("/pixel/list/", advertiser_id=ADVERTISER, code=PIXEL).data["pixels"] == []
    (there,) = listed.get("/offline/get/", advertiser_id=ADVERTISER, event_set_ids='["111"]').data["event_set_list"]
    assert there["event_set_id"] == "111"
