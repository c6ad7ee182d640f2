"""Audience identifiers in plain Python, written from TikTok's rules and apart from the product."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from tests import reference_values as values

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
        given = row.get(name)
        for value in given if isinstance(given, list) else [given]:
            for digest in _digests(name, (value or "").strip()):
                found[schema, digest] = None
    return list(found)


def _digests(name: str, text: str) -> list[str]:
    if not text:
        return []
    if name == "email":
        return values.email_identifiers(text).digests
    if name == "phone":
        return values.phone_identifiers(text, "US").digests
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return [text.lower()] if text.lower() != EMPTY else []
    normal = _device(text)
    return [digest_of(normal)] if normal else []


def _device(text: str) -> str | None:
    if not re.fullmatch("[0-9a-fA-F-]{30,36}", text) or not re.search("[1-9a-fA-F]", text):
        return None
    return text.lower()
