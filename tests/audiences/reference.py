"""Audience identifiers in plain Python, written from TikTok's rules and apart from the product."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import phonenumbers

Member = tuple[str, str]
"""The type of an identifier as TikTok calls it, and its digest in hex."""

SCHEMAS = {"email": "EMAIL_SHA256", "phone": "PHONE_SHA256", "idfa": "IDFA_SHA256", "aaid": "AAID_SHA256"}
EMPTY = hashlib.sha256(b"").hexdigest()


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def members_of(row: Mapping[str, Any]) -> list[Member]:
    """The identifiers of one row, by the columns `email`, `phone`, `idfa`, `aaid`, each a value or a list."""
    found: dict[Member, None] = {}
    for name, schema in SCHEMAS.items():
        values = row.get(name)
        for value in values if isinstance(values, list) else [values]:
            if digest := _digest(name, value):
                found[schema, digest] = None
    return list(found)


def _digest(name: str, value: Any) -> str | None:
    text = (value or "").strip()
    if not text or text.lower() == EMPTY:
        return None
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return text.lower()
    normal = {"email": _email, "phone": _phone, "idfa": _device, "aaid": _device}[name](text)
    return digest_of(normal) if normal else None


def _email(text: str) -> str | None:
    local, at, domain = text.lower().partition("@")
    if not at or not local or "@" in domain or text.split() != [text]:
        return None
    if not re.fullmatch(r"[^.]([^@]*[^.])?", domain) or "." not in domain:
        return None
    name = local.split("+")[0].replace(".", "")
    return f"{name}@{domain}" if name else None


def _phone(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


def _device(text: str) -> str | None:
    if not re.fullmatch("[0-9a-fA-F-]{30,36}", text) or not re.search("[1-9a-fA-F]", text):
        return None
    return text.lower()
