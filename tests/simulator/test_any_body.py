"""Whatever a client sends, the simulator has an answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.simulator.messages import Request
from connector.simulator.routes import CALLS, answer
from connector.simulator.strictness import parse_strictness
from connector.simulator.world import World
from tests.simulator.client import HASH, TRACK, body, event, web_body, web_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
USER = {"email": [HASH], "ttp": "cookie", "ip": "203.0.113.7", "zip_code": HASH}
PROPERTIES = {"currency": "EUR", "value": 1.5, "contents": [{"content_id": "1", "price": 2}]}
WHOLE = [
    body(event(user=USER, properties=PROPERTIES)),
    web_body(web_event(user=USER, properties=PROPERTIES, event_id=None, limited_data_use=True), web_event()),
    {"advertiser_ids": ["9"], "id_schema": ["EMAIL_SHA256"], "batch_data": [[{"id": HASH, "audience_ids": ["1"]}]]},
    {"advertiser_id": "9", "name": "x", "description": "y", "event_set_id": "1", "auto_tracking": True},
    {"app_id": "1", "secret": "s", "auth_code": "c", "grant_type": "refresh_token", "refresh_token": "r"},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The JSON value with something else at a path."""
    if not path:
        return by
    copy = json.loads(json.dumps(value))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = by
    return copy


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A good body with something else somewhere in it."""
    whole = draw(st.sampled_from(WHOLE))
    changed = replaced(whole, draw(st.sampled_from(places(whole))), draw(JSON))
    return json.dumps(changed).encode()


@pytest.mark.parametrize("strictness", [(), ("types=known", "unhashed=record", "echo=yes", "web_needs=nothing")])
def test_every_call_has_an_answer_to_every_body(strictness: tuple[str, ...]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(bodies(), st.sampled_from(sorted(CALLS)))
    def answered(content: bytes, call: tuple[str, str]) -> None:
        world = World(strictness=parse_strictness(["rates=unlimited", *strictness]))
        for method, path in (("POST", TRACK), call):
            response = answer(Request(method, path, {"access-token": "t"}, content, "advertiser_id=9"), world)
            assert response.code is not None
            assert world.tally.requests

    answered()


@pytest.mark.parametrize("depth", [100, 400, 900, 990, 1_000, 5_000, 100_000])
@pytest.mark.parametrize("place", ["properties", "page", "unknown"])
def test_a_body_that_is_nested_deeply_has_an_answer(depth: int, place: str) -> None:
    nested = f'{{"mine": {"[" * depth}"jane@example.com"{"]" * depth}}}'
    content = json.dumps(body(event())).replace('"event_id"', f'"{place}": {nested}, "event_id"').encode()
    response = answer(Request("POST", TRACK, {"access-token": "t"}, content), World())
    assert response.code in {0, 40002}
