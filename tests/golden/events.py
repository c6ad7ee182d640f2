"""Event names, routing, ids, line items, precedence of the reasons."""

from itertools import pairwise
from typing import Any

import pyarrow as pa

from tests.golden.case import (
    DROP,
    JANE,
    JOHN,
    NOW,
    OFFLINE_EVENT,
    PHONE,
    PIXEL,
    SET_ID,
    TEXT,
    TEXTS,
    USER_123,
    WEB_EVENT,
    WEB_ROW,
    WHOLE,
    Case,
    merged,
    offline,
    online,
    refused,
    refused_online,
    settings,
    several,
    table,
    web,
)

STANDARD = (
    "AddPaymentInfo", "AddToCart", "AddToWishlist", "ApplicationApproval", "CompleteRegistration", "Contact",
    "CustomizeProduct", "Download", "FindLocation", "InitiateCheckout", "Lead", "Purchase",
    "Schedule", "Search", "StartTrial", "SubmitApplication", "Subscribe", "ViewContent",
)  # fmt: skip
LEGACY = ("CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton")

BROKEN: dict[str, dict[str, Any]] = {
    "invalid_event_source_id": {"event_source_id": "not an id"},
    "missing_event": {"event": " "},
    "unknown_event": {"event": "purchase"},
    "missing_timestamp": {"timestamp": ""},
    "invalid_timestamp": {"timestamp": "soon"},
    "event_too_old": {"timestamp": "2001-01-01"},
    "event_in_future": {"timestamp": "2040-01-01"},
    "invalid_currency": {"currency": "ZZZ"},
    "invalid_amount": {"price": "free"},
    "invalid_event_channel": {"event_channel": "fax"},
    "invalid_id": {"shop_id": 2.0**53},
    "missing_page_url": {"page_url": ""},
    "missing_identity": {"email": "", "phone": ""},
    "invalid_identity": {"email": "jane"},
}
"""Each reason in its order of precedence, and a web row's columns that bring it about."""


def both(earlier: str, later: str) -> Case:
    row = {**BROKEN[later], **BROKEN[earlier]}
    warnings = {"invalid_email": 1} if row.get("email") == "jane" else {}
    return refused_online(f"{earlier} comes before {later}", row, earlier, warnings=warnings)


def everything_from(reason: str) -> Case:
    """A row with this reason and all later ones that can stand beside it."""
    names = list(BROKEN)
    row: dict[str, Any] = {}
    for name in reversed(names[names.index(reason) :]):
        row |= BROKEN[name]
    warnings = {"invalid_email": 1} if row.get("email") == "jane" else {}
    return refused_online(f"{reason} comes before all that follow it", row, reason, warnings=warnings)


CASES: list[Case] = [
    *(
        refused_online(
            f"{reason} by itself",
            row,
            reason,
            warnings={"invalid_email": 1} if row.get("email") == "jane" else {},
        )
        for reason, row in BROKEN.items()
    ),
    *(both(earlier, later) for earlier, later in pairwise(BROKEN)),
    *(everything_from(reason) for reason in BROKEN),
    *(offline(f"the standard event {name}", {"event": name}, {"event": name}) for name in STANDARD),
    *(
        offline(f"the legacy event {name}", {"event": name}, {"event": name}, warnings={"legacy_event_name": 1})
        for name in LEGACY
    ),
    refused("event names are case-sensitive", {"event": "PURCHASE"}, "unknown_event"),
    refused("PageView is no event of the API", {"event": "PageView"}, "unknown_event"),
    refused(
        "offline takes no custom events",
        {"event": "MyEvent"},
        "unknown_event",
        settings=settings(custom_events=("MyEvent",)),
    ),
    online(
        "web takes custom events",
        {"event": "MyEvent"},
        {"event": "MyEvent"},
        settings=web(custom_events=("MyEvent", "Other")),
    ),
    refused_online(
        "web takes no other events",
        {"event": "myevent"},
        "unknown_event",
        settings=web(custom_events=("MyEvent",)),
    ),
    offline("an event name is stripped", {"event": " Purchase\t"}),
    refused("no event column and no fixed name", {"event": DROP}, "missing_event"),
    offline(
        "the fixed name stands in for a missing column",
        {"event": DROP},
        {"event": "Lead"},
        settings=settings(fixed_event_name="Lead"),
    ),
    offline(
        "the fixed name stands in for a blank",
        {"event": "\u3000"},
        {"event": "Lead"},
        settings=settings(fixed_event_name="Lead"),
    ),
    offline("the row's name outweighs the fixed one", {}, settings=settings(fixed_event_name="Lead")),
    offline("a numeric event_id is its digits", {"event_id": 12345}, {"event_id": "12345"}),
    offline("a float event_id has no fraction", {"event_id": 12345.0}, {"event_id": "12345"}),
    offline("an event_id is stripped and kept otherwise", {"event_id": " A b\u00e9 "}, {"event_id": "A bé"}),
    offline("a derived id", {"event_id": DROP}, {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"}),
    offline("a blank event_id is derived", {"event_id": " "}, {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"}),
    offline(
        "the e-mail's spelling does not change the id",
        {"event_id": DROP, "email": " JANE@example.com"},
        {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"},
    ),
    offline(
        "the order id is in the derived id",
        {"event_id": DROP, "order_id": " o-1 "},
        {"event_id": "03fa87da823dae8154f327e671828c8beff7", "properties": {"order_id": "o-1"}},
    ),
    offline(
        "a numeric order id is text in the derived id",
        {"event_id": DROP, "order_id": 42},
        {"event_id": "73d3ce14f28e08f327c327a4d4a360d902a6", "properties": {"order_id": "42"}},
    ),
    offline(
        "quotes and letters of the order id in the derived id",
        {"event_id": DROP, "order_id": 'Zürich "7"'},
        {"event_id": "36123614dae3164837b142598592e2aecde4", "properties": {"order_id": 'Zürich "7"'}},
    ),
    offline(
        "digests are sorted in the derived id, not in the event",
        {
            "event_id": DROP,
            "email": (TEXTS, [["jane@example.com", "john@example.com"]]),
            "phone": "2065550100",
        },
        {"event_id": "c4d0cee4fefd832de6baf5c297b7674bf1af", "user": {"email": [JANE, JOHN], "phone": PHONE}},
    ),
    online(
        "external ids are in the derived id of a web event",
        {"event_id": DROP, "external_id": "user_123"},
        {"event_id": "af4737efdcab540aff8acd301a4a5b94d44a", "user": {"external_id": USER_123}},
    ),
    offline(
        "and not of an offline one",
        {"event_id": DROP, "external_id": "user_123"},
        {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"},
    ),
    offline(
        "a derived id of a phone and another event",
        {"event_id": DROP, "email": DROP, "phone": "2065550100", "event": "Lead"},
        {
            "event_id": "75a81a04ffb00aecf6e89186015071a0b45e",
            "event": "Lead",
            "user": {"email": DROP, "phone": PHONE},
        },
    ),
    offline(
        "an invalid phone is not in the derived id",
        {"event_id": DROP, "phone": "12"},
        {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"},
        warnings={"invalid_phone": 1},
    ),
    several(
        "rows alike in what the id is derived from are one event",
        2,
        {"event_id": DROP, "content_id": ["A", "B"]},
        [
            {
                "event_id": "51d3516e9c173f51088af89f2dd7ffc20ede",
                "properties": {"contents": [{"content_id": "A"}, {"content_id": "B"}]},
            }
        ],
        rows=[[1, 2]],
    ),
    several(
        "a given id equal to a derived one is the same event",
        2,
        {"event_id": (TEXT, ["f30d7b4aea33c100e00da4a9b31f4127b562", None])},
        [{"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"}],
        rows=[[1, 2]],
    ),
    several(
        "line items of two events in between each other",
        5,
        {
            "event_id": ["e1", "e2", "e1", "e2", "e1"],
            "content_id": ["A", "B", "C", "D", "E"],
            "value": [1, 2, 4, 8, 16],
        },
        [
            {"properties": {"contents": [{"content_id": name} for name in "ACE"], "value": 21}},
            {
                "event_id": "e2",
                "properties": {"contents": [{"content_id": name} for name in "BD"], "value": 10},
            },
        ],
        rows=[[1, 3, 5], [2, 4]],
    ),
    several(
        "another event name with the same id is another event",
        2,
        {"event": ["Purchase", "Lead"]},
        [{}, {"event": "Lead"}],
    ),
    several(
        "another event source with the same id is another event",
        2,
        {"event_source_id": (TEXT, [None, "123"])},
        [{}, {}],
        routes=[("offline", SET_ID), ("offline", "123")],
    ),
    several("ids that differ in case are two", 2, {"event_id": ["e1", "E1"]}, [{}, {"event_id": "E1"}]),
    several(
        "ids that differ in white space at the ends are one",
        2,
        {"event_id": ["e1", " e1 "]},
        [{}],
        warnings={"identical_rows": 1},
        rows=[[1, 2]],
    ),
    several(
        "where rows differ the first one's fields stand",
        4,
        {"order_id": ["o-1", "o-1", "o-2", " "], "value": [1, 2, 3, 4]},
        [{"properties": {"order_id": "o-1", "value": 10}}],
        warnings={"conflicting_rows": 2},
        rows=[[1, 2, 3, 4]],
    ),
    several(
        "what the first row lacks the event lacks",
        2,
        {"order_id": (TEXT, [None, "o-2"])},
        [{}],
        warnings={"conflicting_rows": 1},
    ),
    several(
        "other people in the rows of an event are a conflict",
        2,
        {"email": ["jane@example.com", "john@example.com"]},
        [{}],
        warnings={"conflicting_rows": 1},
    ),
    several(
        "another time in the rows of an event is a conflict",
        2,
        {"timestamp": [NOW, NOW - 1]},
        [{}],
        warnings={"conflicting_rows": 1},
    ),
    several(
        "the same e-mail spelt otherwise is no conflict",
        2,
        {"email": ["jane@example.com", "JANE@EXAMPLE.COM "]},
        [{}],
    ),
    several(
        "one rejected row holds back its event",
        4,
        {"event_id": ["e1", "e2", "e1", "e1"], "price": (TEXT, [None, None, "free", None])},
        [{"event_id": "e2"}],
        rejected={1: "incomplete_event", 3: "invalid_amount", 4: "incomplete_event"},
        rows=[[2]],
    ),
    several(
        "rejected rows of one event keep their own reasons",
        3,
        {"price": (TEXT, ["free", None, None]), "currency": (TEXT, [None, "ZZZ", None])},
        [],
        rejected={1: "invalid_amount", 2: "invalid_currency", 3: "incomplete_event"},
    ),
    several(
        "a row rejected for its time holds back the event of its id",
        2,
        {"timestamp": ["soon", "2023-11-14"]},
        [],
        rejected={1: "invalid_timestamp", 2: "incomplete_event"},
    ),
    several(
        "a row without time and id belongs to no event",
        2,
        {"timestamp": (WHOLE, [None, NOW]), "event_id": DROP},
        [{"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"}],
        rejected={1: "missing_timestamp"},
    ),
    several(
        "a row whose id is derived holds its event back",
        2,
        {"event_id": DROP, "content_id": "A", "event_channel": ["fax", ""]},
        [],
        rejected={1: "invalid_event_channel", 2: "incomplete_event"},
    ),
    several(
        "a row of a wrong event source belongs to no event",
        2,
        {"event_source_id": (TEXT, ["x", None])},
        [{}],
        rejected={1: "invalid_event_source_id"},
        rows=[[2]],
    ),
    several(
        "a row without event name belongs to no event",
        2,
        {"event": (TEXT, [None, "Purchase"])},
        [{}],
        rejected={1: "missing_event"},
        rows=[[2]],
    ),
    several(
        "a row of an unknown event holds back none of another",
        2,
        {"event": ["purchase", "Purchase"]},
        [{}],
        rejected={1: "unknown_event"},
        rows=[[2]],
    ),
    several(
        "a row without identity holds back its event",
        2,
        {"email": ["", "jane@example.com"]},
        [],
        rejected={1: "missing_identity", 2: "incomplete_event"},
    ),
    several(
        "held-back rows do not count as conflicting",
        3,
        {"order_id": ["o-1", "o-2", "o-3"], "value": ["1", "x", "2"]},
        [],
        rejected={1: "incomplete_event", 2: "invalid_amount", 3: "incomplete_event"},
    ),
    several(
        "without line items each row is an event and the same key a duplicate",
        4,
        {"event_id": ["e1", "e2", "e1", "e1"], "content_id": ["A", "B", "C", "D"], "value": [1, 2, 3, 4]},
        [
            {"properties": {"contents": [{"content_id": "A"}], "value": 1}},
            {"event_id": "e2", "properties": {"contents": [{"content_id": "B"}], "value": 2}},
        ],
        skipped={3: "duplicate", 4: "duplicate"},
        settings=settings(line_items=False),
        rows=[[1], [2]],
    ),
    several(
        "without line items a rejected row holds nothing back and is no duplicate",
        4,
        {"value": ["x", "1", "y", "2"], "order_id": ["a", "b", "c", "d"]},
        [{"properties": {"order_id": "b", "value": 1}}],
        rejected={1: "invalid_amount", 3: "invalid_amount"},
        skipped={4: "duplicate"},
        settings=settings(line_items=False),
    ),
    Case(
        "rows are routed one by one, each under its own source's rules",
        table(
            WEB_ROW,
            {
                "event_source": (TEXT, ["web", "offline", None, " "]),
                "event_source_id": (TEXT, [PIXEL, None, "42", " "]),
                "external_id": "user_123",
                "event_id": ["e1", "e1", "e1", "e1"],
            },
            4,
        ),
        events=[merged(WEB_EVENT, {"user": {"external_id": USER_123}}), OFFLINE_EVENT, OFFLINE_EVENT],
        routes=[("web", PIXEL), ("offline", SET_ID), ("offline", "42")],
        rows=[[1], [2, 4], [3]],
    ),
    Case(
        "a row may be offline where the destination is web",
        table(WEB_ROW, {"event_source": "offline", "event_source_id": 7654321098765432109, "page_url": DROP}, 1),
        settings=web(),
        events=[OFFLINE_EVENT],
        routes=[("offline", SET_ID)],
    ),
    refused("an event source in capitals", {"event_source": "Offline"}, "invalid_event_source_id"),
    refused("an event source of another kind", {"event_source": "app"}, "invalid_event_source_id"),
    refused("a pixel for offline", {"event_source_id": PIXEL}, "invalid_event_source_id"),
    refused(
        "a pixel with a hyphen",
        {"event_source": "web", "event_source_id": "C4-A1"},
        "invalid_event_source_id",
    ),
    refused("an offline id that lost digits", {"event_source_id": 7654321098765432109.0}, "invalid_event_source_id"),
    *(
        refused_online(f"{name} with digits lost", {name: -(2.0**53)}, "invalid_id")
        for name in ("event_id", "order_id", "shop_id", "content_id", "tiktok_click_id", "cookie_id")
    ),
    offline("a click id with digits lost that is not sent", {"tiktok_click_id": 1e18}),
    refused("an offline id in Arabic digits", {"event_source_id": "١٢٣"}, "invalid_event_source_id"),
    refused(
        "a pixel with a letter beyond ASCII",
        {"event_source": "web", "event_source_id": "C4É"},
        "invalid_event_source_id",
    ),
    refused(
        "the web's pixel of the destination for an offline row",
        {"event_source": "offline"},
        "invalid_event_source_id",
        settings=web(),
    ),
    several("event_set_id is the event source id", 1, {"event_set_id": "123"}, [{}], routes=[("offline", "123")]),
    several(
        "of two columns of a single value the first counts",
        1,
        {"event_set_id": "123", "event_source_id": "456"},
        [{}],
        routes=[("offline", "456")],
    ),
    several(
        "a numeric event source id is its digits",
        1,
        {"event_source_id": (pa.int64(), [123])},
        [{}],
        routes=[("offline", "123")],
    ),
    *(
        offline(
            f"the event channel {channel}",
            {"event_channel": channel},
            {"properties": {"event_channel": channel}},
        )
        for channel in ("email", "website", "phone_call", "in_store", "crm", "other")
    ),
    *(
        refused(f"the event channel {channel!r} is invalid", {"event_channel": channel}, "invalid_event_channel")
        for channel in ("In_Store", "instore", "in store", "store", 1)
    ),
    offline("a blank event channel is absent", {"event_channel": " "}),
    several(
        "a warning is counted on every row that has it",
        3,
        {
            "event": "CompletePayment",
            "phone": ["1", "2065550100", "2"],
            "event_id": ["e1", "e2", "e3"],
            "value": ["", "", "x"],
        },
        [
            {"event": "CompletePayment"},
            {"event": "CompletePayment", "event_id": "e2", "user": {"phone": PHONE}},
        ],
        rejected={3: "invalid_amount"},
        warnings={"legacy_event_name": 3, "invalid_phone": 2},
    ),
]
