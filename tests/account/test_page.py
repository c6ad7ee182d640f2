"""The page on destinations names what there is."""

from connector.config.destination import AudienceDestination, EventsDestination
from connector.destinations.tiktok.checks import ADVERTISER, EVENT_SOURCE, TOKEN
from connector.pipeline.event_checks import EVENT_NAME, WRITING
from tests.docs.markdown import DESTINATIONS, first_column, table


def test_the_page_lists_every_setting_of_a_destination_and_whose_it_is() -> None:
    events, audience = set(EventsDestination.known_keys()), set(AudienceDestination.known_keys())
    rows = {row[0].strip("`"): row[1].split(",")[0] for row in table(DESTINATIONS, "setting")}
    assert {name for name, whose in rows.items() if whose in {"both", "events"}} == events
    assert {name for name, whose in rows.items() if whose in {"both", "audience"}} == audience


def test_the_page_lists_the_checks_in_their_order() -> None:
    assert first_column(DESTINATIONS, "check") == [TOKEN, ADVERTISER, EVENT_SOURCE, EVENT_NAME, WRITING]
