"""What only web events carry: the person's name and address, the device, the page."""

from connector.catalogue import Plain
from connector.outcomes import Reason, RowWarning
from connector.transform.compiler.context import Context, Level
from connector.transform.sql.identity import (
    cleaned_name,
    cleaned_place,
    cleaned_zip,
    country_code,
    is_digest,
    text_digest,
    without_empty_digest,
)
from connector.transform.sql.json import json_text
from connector.transform.sql.network import is_public, without_prefix
from connector.transform.sql.text import guarded, lower, strip

_US_ZIP_LENGTH = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BEHIND_STATE = "[a-z]{2,3}[0-9]{5}([0-9]{4})?"
"""An American postal code behind its state or country, which is not part of it."""
_STATES = (
    "a[klrz]|c[aot]|dc|fl|ga|hi|i[adln]|k[sy]|la|m[adeinost]|n[cdehjmvy]|o[hkr]|pa|ri|s[cd]|t[nx]|ut|v[at]|w[aivy]|usa?"
)
"""American ones, without Delaware, whose letters stand before Germany's postal codes."""


def compile_user(context: Context) -> dict[str, str]:
    """The JSON of each member of `user` beside the identifiers, in the catalogue's order of names."""
    members = {
        "tiktok_click_id": _plain(context, "tiktok_click_id"),
        "cookie_id": _plain(context, "cookie_id"),
        "ip": _ip(context),
        "agent": _plain(context, "agent"),
        "locale": _plain(context, "locale"),
        "first_name": _name(context, "first_name"),
        "last_name": _name(context, "last_name"),
        "zip_code": _zip(context),
        "city": _place(context, "city"),
        "state": _place(context, "state"),
        "country": _country(context),
    }
    return {name: json for name, json in members.items() if json}


def compile_page(context: Context) -> tuple[str | None, dict[Reason, str]]:
    """The JSON of `page` and when its absence is a reason to reject."""
    if context.web is False:
        return None, {}
    url, referrer = context.text("page_url"), context.text("referrer_url")
    missing = context.on_web(f"{url} IS NULL" if url else "true")
    reasons = {Reason.MISSING_PAGE_URL: missing} if missing else {}
    if not url:
        return None, reasons
    tail = f""", ',"referrer":' || {json_text(referrer)}""" if referrer else ""
    page = f"""CASE WHEN {url} IS NOT NULL THEN concat(',"page":{{"url":', {json_text(url)}{tail}, '}}') END"""
    return context.layers.put(Level.OUTCOME, "page", page), reasons


def warnings(context: Context) -> dict[RowWarning, str]:
    """When an address or a country was given and dropped, and when limited data use has nothing to work on."""
    found: dict[RowWarning, str] = {}
    given = context.text("ip")
    if given:
        found[RowWarning.INVALID_IP] = f"({given} IS NOT NULL AND usable_ip IS NULL)"
    if country := context.text("country"):
        found[RowWarning.UNKNOWN_COUNTRY] = f"({country} IS NOT NULL AND usable_country IS NULL)"
    unusable = context.on_web("usable_ip IS NULL" if given else "true")
    if context.rules.limited_data_use and unusable:
        found[RowWarning.MISSING_IP_FOR_LDU] = unusable
    return found


def _plain(context: Context, name: str) -> str | None:
    text = context.text(name)
    return json_text(text) if text else None


def _ip(context: Context) -> str | None:
    given = context.text("ip")
    if not given:
        return None
    address = context.layers.put(Level.GUARDED, "ip_address", without_prefix(given))
    usable = context.layers.put(Level.NORMAL, "usable_ip", f"CASE WHEN {is_public(address)} THEN {address} END")
    return json_text(usable)


def _name(context: Context, name: str) -> str | None:
    given = context.text(name)
    if not given:
        return None
    put = context.layers.put
    known = put(Level.NORMAL, f"{name}_known", without_empty_digest(given))
    clean = put(Level.CLEAN, f"{name}_clean", cleaned_name(known))
    kept = put(Level.DIGEST, f"{name}_kept", strip(clean))
    return _quoted_digest(put(Level.LIST, f"{name}_digest", text_digest(kept)))


def _zip(context: Context) -> str | None:
    given = context.text("zip_code")
    if not given:
        return None
    put = context.layers.put
    known = put(Level.NORMAL, "zip_known", without_empty_digest(given))
    clean = put(Level.CLEAN, "zip_clean", cleaned_zip(known))
    american = put(Level.DIGEST, "zip_american", _is_american(context, clean))
    digits = (
        f"CASE WHEN regexp_full_match({clean}, '{_BEHIND_STATE}') THEN ltrim({clean}, '{_LETTERS}') ELSE {clean} END"
    )
    cut = f"CASE WHEN {clean} >= 'a' THEN left({digits}, {_US_ZIP_LENGTH}) ELSE left({clean}, {_US_ZIP_LENGTH}) END"
    kept = put(Level.PACKED, "zip_kept", f"CASE WHEN {american} THEN {cut} ELSE {clean} END")
    return _quoted_digest(put(Level.LIST, "zip_digest", text_digest(kept)))


def _is_american(context: Context, clean: str) -> str:
    """Return the condition that a postal code is American: by the row's country, else by the region and its form."""
    at_home = "false"
    if context.rules.default_region == "US":
        at_home = f"regexp_full_match({clean}, '(?:{_STATES})?[0-9]{{5}}([0-9]{{4}})?')"
    country = context.text("country")
    by_country = f"WHEN {country} IS NOT NULL THEN coalesce(usable_country = 'us', false)" if country else ""
    return f"CASE WHEN {is_digest(clean)} THEN false {by_country} ELSE {at_home} END"


def _place(context: Context, name: str) -> str | None:
    given = context.text(name)
    if not given:
        return None
    clean = context.layers.put(Level.NORMAL, f"{name}_clean", cleaned_place(given))
    # Without its punctuation a text may be a number that it was not before.
    return json_text(context.layers.put(Level.CLEAN, f"{name}_kept", guarded(clean, Plain.WHOLE)))


def _country(context: Context) -> str | None:
    given = context.text("country")
    if not given:
        return None
    small = context.layers.put(Level.NORMAL, "country_small", lower(given))
    return json_text(context.layers.put(Level.CLEAN, "usable_country", country_code(small)))


def _quoted_digest(column: str) -> str:
    return f"'\"' || {column} || '\"'"
