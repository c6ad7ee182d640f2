"""TikTok's messages echo submitted values; what could name a person is taken out before anyone sees it."""

import re

LONGEST_MESSAGE = 500
"""Characters of a message that are kept."""

LONGEST_READ = 2_000
"""Characters of a message that are looked at."""

_FIELD = r"\w{1,24}(?:[.\[](?:[a-z_]{1,24}|\d{1,4})\]?)+(?=[\s,;:=()\"'.]|$)"
"""The path of a field, such as `data.3.properties.contents.0.content_id`, which stays."""

_REPLACEMENTS = (
    (re.compile(r"\bhttps?://\S+", re.IGNORECASE), "[url]"),
    (re.compile(r"[^\s\"'<>()\[\],;:=]+(?:@|%40|\\u0040)[^\s\"'<>()\[\],;]+", re.IGNORECASE), "[e-mail]"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{0,4}:){3,}[0-9a-f]{0,4}", re.IGNORECASE), "[ip]"),
    (re.compile(r"(['\"])(?![\w.\[\]]{1,60}\1)(?:(?!\1).)+\1"), "[value]"),
    (re.compile(rf"(?<![^\s,;:=()\"'])(?!{_FIELD})[^\s,;:=()\"']{{32,}}"), "[value]"),
    (re.compile(r"(?<![\w.])\+?\(?\d[\d\s().\-/]{5,}\d(?!\w)"), "[number]"),
)
"""Longest shapes first. Event source ids (up to 19 digits) read as phone numbers and go with them."""


def redact(message: str, *secrets: str) -> str:
    """The message on one line without e-mail addresses, phone numbers, addresses and long values.

    `secrets` are taken out wherever they stand. At most 500 characters.
    """
    text = " ".join(message[:LONGEST_READ].split())
    for secret in filter(None, secrets):
        text = text.replace(secret, "[secret]")
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
