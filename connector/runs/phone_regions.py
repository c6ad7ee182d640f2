"""Ask whether phone numbers without a country code are read with the right region."""

from connector.config.destination import DestinationSettings
from connector.core.hashed_rows import PhoneCounts

MIN_PHONES = 10
"""Phone numbers in a column from which the share of invalid ones is meaningful."""


def region_questions(phones: PhoneCounts, destination: DestinationSettings) -> list[str]:
    """Return a question for each column with at least as many invalid phone numbers as valid ones."""
    return [
        f'{invalid:,} of {given:,} phone numbers in the column "{column}" are invalid. Is default_region: '
        f"{destination.default_region} right? Set it on the destination {destination.name}, or return the country "
        "of each row as phone_region."
        for column, given in phones.given.items()
        if given >= MIN_PHONES and 2 * (invalid := phones.invalid[column]) > given
    ]
