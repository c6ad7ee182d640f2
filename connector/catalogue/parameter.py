"""An entry of a catalogue: a parameter, where its values come from, how they are read and where they go."""

from dataclasses import dataclass
from enum import StrEnum

from connector.core.outcomes import Reason

WEB = frozenset({"web"})
BOTH = frozenset({"web", "offline"})
AUDIENCE = frozenset({"audience"})

USER = "user"
PROPERTIES = "properties"
CONTENTS = (PROPERTIES, "contents")
"""The list of an event's items; a path below it is a member of each."""

_INVISIBLE = "".join(map(chr, [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF]))
"""Soft hyphen, zero width characters, direction marks, byte order mark."""


def column_name(name: str) -> str:
    """Return a column's name without white space and invisible characters at its ends."""
    before = None
    while name != before:
        before, name = name, name.strip().strip(_INVISIBLE)
    return name


class Kind(StrEnum):
    """How the column of a parameter is read, checked and written."""

    ROUTE = "route"
    """The event source or its id: part of the request, not of the event."""
    EVENT = "event"
    """The event's name."""
    TIMESTAMP = "timestamp"
    """A time in any form; sent as Unix seconds."""
    EMAIL = "email"
    """E-mail addresses, hashed; an invalid one is dropped with a warning."""
    PHONE = "phone"
    """Phone numbers, hashed; an invalid one is dropped with a warning."""
    EXTERNAL_ID = "external_id"
    """Ids of a person, trimmed and hashed."""
    DEVICE = "device"
    """An advertising id, hashed."""
    DEVICE_TYPE = "device_type"
    """Which kind of advertising id another parameter holds; not sent."""
    ID = "id"
    """An id; a number that may have lost digits rejects the row."""
    REGION = "region"
    """The country of phone numbers; not sent."""
    NAME = "name"
    """A person's name: lower-cased, without punctuation, hashed."""
    ZIP = "zip"
    """A postal code: normalised, hashed."""
    PLACE = "place"
    """A city or a state: lower-cased, without spaces and punctuation."""
    COUNTRY = "country"
    """A country's code or name, sent as two letters; another is dropped with a warning."""
    IP = "ip"
    """A public IP address; another is dropped with a warning."""
    URL = "url"
    """The address of a page."""
    TEXT = "text"
    """Text as it is."""
    CURRENCY = "currency"
    """A code of ISO 4217, upper-cased; another rejects the row."""
    CHOICE = "choice"
    """One of the `choices`; another rejects the row."""
    AMOUNT = "amount"
    """A number with at most six places, smaller than `below`; another value rejects the row."""
    QUANTITY = "quantity"
    """Likewise, a count."""


IDENTIFIERS = frozenset({Kind.EMAIL, Kind.PHONE, Kind.EXTERNAL_ID, Kind.DEVICE})
"""Kinds by which a person or a device is identified: several values at once, always hashed."""
NUMBERS = frozenset({Kind.AMOUNT, Kind.QUANTITY})
_ALWAYS_HASHED = IDENTIFIERS | {Kind.NAME, Kind.ZIP}
_CAN_BE_HASHED = _ALWAYS_HASHED | {Kind.ID, Kind.TEXT, Kind.PLACE}
_FREE = frozenset({Kind.ID, Kind.TEXT, Kind.PLACE, Kind.URL})
"""Kinds whose values can hold an address or a phone number."""

_REASONS = {
    Kind.ROUTE: Reason.INVALID_EVENT_SOURCE_ID,
    Kind.EVENT: Reason.UNKNOWN_EVENT,
    Kind.ID: Reason.INVALID_ID,
    Kind.CURRENCY: Reason.INVALID_CURRENCY,
    **dict.fromkeys([Kind.CHOICE, Kind.TIMESTAMP, *sorted(NUMBERS)], Reason.INVALID_VALUE),
}


class Plain(StrEnum):
    """The treatment of an e-mail address or a phone number in a text that is not an identifier.

    A phone number is known by its plus sign; in a TEXT by brackets and hyphens too, which elsewhere are at home; and an
    ID by being the phone number of its row.
    """

    AS_GIVEN = "as_given"
    """Nothing: the value is hashed, or one of a list, or made by TikTok or a browser."""
    TEXT = "text"
    """It is taken out: no plain address leaves the process."""
    ADDRESS = "address"
    """It is taken out likewise, of the address of a page or the name of a browser; the rest stays."""
    WHOLE = "whole"
    """The whole value is left out: without a part of it, it would be of no use."""
    ID = "id"
    """The value is replaced by part of its SHA-256, so that it stays distinct."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter. Everything that is done with it follows from its entry.

    Raises ValueError if the entry contradicts itself, or would let plain identifiers pass.
    """

    name: str
    columns: tuple[str, ...]
    """The accepted column names, the parameter's own name first."""
    path: tuple[str, ...]
    """Its place in the event: one name for a member of the event itself, two for a member of an object such as `user`,
    `page` or `properties`, three below CONTENTS for a member of each item. Empty: it is not part of the event.
    """
    kind: Kind
    rule: str
    """The rule in words, for the docs and `connector validate`."""
    sources: frozenset[str] = BOTH
    """The event sources that take it."""
    hashed: bool = False
    """The SHA-256 of the value is sent instead of the value."""
    personal: bool = False
    """The value identifies a person or a device: it is not stored with a rejected row, unless as a digest."""
    many: bool = False
    """It takes several columns, or a list. Identifiers only."""
    default: str | None = None
    """The value to send if the row has none."""
    plain: Plain = Plain.AS_GIVEN
    choices: tuple[str, ...] = ()
    """The values that there are. Of the kind CHOICE, another one rejects the row."""
    below: int | None = None
    """The exclusive upper limit of a number."""
    missing: Reason | None = None
    """Why a row without a value is rejected; None: the parameter is optional."""
    reason: Reason | None = None
    """Why a row with an invalid value is rejected; None: the usual reason of its kind."""

    def __post_init__(self) -> None:
        problems = [problem for problem, holds in self._problems().items() if holds]
        if problems:
            raise ValueError(f"Parameter {self.name}: {'; '.join(problems)}.")

    def _problems(self) -> dict[str, bool]:
        depth = len(self.path)
        return {
            "the path leads to no place of an event": depth > 3 or (depth == 3 and self.path[:2] != CONTENTS),
            f"a {self.kind} has to be hashed": self.kind in _ALWAYS_HASHED and not self.hashed,
            f"a {self.kind} cannot be hashed": self.hashed and self.kind not in _CAN_BE_HASHED,
            "what is hashed is personal": self.hashed and not self.personal,
            "only members of user can be hashed": self.hashed and depth > 1 and self.path[0] != USER,
            "nothing personal belongs in properties": self.personal and self.path[:1] == (PROPERTIES,),
            "plain has to say what is done with an address in it": (
                self.kind in _FREE and not self.hashed and self.plain is Plain.AS_GIVEN
            ),
            "only identifiers take several values": self.many and self.kind not in IDENTIFIERS,
            "a choice needs choices": self.kind is Kind.CHOICE and not self.choices,
        }

    @property
    def in_contents(self) -> bool:
        """True for a member of an item, which can differ between the line items of an event."""
        return self.path[:2] == CONTENTS

    @property
    def invalid(self) -> Reason:
        """Why a row is rejected in which its value is invalid."""
        return self.reason or _REASONS.get(self.kind, Reason.INVALID_VALUE)

    @property
    def reasons(self) -> frozenset[Reason]:
        """The reasons for which its value can reject a row."""
        return frozenset(filter(None, (self.missing, self.reason or _REASONS.get(self.kind))))
