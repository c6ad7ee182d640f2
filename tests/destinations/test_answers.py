import json
from datetime import UTC, datetime

import pytest

from connector.delivery.answer import Answer, Verdict
from connector.destinations.tiktok.answers import read_answer

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

# The return codes of the reference page's section 3.4, by what its column "Retry?" says.
RETRY_NOW = [40201, 40202, 50000, 50002, 51000, 51003, 51010, 51012, 51063, 51305, 52000, 52999, 60001]
TOO_FREQUENT = [40016, 40100, 40132, 40133, 51021, 61000]
THIS_BATCH = [20001, 40000, 40002, 40011, 40012, 40050, 40061, 40062, 40700]
EVERY_BATCH = [
    *(
        40001,
        40003,
        40006,
        40051,
        40007,
        40008,
        40009,
        40013,
        40014,
        40010,
        40063,
        40101,
        40103,
        40104,
        40105,
    ),
    *(
        40106,
        40107,
        40108,
        40110,
        40113,
        40115,
        40116,
        40117,
        40118,
        40119,
        40124,
        40125,
        40130,
        40131,
        40200,
    ),
    *(40300, 40301, 40400, 40900, 40905, 40910, 40914, 40915, 41000, 41001, 41002),
]
VERDICTS = (
    [(0, Verdict.ACCEPTED), (40102, Verdict.EXPIRED_TOKEN)]
    + [(code, Verdict.RETRY) for code in RETRY_NOW]
    + [(code, Verdict.THROTTLED) for code in TOO_FREQUENT]
    + [(code, Verdict.REFUSED) for code in THIS_BATCH]
    + [(code, Verdict.STOP) for code in EVERY_BATCH]
)


def answer(code: int, message: str = "said", status: int = 200, request_id: str = "R1") -> Answer:
    body = {"code": code, "message": message, "request_id": request_id, "data": {}}
    return read_answer(status, json.dumps(body).encode(), seconds=0.1, now=NOON, secrets=["s3cr3t-token"])


def plain(status: int, body: bytes = b"<html>nginx</html>") -> Answer:
    return read_answer(status, body, seconds=0.1, now=NOON)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(("code", "verdict"), VERDICTS)
def test_the_code_decides_whatever_the_http_status(code: int, verdict: Verdict, status: int) -> None:
    read = answer(code, status=status)
    assert (read.verdict, read.code, read.http_status, read.request_id) == (verdict, code, status, "R1")


@pytest.mark.parametrize(("code", "verdict"), [(40999, Verdict.REFUSED), (50999, Verdict.RETRY), (7, Verdict.RETRY)])
def test_an_unknown_code_blames_the_request_only_among_the_4xxxx(code: int, verdict: Verdict) -> None:
    assert answer(code).verdict is verdict


@pytest.mark.parametrize("code", [40001, 40102, 40104, 40105, 40106, 40107, 40110])
def test_token_and_permission_answers_say_what_to_do_and_what_tiktok_said(code: int) -> None:
    message = answer(code, "its own words").message
    assert "its own words" in message
    assert f"code {code}" in message
    assert any(help_word in message for help_word in ("credential", "advertiser id", "Authorise"))


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("Too many requests. Please retry in some time.", Verdict.THROTTLED),
        ("App reaches the QPS limit.", Verdict.THROTTLED),
        ("Too many requests with this access token.", Verdict.THROTTLED),
        ("Invalid access token.", Verdict.STOP),
        ("The token is incorrect or has been revoked.", Verdict.STOP),
        ("Access token has expired.", Verdict.EXPIRED_TOKEN),
    ],
)
def test_40100_is_throttling_unless_its_message_calls_the_token_bad(message: str, verdict: Verdict) -> None:
    assert answer(40100, message, status=401).verdict is verdict


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Too many requests per minute, limit 600000.", 300),
        ("App reaches the QPM limit.", 300),
        ("You have reached the daily limit.", 12 * 3600),
        ("Requests per day exceeded.", 12 * 3600),
        ("Too many requests. Please retry in some time.", None),
    ],
)
def test_the_wait_is_that_of_the_window_the_message_names(message: str, seconds: float | None) -> None:
    assert answer(40100, message).wait == seconds


def test_only_throttling_asks_to_be_left_alone() -> None:
    assert answer(40002, "The day is wrong").wait is None


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for event_source_id: not a valid string.",
        "Invalid value for event_source: must be web, app or offline.",
        "Missing required field(s): event_source_id.",
    ],
)
def test_a_wrong_event_source_holds_for_every_batch(message: str) -> None:
    read = answer(40002, message, status=400)
    assert read.verdict is Verdict.STOP
    assert "event_source_id" in read.message
    assert "advertiser_id" in read.message


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (404, Verdict.STOP),
        (301, Verdict.STOP),
        (403, Verdict.STOP),
        (401, Verdict.STOP),
        (413, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (408, Verdict.RETRY),
        (429, Verdict.THROTTLED),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (504, Verdict.RETRY),
        (200, Verdict.UNKNOWN),
    ],
)
def test_without_an_envelope_the_status_decides(status: int, verdict: Verdict) -> None:
    read = plain(status)
    assert (read.verdict, read.code, read.http_status) == (verdict, None, status)
    assert str(status) in read.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"404 page not found",
        b"[]",
        b"null",
        b'{"code":"0"}',
        b'{"code":true}',
        b'{"code":0.0}',
        b'{"co',
        b"\xff",
    ],
)
def test_what_is_no_envelope_is_never_success(body: bytes) -> None:
    assert plain(200, body).verdict is Verdict.UNKNOWN


def test_deeply_nested_nonsense_is_survived() -> None:
    assert plain(502, b"[" * 100_000).verdict is Verdict.RETRY


def test_an_envelope_without_data_message_or_request_id_is_read() -> None:
    read = read_answer(200, b'{"code":40002}', seconds=0.1, now=NOON)
    assert (read.verdict, read.message, read.request_id) == (Verdict.REFUSED, "", None)


@pytest.mark.parametrize("code", [0, 40002, 40105])
def test_no_message_holds_the_token_an_address_or_more_than_500_characters(code: int) -> None:
    read = answer(code, "jane@example.com s3cr3t-token " + "very long " * 100)
    assert "jane" not in read.message
    assert "s3cr3t" not in read.message
    assert len(read.message) <= 500


def test_a_request_id_cannot_carry_anything_else() -> None:
    assert answer(0, request_id="2026<b>\n" + "x" * 200).request_id == "2026b" + "x" * 75
