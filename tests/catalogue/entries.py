"""Parameters that there are not: one of each rule in each place of an event, with values and what becomes of them."""

from hashlib import sha256
from typing import Any, NamedTuple

from connector.catalogue.parameter import CONTENTS, WEB, Kind, Parameter, Plain
from connector.core.outcomes import Reason

PLACES: dict[str, tuple[str, ...]] = {
    "event": (),
    "user": ("user",),
    "page": ("page",),
    "ad": ("ad",),
    "app": ("app",),
    "properties": ("properties",),
    "contents": CONTENTS,
}


class Example(NamedTuple):
    """A value as it is given, what is sent of it, and a wrong one: a reason to reject the row, or not sent."""

    given: str
    sent: Any
    wrong: str | None = None
    reason: str | None = None


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


EXAMPLES: dict[Kind, Example] = {
    Kind.ID: Example(" A-1 ", "A-1", "n/a"),
    Kind.TEXT: Example('red "shoe"', 'red "shoe"'),
    Kind.URL: Example("https://shop.example/?q=1", "https://shop.example/?q=1", "null"),
    Kind.CHOICE: Example("second", "second", "third", Reason.INVALID_VALUE),
    Kind.CURRENCY: Example("eur", "EUR", "euro", Reason.INVALID_CURRENCY),
    Kind.IP: Example("8.8.8.8", "8.8.8.8", "10.0.0.1"),
    Kind.COUNTRY: Example("Germany", "de", "Atlantis"),
    Kind.PLACE: Example("New York", "newyork", "unknown@example.com"),
    Kind.AMOUNT: Example("12.50", 12.5, "twelve", Reason.INVALID_VALUE),
    Kind.QUANTITY: Example("-3", -3, "1e20", Reason.INVALID_VALUE),
    Kind.TIMESTAMP: Example("2026-11-20T12:00:00Z", 1_795_176_000, "soon", Reason.INVALID_VALUE),
}
OF_PEOPLE: dict[Kind, Example] = {
    Kind.NAME: Example("O'Neil", digest("oneil")),
    Kind.ZIP: Example("SW1A 1AA", digest("sw1a1aa")),
    Kind.EMAIL: Example("Second@Example.com", digest("second@example.com"), "no address"),
    Kind.PHONE: Example("+1 213 373 4254", digest("+12133734254"), "no number"),
    Kind.EXTERNAL_ID: Example(" c-1 ", digest("c-1"), "n/a"),
}
_HASHED = {Kind.ID: digest("A-1"), Kind.TEXT: digest('red "shoe"'), Kind.PLACE: digest("newyork")}
_PLAIN = {Kind.ID: Plain.ID, Kind.TEXT: Plain.TEXT, Kind.URL: Plain.ADDRESS, Kind.PLACE: Plain.WHOLE}


def _entry(place: str, kind: Kind, name: str | None = None, **further: Any) -> Parameter:
    name = name or f"new_{place}_{kind}"
    settings: dict[str, Any] = {"plain": _PLAIN.get(kind, Plain.AS_GIVEN)}
    settings |= {"choices": ("first", "second")} if kind is Kind.CHOICE else {}
    settings |= {"below": 10**12} if kind is Kind.QUANTITY else {}
    return Parameter(
        name, (name, f"{name}_too"), (*PLACES[place], name), kind, f"The rule of {name}", **settings | further
    )


_PERSONAL: dict[str, Any] = {"hashed": True, "personal": True, "plain": Plain.AS_GIVEN}

ENTRIES: dict[Parameter, Example] = {
    **{_entry(place, kind): example for place in PLACES for kind, example in EXAMPLES.items()},
    **{_entry("user", kind, **_PERSONAL): example for kind, example in OF_PEOPLE.items()},
    **{
        _entry("user", kind, f"hashed_{kind}", **_PERSONAL): Example(EXAMPLES[kind].given, sent)
        for kind, sent in _HASHED.items()
    },
    _entry("ad", Kind.AMOUNT, "required", missing=Reason.INVALID_VALUE): Example("1", 1, "", Reason.INVALID_VALUE),
}
OF_ONE_SOURCE: dict[Parameter, Example] = {
    _entry(place, kind, f"{source}_only_{place}_{kind}", sources=frozenset({source})): example
    for source in ("web", "offline")
    for place in ("event", "app", "page", "properties", "contents")
    for kind, example in EXAMPLES.items()
    if kind in {Kind.AMOUNT, Kind.TEXT, Kind.CURRENCY}
}
DEFAULTS: dict[Parameter, str] = {
    _entry("properties", Kind.TEXT, "with_default", default="usual"): "usual",
    _entry("ad", Kind.CHOICE, "choice_with_default", default="first"): "first",
    _entry("properties", Kind.CURRENCY, "currency_with_default", default="GBP"): "GBP",
    _entry("properties", Kind.CURRENCY, "web_currency_with_default", default="GBP", sources=WEB): "GBP",
}
"""Parameters that nothing fills."""

NEW = (*ENTRIES, *OF_ONE_SOURCE, *DEFAULTS)
WRONG = [(one, example) for one, example in ENTRIES.items() if example.wrong is not None]
