"""Check that an IP address belongs to one device on the public internet."""

from connector.transform.sql.functions import PUBLIC_IP

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_NOT_PUBLIC_V4 = (
    r"(0|10|127)\..*|192\.168\..*|169\.254\..*|172\.(1[6-9]|2\d|3[01])\..*"
    r"|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\..*|(22[4-9]|2[34]\d|25[0-5])\..*"
)
_GLOBAL_V6 = r"[23][0-9a-fA-F]{3}(:[0-9a-fA-F]{1,4}){7}"


def without_prefix(column: str) -> str:
    """Remove a prefix length of the whole address, which PostgreSQL adds to every `inet` cast to text."""
    address = rf"regexp_replace({column}, '^([0-9.]+)/32$|^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)/128$', '\1\2')"
    return f"CASE WHEN contains({column}, '/') THEN {address} ELSE {column} END"


def is_public(column: str) -> str:
    """Return whether `column` is a public address. Only unusual forms of IPv6 need Python."""
    return (
        f"CASE WHEN regexp_full_match({column}, '{_IPV4}')"
        f" THEN NOT regexp_full_match({column}, '{_NOT_PUBLIC_V4}')"
        f" WHEN regexp_full_match({column}, '{_GLOBAL_V6}') THEN true"
        f" WHEN contains({column}, ':') THEN {PUBLIC_IP}({column}) ELSE false END"
    )
