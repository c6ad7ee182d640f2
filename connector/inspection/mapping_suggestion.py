"""Suggest the data template of a result by the names of its columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connector.catalogue import AUDIENCES, EVENTS, IDENTIFIERS, Catalogue, Kind, Parameter

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "email": ("mail", "e_mail"),
    "phone": ("mobile", "telephone", "tel", "msisdn", "cell", "cellphone", "mobile_phone"),
    "external_id": ("customer_id", "user_id", "member_id", "account_id", "client_id"),
    "timestamp": ("event_time", "occurred_at", "ordered_at", "order_date", "purchased_at", "purchase_date", "paid_at"),
    "event_id": ("event_uuid",),
    "event": ("event_name", "event_type"),
    "order_id": ("order_number", "order_no", "transaction_id", "receipt_id", "receipt_number", "invoice_id"),
    "value": ("amount", "revenue", "total", "order_total", "total_price", "sales"),
    "shop_id": ("store_id", "branch_id"),
    "content_id": ("product_id", "sku", "item_id", "article_id"),
    "content_name": ("product_name", "item_name"),
    "content_category": ("product_category", "item_category"),
    "quantity": ("qty", "units"),
    "price": ("unit_price", "item_price"),
    "first_name": ("given_name", "forename"),
    "last_name": ("surname", "family_name"),
    "zip_code": ("zip", "postal_code", "postcode"),
    "state": ("province",),
    "page_url": ("landing_page", "page"),
    "referrer_url": ("referrer",),
    "agent": ("browser",),
    "idfa": ("ios_advertising_id",),
    "aaid": ("android_advertising_id", "google_advertising_id"),
}
"""Usual names of columns, beside those that the catalogue accepts."""
_TIMES = re.compile(r"(?:^|_)(?:at|ts|time|date|datetime|timestamp)$")
_OTHER_TIMES = re.compile(
    r"(?:^|_)(?:updated|modified|loaded|synced|deleted|ingested|birth|expires?|valid|seen|dbt)(?:_|$)"
)
_ENDINGS = re.compile(r"(?:_(?:address|number|code|hash|hashed|sha256|text|raw|clean|normalized|\d+)|\d+)+$")
_WEB = ("page_url", "tiktok_click_id", "cookie_id", "ip", "agent")
_PURCHASE = ("value", "order_id", "event", "content_id")


@dataclass(frozen=True, slots=True)
class SuggestedMapping:
    """The probable content of a result."""

    kind: str
    """`offline` or `web` for events, `audience`."""
    columns: Mapping[str, tuple[str, ...]]
    """The columns of each parameter."""
    unmapped: tuple[str, ...]
    """Columns that fill no parameter."""

    @property
    def own(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters whose columns are not found by their names alone."""
        catalogue = AUDIENCES if self.kind == "audience" else EVENTS
        accepted = {parameter.name: parameter.columns for parameter in catalogue.parameters}
        return {
            name: columns
            for name, columns in self.columns.items()
            if len(columns) > 1 or columns[0].lower() not in accepted[name]
        }


def suggest_mapping(columns: Sequence[str]) -> SuggestedMapping | None:
    """Suggest the mapping of these columns; None if none of them identifies a person or a device."""
    events = _fitting(columns, EVENTS)
    is_event = "timestamp" in events and any(name in events for name in _PURCHASE)
    if is_event:
        kind = "web" if any(name in events for name in _WEB) else "offline"
        found = {parameter.name: events[parameter.name] for parameter in _of_source(kind) if parameter.name in events}
        if _identifies(found, EVENTS):
            return _suggestion(kind, found, columns)
    members = _fitting(columns, AUDIENCES)
    return _suggestion("audience", members, columns) if _identifies(members, AUDIENCES) else None


def _suggestion(kind: str, found: Mapping[str, tuple[str, ...]], columns: Sequence[str]) -> SuggestedMapping:
    used = {column for names in found.values() for column in names}
    return SuggestedMapping(kind, found, tuple(column for column in columns if column not in used))


def _of_source(source: str) -> Iterable[Parameter]:
    return (parameter for parameter in EVENTS.parameters if source in parameter.sources)


def _identifies(found: Mapping[str, object], catalogue: Catalogue) -> bool:
    return any(parameter.kind in IDENTIFIERS and parameter.name in found for parameter in catalogue.parameters)


def _fitting(columns: Sequence[str], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Return the columns of each parameter, of which each column fills one; exact names go before similar ones."""
    left = {column: _folded(column) for column in columns}
    found: dict[str, tuple[str, ...]] = {}
    for fits in (_is_exact, _is_synonym, _ends_alike):
        for parameter in catalogue.parameters:
            if parameter.name in found and not parameter.many:
                continue
            names = [column for column, folded in left.items() if fits(parameter, folded)]
            names = names if parameter.many else names[:1]
            if names:
                found[parameter.name] = (*found.get(parameter.name, ()), *names)
            left = {column: folded for column, folded in left.items() if column not in names}
    return found


def _folded(column: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"\W+", "_", words).lower()


def _is_exact(parameter: Parameter, column: str) -> bool:
    return column in parameter.columns


def _is_synonym(parameter: Parameter, column: str) -> bool:
    names = {*parameter.columns, *_SYNONYMS.get(parameter.name, ())}
    return column in names or _ENDINGS.sub("", column) in names


def _ends_alike(parameter: Parameter, column: str) -> bool:
    """Return whether a column is `customer_email` for `email`, or some time for `timestamp`."""
    if parameter.kind is Kind.TIMESTAMP:
        return bool(_TIMES.search(column)) and not _OTHER_TIMES.search(column)
    if parameter.kind is Kind.ROUTE:
        return False
    stem = _ENDINGS.sub("", column)
    names = (*parameter.columns, *_SYNONYMS.get(parameter.name, ()))
    return any(name.endswith(f"_{one}") for name in (column, stem) for one in names if len(one) > 3 or parameter.many)


@dataclass(frozen=True, slots=True)
class ParameterSuggestion:
    """The columns that may fill a parameter."""

    parameter: Parameter
    selected: tuple[str, ...]
    """The columns to take unless the user chooses others."""
    why: str
    """Why these columns: `Same name`, `Known alias`, `Similar name`, `Possible`, or a sentence on what to choose."""


_SCORES = ((100, "Same name"), (95, "Known alias"), (85, "Similar name"), (60, "Possible"))
_CERTAIN = 85
"""The score from which columns are selected."""
_CLOSE = 5
"""The difference of scores within which columns fit equally well."""
_DIGEST = re.compile(r"_(?:sha_?256|hash|hashed|md5)$", re.IGNORECASE)


def suggest_columns(columns: Sequence[str], parameters: Iterable[Parameter]) -> list[ParameterSuggestion]:
    """Suggest columns for each parameter by their names alone; a column fills one parameter.

    Equal names get equal suggestions. Plain and hashed columns of the same values are not taken together, which would
    count a person twice.
    """
    left, found = list(columns), {}
    ordered = list(parameters)
    for score, why in _SCORES:
        for parameter in ordered:
            best = [column for column in left if _score(parameter, column) == score]
            if best and parameter.name not in found:
                found[parameter.name] = _chosen(parameter, best, score, why)
                left = [column for column in left if column not in best]
    nothing = (tuple[str, ...](), "")
    return [ParameterSuggestion(parameter, *found.get(parameter.name, nothing)) for parameter in ordered]


def _chosen(parameter: Parameter, columns: list[str], score: int, why: str) -> tuple[tuple[str, ...], str]:
    is_mixed = len({bool(_DIGEST.search(column)) for column in columns}) > 1
    if len(columns) > 1 and (is_mixed or not parameter.many):
        return (), f"{len(columns)} columns fit: {', '.join(columns)}. Choose one."
    return (tuple(columns) if score >= _CERTAIN else (), why if score >= _CERTAIN else f"{why}: {', '.join(columns)}")


def _score(parameter: Parameter, column: str) -> int:
    folded = _folded(column)
    if folded == parameter.name:
        return 100
    if folded in parameter.columns:
        return 95
    if _is_synonym(parameter, folded):
        return 85
    return 60 if _ends_alike(parameter, folded) else 0
