"""Settings that every type of destination has."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from connector.config.addresses import Region
from connector.config.fields import FILE_NAME, Switch, Text, number, whole
from connector.config.settings import Settings

REGION = "US"


class RetrySettings(Settings):
    """When and how often a failed request is sent again."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    max_attempts: Annotated[int, whole(1, 1000)] = 12
    """The most attempts for a batch. Throttling does not count."""
    max_minutes: Annotated[float, number(0, 1440)] = 15
    """The most minutes for a batch. Throttling does not count."""
    first_wait: Annotated[float, number(0, 3600)] = 0.5
    """Seconds before the second attempt. Each further wait is longer, with full jitter."""
    longest_wait: Annotated[float, number(0, 3600)] = 10
    """The longest wait between two attempts, in seconds."""
    timeout: Annotated[float, number(0.1, 3600)] = 60
    """Seconds that an attempt may take, from connecting to the last byte of the answer."""


class SuppressSettings(Settings):
    """People who are never sent to a destination: those whom a query names."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    query: Annotated[str, FILE_NAME] | None = None
    """A saved query of e-mail addresses, phone numbers or mobile ids, in columns that an audience takes."""
    warehouse: Text | None = None
    """The warehouse that it runs on. Without it: that of the orchestration."""


class DestinationSettings(Settings):
    """Settings common to all types. A type adds its own and defines `address`."""

    aliases: ClassVar[Mapping[str, str]] = {"pii_setting": "pii"}
    certificates: ClassVar[tuple[str, ...]] = ()
    """Keys that name a file of certificates, relative to the project."""

    name: str
    type: str
    """Selects what kind of destination it is."""
    description: Text | None = None
    """A text for people."""
    default_region: Region = REGION
    """The country of phone numbers without a country code."""
    max_in_flight: Annotated[int, whole(1)] = 8
    """The most requests at the same time."""
    requests_per_second: Annotated[int, whole(1, 1000)] = 1000
    """The most requests a second."""
    suppress: SuppressSettings = SuppressSettings()
    """The people who are never sent, for instance since they have not consented."""
    retry: RetrySettings = RetrySettings()
    """The limits on retries of a request."""
    admin_only: Switch = False
    """If `true`, only admins may use the destination. Needs `roles`."""
    pii: Switch = False
    """If `true`, users without the right to see personal data may send to the destination as well."""
    destination_account_name: Text | None = None
    """The name of the destination account on an activation form, for people."""

    @property
    def address(self) -> str:
        """The address to which delivered events and locks are scoped."""
        raise NotImplementedError

    @property
    def local_folder(self) -> str | None:
        """The path that it writes to, relative to the project folder; None if it writes to no path."""
        return None

    @property
    def credential_name(self) -> str | None:
        """The name of its credential, if it has one."""
        return None

    @property
    def is_ephemeral(self) -> bool:
        """True if what was sent there may be forgotten, as with the simulator inside the process."""
        return False
