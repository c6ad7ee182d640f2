"""The page on destinations names what there is."""

from connector.destinations.tiktok.checks import ADVERTISER, EVENT_SOURCE, TOKEN
from connector.destinations.tiktok.events.checks import EVENT_NAME, WRITING
from tests.docs.markdown import DESTINATIONS, first_column


def test_the_page_lists_the_checks_in_their_order() -> None:
    assert first_column(DESTINATIONS, "check") == [TOKEN, ADVERTISER, EVENT_SOURCE, EVENT_NAME, WRITING]
