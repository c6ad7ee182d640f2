"""The digests by which one person is found are those under which TikTok got them."""

from hashlib import sha256

import pyarrow as pa
import pytest

from connector.transform.suppression_filter import digests_of_email, digests_of_phone
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import transformed

JOHN = "55e79200c1635b37ad31a378c39feb12f120f116625093a19bc32fff15041149"
"""Of John.Doe+promo@example.com as audiences have it: the example of TikTok's page on customer files."""


def test_an_address_has_a_digest_for_every_rule() -> None:
    found = [(one.kind, one.digest) for one in digests_of_email("\u00a0 John.Doe+promo@Example.com\n")]
    assert found == [
        ("email", sha256(b"john.doe+promo@example.com").hexdigest()),
        ("audience_email", sha256(b"john.doe@example.com").hexdigest()),
        ("audience_email", JOHN),
    ]


def test_a_digest_stands_for_itself() -> None:
    assert [(one.kind, one.digest) for one in digests_of_email(JOHN.upper())] == [("email", JOHN)]
    assert [one.digest for one in digests_of_phone(JOHN.upper(), "US")] == [JOHN]


@pytest.mark.parametrize("text", ["", " ", "nobody", "a@b", "a@@b.co", "+12125550142"])
def test_what_is_no_address_has_none(text: str) -> None:
    assert digests_of_email(text) == []


@pytest.mark.parametrize(
    ("number", "region", "e164"),
    [("(212) 555-0142", "US", "+12125550142"), ("020 7946 0958", "GB", "+442079460958"), ("+44 20 7946 0958", "US", "+442079460958")],
)  # fmt: skip
def test_a_number_is_read_as_its_region_reads_it(number: str, region: str, e164: str) -> None:
    assert [one.digest for one in digests_of_phone(number, region)] == [sha256(e164.encode()).hexdigest()]
    assert digests_of_phone("12", region) == digests_of_phone("nobody", region) == []


@pytest.mark.parametrize("text", ["ÖZGE@Example.COM", "İ@example.com", "a.b+c+d@example.co.uk", "  x@ß.example "])
def test_events_carry_the_very_digest(text: str) -> None:
    columns = {"email": [text], "timestamp": [1_700_000_000], "event": ["Purchase"]}
    (event,) = transformed(pa.table(columns), Settings(started_at=1_700_000_000), DataTemplate("tiktok_events")).events
    assert digests_of_email(text)[0].digest == event["user"]["email"]
