"""Settings that every destination of audiences has, whatever holds the audience."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from connector.catalogue.vocabulary import EMAIL_RULES
from connector.config.destination import DestinationSettings
from connector.config.fields import Text, number, one_of, some_of, whole
from connector.config.settings import Violation

if TYPE_CHECKING:
    from connector.ledger.member_records import AudienceRecord


class BaseAudienceSettings(DestinationSettings):
    """Settings that decide which people are in an audience, and how they are changed."""

    audience: Text | None = None
    """The name of the audience. Required unless `audience_id` is given."""
    audience_id: Text | None = None
    """The id of the audience."""
    mode: Annotated[Literal["mirror", "add", "remove"], one_of("mirror", "add", "remove")] = "mirror"
    """`mirror` makes the audience equal to the result, `add` only adds people, `remove` only deletes them."""
    max_change_percent: Annotated[float, number(0, 100)] = 25
    """The share of the members that a run may change without confirmation."""
    device_id_case: Annotated[Literal["lower", "upper"], one_of("lower", "upper")] = "lower"
    """The case of an advertising id when it is hashed."""
    email_rule: Annotated[tuple[str, ...], some_of(*EMAIL_RULES)] = EMAIL_RULES[:1]
    """How e-mail addresses are normalised before they are hashed. With several rules, each gives an identifier."""
    rows_per_request: Annotated[int, whole(1, 10_000)] = 10_000
    """The most rows in a request."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse an audience without name and id."""
        if values.get("audience") is None and values.get("audience_id") is None:
            yield "", "needs audience (its name) or audience_id"

    def is_same_audience(self, other: "BaseAudienceSettings") -> bool:
        """Return whether both destinations change the same audience."""
        return self.address == other.address and self.label == other.label

    def has_audience(self, audience: "AudienceRecord") -> bool:
        """Return whether an audience of the ledger is at this destination."""
        return (self.address, self.label) == (audience.api_url, audience.audience_id)

    @property
    def label(self) -> str:
        """The id of the audience, or its name without surrounding white space."""
        return self.audience_id or (self.audience or "").strip()
