"""Settings for third-party data: what its buyer agrees to before it is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from connector.config.fields import accepts, one_of
from connector.config.settings import Settings, Violation
from connector.config.suggest import fold

AGREED = "I Agree"
_ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")


@accepts(lambda _: {"const": AGREED})
def _agreement(value: object) -> object:
    if value != AGREED:
        raise ValueError(f'must be "{AGREED}", word for word')
    return value


@accepts(lambda _: {"type": "string", "pattern": rf"^(\s*{_ADDRESS.pattern}\s*)(,\s*{_ADDRESS.pattern}\s*)*$"})
def _addresses(value: object) -> object:
    addresses = [address.strip() for address in value.split(",")] if isinstance(value, str) else []
    if not addresses or not all(map(_ADDRESS.fullmatch, addresses)):
        raise ValueError("must be an e-mail address, or several with commas between them")
    return tuple(addresses)


Agreement = Annotated[Literal["I Agree"], BeforeValidator(_agreement)]


class DataMarketplace(Settings):
    """The three agreements, and who sends the usage reports. Only a buyer may send such data.

    Source: a vendor's page on distributing marketplace data. `data_usage_reporting_requirement`: impressions
    and spend are reported every month; `payment_model`: the data costs a share of the spend reported;
    `payment_requirement`: it is paid for as the data agreement says.
    """

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    party: Annotated[Literal["buyer", "seller"], one_of("buyer", "seller")]
    """Your party. Only a buyer may send such data."""
    data_usage_reporting_requirement: Agreement
    """You agree to report impressions and spend every month."""
    payment_model: Agreement
    """You agree that the data costs a share of the spend that you report."""
    payment_requirement: Agreement
    """You agree to pay for it as the data agreement says."""
    reporting_contact_email: Annotated[tuple[str, ...], BeforeValidator(_addresses)]
    """The e-mail addresses of those who send the usage reports."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse a seller."""
        if values.get("party") == "seller":
            yield "party", "cannot be seller: a seller of data may not send it, its buyer does"


def normalize_key(key: str) -> str:
    """Return the name of a setting; a vendor's page writes it as `Payment Model (type I Agree)`."""
    return re.sub(r"_?\(.*\)$", "", fold(key))
