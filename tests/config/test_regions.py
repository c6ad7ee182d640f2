"""The regions that may be a destination's `default_region`."""

import phonenumbers

from connector.config.regions import REGIONS


def test_the_regions_are_those_that_phonenumbers_knows() -> None:
    assert REGIONS == phonenumbers.SUPPORTED_REGIONS
