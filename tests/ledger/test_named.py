"""Names at TikTok and their ids."""

from dataclasses import replace

import pytest

from connector.ledger.ledger import Ledger
from connector.ledger.run_records import RemoteKey

STORES = RemoteKey("event_set", "production", "https://business-api.tiktok.com", "77", "Stores")


def test_an_id_is_known_by_its_name_from_then_on(ledger: Ledger) -> None:
    assert ledger.remote_ids.find(STORES) is None
    ledger.remote_ids.store(STORES, "123", auto_tracking=True)
    found = ledger.remote_ids.find(STORES)
    assert found and (found.id, found.auto_tracking) == ("123", True)


def test_the_last_id_of_a_name_holds_until_it_is_forgotten(ledger: Ledger) -> None:
    ledger.remote_ids.store(STORES, "123")
    ledger.remote_ids.store(STORES, "456")
    found = ledger.remote_ids.find(STORES)
    assert found and (found.id, found.auto_tracking) == ("456", None)
    ledger.remote_ids.delete(STORES)
    assert ledger.remote_ids.find(STORES) is None


@pytest.mark.parametrize("part", ["kind", "target", "api_url", "advertiser_id", "name"])
def test_what_is_known_in_one_place_counts_in_no_other(ledger: Ledger, part: str) -> None:
    ledger.remote_ids.store(STORES, "123")
    assert ledger.remote_ids.find(replace(STORES, **{part: "other"})) is None
