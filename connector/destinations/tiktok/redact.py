"""Redact TikTok's messages, which echo submitted values, before anybody reads them."""

import re

from connector.catalogue import CATALOGUES
from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.core.redaction import quoted_span

LONGEST_MESSAGE = 500
"""Characters of a message that are kept."""

LONGEST_READ = 2_000
"""Characters of a message that are read."""

_FIELD = r"\w{1,24}(?:[.\[](?:[a-z_]{1,24}|\d{1,4})\]?)+(?=[\s,;:=()\"'`”’»“.]|$)"
"""The path of a field, such as `data.3.properties.contents.0.content_id`, which is kept."""

_REPLACEMENTS = (
    (re.compile(r"\bhttps?://\S+", re.IGNORECASE), "[url]"),
    (re.compile(r"[^\s\"'<>()\[\],;:=]+(?:@|%40|\\u0040)[^\s\"'<>()\[\],;]+", re.IGNORECASE), "[e-mail]"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{0,4}:){3,}[0-9a-f]{0,4}", re.IGNORECASE), "[ip]"),
    (re.compile(rf"(?<![^\s,;:=()\"'`“‘„«”])(?!{_FIELD})[^\s,;:=()\"'`“‘„«”’»]{{32,}}"), "[value]"),
    (re.compile(r"(?<![\w.])\+?\(?\d[\d\s().\-/]{5,}\d(?!\w)"), "[number]"),
)
"""Longest patterns first. Event source ids (up to 19 digits) look like phone numbers and are redacted as well."""


_QUOTED_FIELD = re.compile(r"\W([\w.\[\]]{1,100})\W")
_FIELDS = frozenset(
    {
        *(name for one in CATALOGUES for entry in one.parameters for name in (*entry.name.split("."), *entry.path)),
        *("access_token", "action", "advertiser_id", "advertiser_ids", "app_id", "audience_id", "audience_type"),
        *("batch_data", "calculate_type", "code", "custom_audience_id", "custom_audience_ids", "custom_audience_name"),
        *("auto_tracking", "data", "event_set_id", "event_set_name", "event_set_ids", "file_paths", "id", "id_schema"),
        *("ids", "name", "page", "page_size", "partner_name", "pixel_code", "properties", "secret", "test_event_code"),
        *(
            "event_time",
            "limited_data_use",
            "contents",
            "user_agent",
            "ttclid",
            "ttp",
            "referrer",
            "url",
            "user",
            "Batch",
        ),
    }
)
_KNOWN = _FIELDS | {*STANDARD_EVENTS, *LEGACY_EVENTS}


def _without_quoted(text: str) -> str:
    """Redact quoted text, except names of fields and events at the beginning.

    Quotation marks in values are not escaped, so everything from the first one to the last one is redacted.
    """
    place = 0
    while span := quoted_span(text, place):
        field = _QUOTED_FIELD.match(text, span[0])
        if field is None or not all(name.isdigit() or name in _KNOWN for name in re.findall(r"\w+", field[1])):
            return f"{text[: span[0]]}[value]{text[span[1] :]}"
        place = field.end()
    return text


def redact(message: str, *secrets: str) -> str:
    """Return the message on one line, without e-mail addresses, phone numbers, URLs, long values and `secrets`.

    It has at most 500 characters.
    """
    text = " ".join(message[:LONGEST_READ].split())
    for secret in filter(None, secrets):
        text = text.replace(secret, "[secret]")
    text = _without_quoted(text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
