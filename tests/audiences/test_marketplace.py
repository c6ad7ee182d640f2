"""Third-party data: agreed to in so many words, sent by its buyer, reported every month."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.config.project import load_project
from connector.destinations.tiktok.audience.usage_report import COLUMNS, usage_report
from connector.errors import ConfigurationError, UsageError
from connector.simulator.server import Simulator
from tests.audiences.shop import Shop, open_shop, wanted
from tests.audiences.test_mirror import person

AGREED: dict[str, Any] = {
    "party": "buyer",
    "Data Usage Reporting Requirement (type I Agree)": "I Agree",
    "Payment Model (type I Agree)": "I Agree",
    "payment_requirement": "I Agree",
    "Reporting Contact Email": "reports@example.com, ads@example.com",
}


def test_what_was_delivered_in_a_month_is_reported(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, data_marketplace=AGREED)
    people = [person(number) for number in range(1, 30)]
    shop.people(people)
    shop.run()
    shop.people([*people, person(40)])
    shop.run()
    now = datetime.now(UTC)
    (line,) = usage_report(shop.project, f"{now:%Y-%m}").lines
    assert list(line) == list(COLUMNS)
    assert line["identifiers_delivered"] == len(wanted([*people, person(40)]))
    assert (line["runs"], line["reporting_contacts"]) == (2, "reports@example.com ads@example.com")
    assert line["impressions"] == line["amount_spent"] == ""
    assert usage_report(shop.project, "2020-01").lines == []


def test_without_such_data_there_is_nothing_to_report(shop: Shop) -> None:
    with pytest.raises(UsageError, match="data_marketplace"):
        usage_report(shop.project, "2026-11")


def test_a_month_is_written_as_one(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, data_marketplace=AGREED)
    with pytest.raises(UsageError, match='Invalid month "November"'):
        usage_report(shop.project, "November")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"party": "seller"}, "a seller of data may not send it"),
        ({"payment_requirement": "yes"}, '"I Agree", word for word'),
        ({"Payment Model (type I Agree)": None}, "Payment Model"),
        ({"Reporting Contact Email": "somebody"}, "must be an e-mail address"),
        ({"contact": "a@b.co"}, "contact"),
    ],
)
def test_nothing_goes_without_every_agreement(tmp_path: Any, change: dict[str, Any], said: str) -> None:
    shop = open_shop(tmp_path / "shop", "http://127.0.0.1:9", data_marketplace={**AGREED, **change})
    with pytest.raises(ConfigurationError) as caught:
        load_project(shop.directory, {})
    assert said in caught.value.message
