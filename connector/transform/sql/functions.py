"""Register Python functions for the few values that SQL cannot handle, called once for each distinct value.

Each is reached only by the rows that no columnar rule decides: addresses and phone numbers in unusual forms, names of
countries, letters beyond ASCII, compressed IPv6 addresses, control characters, numbers written with an exponent, texts
that may hold an e-mail address. The SQL that decides whether an IP address needs one of them stands here as well.
"""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from unicodedata import decimal, normalize

import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import ARROW, SPECIAL

from connector.core.countries import alpha2
from connector.core.redaction import anonymous, without_addresses, without_dialled, without_written
from connector.transform.emails import email_digests
from connector.transform.phones import is_number_in, phone_digests, phone_region

if TYPE_CHECKING:
    import duckdb

UNICODE_LOWER = "unicode_lower"
EMAIL_DIGESTS = "email_digests"
PHONE_DIGESTS = "phone_digests"
PHONE_DIGESTS_IN = "phone_digests_in"
COUNTRY_CODE = "country_code"
POSTAL_CODE = "postal_code"
PUBLIC_IP = "public_ip"
IS_NUMBER_IN = "is_number_in"
JSON_TEXT = "python_json_text"
DECIMAL_TEXT = "decimal_text"
WITHOUT_ADDRESSES = "without_addresses"
ANONYMOUS = "anonymous"
WITHOUT_DIALLED = "without_dialled"
WITHOUT_WRITTEN = "without_written"

_NOT_PUBLIC_V4 = ("0.", "10.", "127.", "169.254.", "192.168.")
_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_PRIVATE_V4 = (
    r"(0|10|127)\..*|192\.168\..*|169\.254\..*|172\.(1[6-9]|2\d|3[01])\..*"
    r"|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\..*|(22[4-9]|2[34]\d|25[0-5])\..*"
)
_GLOBAL_V6 = r"[23][0-9a-fA-F]{3}(:[0-9a-fA-F]{1,4}){7}"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_CACHED_VALUES = 65_536
_BETWEEN = "\0"
"""Stands between two values that are joined to one: texts are without it, or begin with it."""


def register(connection: "duckdb.DuckDBPyConnection", region: str) -> None:
    """Register the functions with `connection`; phone numbers without a country code are of `region`."""

    def phones_in(text: str, country: str) -> str:
        return phone_digests(text, phone_region(country, region))

    for name, answer in (
        (UNICODE_LOWER, str.lower),
        (PHONE_DIGESTS, lambda text: phone_digests(text, region)),
        (COUNTRY_CODE, alpha2),
        (POSTAL_CODE, postal_code),
        (PUBLIC_IP, is_public_ip),
        (JSON_TEXT, _json_text),
        (DECIMAL_TEXT, _decimal_text),
    ):
        returned, kind = ("BOOLEAN", pa.bool_()) if name == PUBLIC_IP else ("VARCHAR", pa.string())
        _create(connection, name, _by_distinct_value(answer, kind), 1, returned)
    for name, of_two in ((EMAIL_DIGESTS, email_digests), (PHONE_DIGESTS_IN, phones_in)):
        _create(connection, name, _by_distinct_pair(of_two, pa.string()), 2, "VARCHAR")
    _create(connection, IS_NUMBER_IN, _by_distinct_pair(is_number_in, pa.bool_()), 2, "BOOLEAN")
    register_redaction(connection)


def register_redaction(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the functions known to `connection` that remove e-mail addresses and phone numbers from a text."""
    for name, answer in (
        (WITHOUT_ADDRESSES, without_addresses),
        (ANONYMOUS, anonymous),
        (WITHOUT_DIALLED, without_dialled),
        (WITHOUT_WRITTEN, without_written),
    ):
        _create(connection, name, _by_distinct_value(answer, pa.string()), 1, "VARCHAR")


def _create(
    connection: "duckdb.DuckDBPyConnection", name: str, apply: Callable[..., Any], takes: int, returned: str
) -> None:
    connection.create_function(name, apply, ["VARCHAR"] * takes, returned, type=ARROW, null_handling=SPECIAL)


def postal_code(text: str) -> str:
    """Write a postal code in lower case, with digits, letters of full width and dashes as ASCII has them."""
    small = normalize("NFKC", text).lower()
    return "".join(str(decimal(one)) if one.isdecimal() else "-" if one in _DASHES else one for one in small)


def is_public_ip(text: str) -> bool:
    """Return whether `text` is an address of one device on the public internet.

    Documentation ranges pass: the Events API took one in a live test (one source).
    """
    try:
        address = ip_address(text) if "%" not in text else None
    except ValueError:
        return False
    if address is None:
        return False
    if address.version == 6:
        if address.ipv4_mapped:
            return is_public_ip(str(address.ipv4_mapped))
        first = int(address) >> 112
        return int(address) > 1 and first >> 9 != 0x7E and first >> 6 != 0x3FA and first >> 8 != 0xFF
    number = int(address)
    shared, private = number >> 22 == 0x64400000 >> 22, number >> 20 == 0xAC100000 >> 20
    return not (shared or private or number >> 29 == 0b111 or str(address).startswith(_NOT_PUBLIC_V4))


def _json_text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _decimal_text(text: str) -> str:
    from decimal import Decimal

    return format(Decimal(text), "f")


def _by_distinct_value(
    answer: Callable[[str], object], kind: pa.DataType
) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    cached = lru_cache(_CACHED_VALUES)(answer)

    def apply(texts: pa.ChunkedArray) -> pa.ChunkedArray:
        encoded = texts.combine_chunks().dictionary_encode()
        answers = pa.array([cached(text) for text in encoded.dictionary.to_pylist()], kind)
        return answers.take(encoded.indices)

    return apply


def _by_distinct_pair(
    answer: Callable[[str, str], object], kind: pa.DataType
) -> Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.ChunkedArray]:
    """Call a function once for each distinct pair of texts; the second, empty for NULL, is mostly the same."""
    of_joined = _by_distinct_value(lambda joined: answer(*joined.rsplit(_BETWEEN, 1)), kind)

    def apply(texts: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
        joined = pc.binary_join_element_wise(texts, pc.fill_null(others, ""), _BETWEEN)
        return of_joined(joined)

    return apply


def without_prefix(column: str) -> str:
    """Remove a prefix length of the whole address, which PostgreSQL adds to every `inet` cast to text."""
    address = rf"regexp_replace({column}, '^([0-9.]+)/32$|^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)/128$', '\1\2')"
    return f"CASE WHEN contains({column}, '/') THEN {address} ELSE {column} END"


def is_public(column: str) -> str:
    """Return whether `column` is a public address. Only unusual forms of IPv6 need Python."""
    return (
        f"CASE WHEN regexp_full_match({column}, '{_IPV4}')"
        f" THEN NOT regexp_full_match({column}, '{_PRIVATE_V4}')"
        f" WHEN regexp_full_match({column}, '{_GLOBAL_V6}') THEN true"
        f" WHEN contains({column}, ':') THEN {PUBLIC_IP}({column}) ELSE false END"
    )
