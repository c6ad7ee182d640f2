"""Characters that steer a terminal do not get through an answer, whether they are escaped or written as they are."""

import json

import pytest

from connector.destinations.tiktok.answers import read_envelope

STEERING = ["\x9b", "\x85", "\u202e", "\u2066", "\u200f"]


@pytest.mark.parametrize("ensure_ascii", [True, False], ids=["escaped", "as it is"])
@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_what_steers_a_terminal_is_replaced(character: str, ensure_ascii: bool) -> None:
    text = f"a{character}b"
    body = json.dumps({"code": 0, "message": text, "data": {text: [text]}}, ensure_ascii=ensure_ascii).encode()
    envelope = read_envelope(body)
    assert envelope is not None
    assert (envelope.message, envelope.data) == ("a\ufffdb", {"a\ufffdb": ["a\ufffdb"]})


def test_other_characters_stay() -> None:
    envelope = read_envelope('{"code": 0, "message": "Ungültig\\n\\u00fc \U0001f600"}'.encode())
    assert envelope is not None
    assert envelope.message == "Ungültig\nü \U0001f600"
