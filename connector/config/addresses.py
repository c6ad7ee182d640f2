"""Types of values: time zones, regions and URLs."""

import re
from functools import cache
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

from connector.config.fields import accepts, text
from connector.config.regions import REGIONS
from connector.config.suggest import did_you_mean
from connector.core.local_server import is_loopback

SIMULATOR = "simulator"
SIMULATOR_FILE = "simulator.sqlite"
"""The file in the state folder that keeps what the simulators of runs were sent."""
_ZONES = {
    **dict.fromkeys(("PST", "PDT", "PT", "PACIFIC"), "America/Los_Angeles"),
    **dict.fromkeys(("MDT", "MT", "MOUNTAIN"), "America/Denver"),
    **dict.fromkeys(("CST", "CDT", "CT", "CENTRAL"), "America/Chicago"),
    **dict.fromkeys(("EDT", "ET", "EASTERN"), "America/New_York"),
    **dict.fromkeys(("AKST", "AKDT"), "America/Anchorage"),
    "BST": "Europe/London",
    **dict.fromkeys(("CEST", "MESZ", "CENTRAL EUROPEAN"), "Europe/Berlin"),
    "EEST": "Europe/Athens",
    "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata",
    "SGT": "Asia/Singapore",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
    "Z": "UTC",
}
"""Abbreviations that are no IANA names, and the zone of most who write them."""

_FIXED_ZONES = {"EST": "America/New_York", "MST": "America/Denver", "HST": "Pacific/Honolulu"}
"""Names of the IANA database that are offsets, and the zone of most who write them."""
_OFFSET = re.compile(r"(?:UTC|GMT)?[+-]\d{1,2}(?::?\d\d)?")
_CORRECTIONS = {"UK": "GB", "EN": "GB", "USA": "US"}


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@accepts(lambda _: {"enum": sorted(_zone_names() - {"Factory", "localtime"})})
def zone(value: object) -> str:
    """Validate the IANA name of a time zone."""
    name = text(value)
    if name in _FIXED_ZONES:
        raise ValueError(f'never has daylight saving time. Did you mean "{_FIXED_ZONES[name]}"?')
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"must be an IANA time zone such as America/New_York.{zone_advice(name)}") from None
    return name


def zone_advice(name: str) -> str:
    """Return what to write in place of a name that is no time zone, with a space before it; empty if nothing is."""
    folded = name.strip().upper()
    zone = _ZONES.get(folded) or _ZONES.get(folded.removesuffix(" TIME").removesuffix(" STANDARD"))
    if zone:
        return f' Did you mean "{zone}"?'
    if _OFFSET.fullmatch(folded):
        return " An offset knows no daylight saving: name a city of the zone."
    return did_you_mean(name, _zone_names())


@accepts(lambda _: {"enum": sorted({*REGIONS, *map(str.lower, REGIONS)})})
def region(value: object) -> str:
    """Validate a two-letter region that has phone numbers, and return it in upper case."""
    code = text(value).strip().upper()
    if code in REGIONS:
        return code
    correction = _CORRECTIONS.get(code)
    hint = f' Did you mean "{correction}"?' if correction else ""
    raise ValueError(f"must be a two-letter region such as US or DE.{hint}")


@accepts(
    lambda _: {
        "anyOf": [
            {"const": SIMULATOR},
            {"type": "string", "pattern": r"^\s*https://[^\s?#@]+\s*$"},
            {"type": "string", "pattern": r"^\s*http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?(/[^\s?#]*)?\s*$"},
        ]
    }
)
def api_url(value: object) -> str:
    """Validate `simulator`, an https URL, or an http URL of this machine, and return it without a final slash."""
    address = text(value).strip()
    if address == SIMULATOR:
        return address
    url = _split(address)
    if url is None or not url.hostname or url.query or url.fragment or url.scheme not in {"http", "https"}:
        raise ValueError("must be an https:// address, or simulator")
    if url.username or url.password:
        raise ValueError("must not carry a user name or password")
    if url.scheme == "http" and not is_loopback(address):
        raise ValueError("must be https:// (http:// is accepted on this machine only, as http://127.0.0.1:8080)")
    return address.rstrip("/")


def _split(address: str) -> SplitResult | None:
    """Return the parts of a URL; None if it is none, holds blanks or line breaks, or has an invalid host name."""
    if not address.isprintable() or " " in address:
        return None
    try:
        url = urlsplit(address)
        _ = url.port, (url.hostname or "").encode("idna")
    except ValueError:
        return None
    return url


Zone = Annotated[str, BeforeValidator(zone)]
Region = Annotated[str, BeforeValidator(region)]
ApiUrl = Annotated[str, BeforeValidator(api_url)]
