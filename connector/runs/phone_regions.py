"""The question whether phone numbers without a country code are read with the right region."""

from connector.config.destination import DestinationSettings
from connector.core.hashed import PhoneCounts

LEAST = 10
"""Phone numbers that a column gives before its invalid ones say something of the region."""


def region_questions(phones: PhoneCounts, destination: DestinationSettings) -> list[str]:
    """A sentence for each column that gives more invalid phone numbers than valid ones."""
    return [
        f'{invalid:,} of {given:,} phone numbers in the column "{column}" are invalid. Is default_region: '
        f"{destination.default_region} right? Set it on the destination {destination.name}, or return the country "
        "of each row as phone_region."
        for column, given in phones.given.items()
        if given >= LEAST and 2 * (invalid := phones.invalid[column]) > given
    ]
