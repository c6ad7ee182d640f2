"""Define the settings of TikTok's destinations: an event source of the Events API, and an audience."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from connector.config.addresses import SIMULATOR, ApiUrl
from connector.config.credential import Credential
from connector.config.data_marketplace import DataMarketplace
from connector.config.destination import DestinationSettings
from connector.config.fields import JsonSchema, Switch, Text, accepts, pattern, text, whole
from connector.config.network import File, Network, ProxyUrl
from connector.config.render import has_placeholder
from connector.config.settings import Violation
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.destinations.event_settings import BaseEventSettings

if TYPE_CHECKING:
    from connector.ledger.member_records import AudienceRecord

TIKTOK = "https://business-api.tiktok.com"
PLATFORM = "TikTok"
_DIGITS = "[0-9]{1,40}"
LONGEST_AUDIENCE_NAME = 70
"""TikTok cuts a longer name (agreed by several sources)."""

PIXEL_CODE = "[A-Z0-9]{20}"
"""Pixel codes are about 20 upper-case letters and digits (agreed by several sources)."""

AdvertiserId = Annotated[str, pattern(_DIGITS, "digits only, as 7654321098765432109")]


_ID_SCHEMA = {"anyOf": [{"type": "string", "pattern": "^[0-9]+$"}, {"type": "integer", "minimum": 0}]}


def _businesses_schema() -> JsonSchema:
    ids = {"type": "array", "items": _ID_SCHEMA, "minItems": 1}
    return {"anyOf": [_ID_SCHEMA, ids, {"type": "array", "items": ids, "minItems": 1}]}


@accepts(lambda _: _businesses_schema())
def businesses(value: object) -> object:
    """Take a list of ids, or a single one: ad accounts of one business; or a list of such lists, one a business."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    nested = [item for item in items if isinstance(item, list | tuple)]
    if nested and len(nested) < len(items):
        raise ValueError("must be ids of one business, or a list of ids for each business, not both")
    found = tuple(tuple(text(one) for one in group) for group in (nested or [items]))
    every = [one for group in found for one in group]
    if not all(found) or not all(one.isascii() and one.isdigit() for one in every):
        raise ValueError('must be a list of ids of digits only, as ["7654321098765432109"]')
    if len(set(every)) < len(every):
        raise ValueError("names an id more than once")
    return found


class TikTokSettings(DestinationSettings):
    """Settings of both TikTok types."""

    references: ClassVar[Mapping[str, str]] = {"credential": "credentials"}
    aliases: ClassVar[Mapping[str, str]] = {**DestinationSettings.aliases, "account_id": "advertiser_id"}
    certificates: ClassVar[tuple[str, ...]] = ("ca_file",)

    credential: Credential
    """The credential that opens the TikTok account."""
    api_url: ApiUrl = TIKTOK
    """Where requests go: TikTok, `simulator` for a simulator within the run, or the address of a
    `connector simulate`."""
    proxy: ProxyUrl | None = None
    """The HTTP proxy between this machine and TikTok, with its user name and password. Without it, `HTTPS_PROXY` and
    `NO_PROXY` count."""
    ca_file: File | None = None
    """A PEM file of certificates to trust in addition to the usual authorities."""

    @property
    def network(self) -> Network:
        """The way to `api_url`."""
        return Network(self.proxy, self.ca_file)

    @property
    def address(self) -> str:
        """`api_url`."""
        return self.api_url

    @property
    def credential_name(self) -> str:
        """The credential that opens the TikTok account."""
        return self.credential.name

    @property
    def is_ephemeral(self) -> bool:
        """True if `api_url` is the simulator inside the process."""
        return self.api_url == SIMULATOR


class EventsSettings(TikTokSettings, BaseEventSettings):
    """An event source of TikTok: a pixel (web) or an offline event set.

    `event_source_id` is None only for an offline event set that is found or created by its name.
    """

    aliases: ClassVar[Mapping[str, str]] = {**TikTokSettings.aliases, **BaseEventSettings.aliases}

    type: Literal["tiktok_events"]
    """Selects this type."""
    destination_account_name: Annotated[str, pattern("(?s).{1,50}", "at most 50 characters long")] | None = None
    """The name of the destination account on an activation form, for people."""
    advertiser_id: AdvertiserId
    """The ad account, usually 19 digits."""
    event_source_id: Text | None = None
    """Web: the code of the pixel, not its number. Offline: the id of the event set. Required unless `event_set_name` is
    given."""
    event_set_name: Text | None = None
    """Offline: the name of the event set, which a run finds or creates. With an id as well, both are compared."""
    auto_tracking: Switch | None = None
    """Offline: turns the auto-tracking of the event set on or off. Without it, it stays as it is."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse ids of the wrong kind, and settings that the event source does not have."""
        if values.get("event_source") == "offline":
            yield from _offline_rules(values)
        if values.get("event_source") == "web":
            yield from _web_rules(values)


def _offline_rules(values: Mapping[str, Any]) -> Iterator[Violation]:
    event_set = values.get("event_source_id")
    if event_set is None and values.get("event_set_name") is None:
        yield "", "needs event_source_id (the offline event set), or event_set_name to find or create one by"
    if _is_written(event_set) and not (str(event_set).isascii() and str(event_set).isdigit()):
        yield (
            "event_source_id",
            (
                "must be digits only for an offline event set, as 7654321098765432109; the code of a pixel is for "
                "event_source: web"
            ),
        )
    if isinstance(values.get("custom_events"), str | list) and values["custom_events"]:
        yield (
            "custom_events",
            "is for event_source: web; an offline event set takes TikTok's own event names only",
        )


def _web_rules(values: Mapping[str, Any]) -> Iterator[Violation]:
    pixel = values.get("event_source_id")
    if pixel is None:
        yield "", "needs event_source_id (the code of the pixel)"
    # An event set whose event_source is wrong has settings of an event set, and one problem.
    is_event_set = values.get("event_set_name") is not None or values.get("auto_tracking") is not None
    if _is_written(pixel) and not is_event_set and not re.fullmatch(PIXEL_CODE, str(pixel)):
        number = "; this is its number: Events Manager shows its code beside it" if str(pixel).isdecimal() else ""
        yield (
            "event_source_id",
            f"must be the code of a pixel, 20 upper-case letters and digits as C4EXAMPLE0PIXEL0CODE{number}",
        )
    if values.get("event_set_name") is not None:
        yield "event_set_name", "is for event_source: offline; a pixel has no event set"
    if values.get("auto_tracking") is True:
        yield "auto_tracking", "is for event_source: offline; a pixel has no event set"


def _is_written(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and not has_placeholder(value)


class AudienceSettings(TikTokSettings, BaseAudienceSettings):
    """An audience, found by its id, or found or created by its name. `advertiser_ids` are tuples, one a business.

    `rows_per_request` and `requests_per_second` bound what TikTok is sent, whose own limits are not known for sure.
    """

    aliases: ClassVar[Mapping[str, str]] = {**TikTokSettings.aliases, "advertiser_id": "advertiser_ids"}

    type: Literal["tiktok_audience"]
    """Selects this type."""
    destination_account_name: Annotated[str, pattern("(?s).{1,150}", "at most 150 characters long")] | None = None
    """The name of the destination account on an activation form, for people."""
    advertiser_ids: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(businesses)]
    """The ad accounts of one business, or a list of ad accounts for each business."""
    audience: Annotated[str, pattern("(?s).{1,70}", "at most 70 characters long; TikTok would cut it short")] | None = (
        None
    )
    """The name of the audience, which a run finds or creates. Required unless `audience_id` is given."""
    audience_id: Annotated[str, pattern(_DIGITS, "digits only")] | None = None
    """The id of the audience, if several have the name."""
    requests_per_second: Annotated[int, whole(1, 1000)] = 10
    """The most requests a second."""
    data_marketplace: DataMarketplace | None = None
    """The agreements on third-party data. Only for data bought on a marketplace."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse an audience without name and id, and copies of it that cannot be distinguished."""
        yield from super().rules(values)
        name, ids = values.get("audience"), values.get("advertiser_ids")
        if not isinstance(ids, list) or sum(isinstance(one, list) for one in ids) < 2:
            return
        if values.get("audience_id") is not None:
            yield (
                "audience_id",
                "is that of one business; name `audience`, of which each business gets a copy",
            )
        longest = max((len(copy_name("", str(one[0]))) for one in ids[1:] if isinstance(one, list) and one), default=0)
        if isinstance(name, str) and not has_placeholder(name) and len(name) + longest > LONGEST_AUDIENCE_NAME:
            yield "audience", f"must leave {longest} of {LONGEST_AUDIENCE_NAME} characters for the names of its copies"

    @property
    def accounts(self) -> frozenset[str]:
        """The ad accounts in all businesses."""
        return frozenset(one for business in self.advertiser_ids for one in business)

    def is_same_audience(self, other: BaseAudienceSettings) -> bool:
        """See `BaseAudienceSettings.is_same_audience`: audiences of one name in different ad accounts are not."""
        same = isinstance(other, AudienceSettings) and bool(self.accounts & other.accounts)
        return same and super().is_same_audience(other)

    def has_audience(self, audience: "AudienceRecord") -> bool:
        """See `BaseAudienceSettings.has_audience`: the destination goes to one of the audience's ad accounts."""
        return self.api_url == audience.api_url and bool(self.accounts & set(audience.advertiser_ids))

    def copies(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the name of the audience in each business, and the ad accounts there.

        TikTok shares an audience only among accounts of one business. The first copy has the configured name.
        """
        name, (first, *others) = self.audience or "", self.advertiser_ids
        return [(name, first), *((copy_name(name, ids[0]), ids) for ids in others)]


def copy_name(name: str, advertiser_id: str) -> str:
    """Return the name of the copy of an audience in another business."""
    return f"{name} ({advertiser_id})"
