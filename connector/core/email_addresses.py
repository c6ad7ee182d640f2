"""Find e-mail addresses in a text that is not encoded.

An address has a dot in its domain and ends in a top-level label of letters: `logo@2x.png`, `/@shop` and `shoe@40`
contain none. If there are blanks beside the @, the top-level label has to be a common one.
"""

import re
from collections.abc import Iterator

FILE_SUFFIXES = frozenset(
    (
        *("apng", "avif", "bmp", "gif", "heic", "ico", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"),
        *("css", "htm", "html", "js", "json", "min", "mjs", "mp3", "mp4", "pdf", "php", "webm"),
    )
)
"""File name extensions, which are not top-level domains."""

AT_IN_BRACKETS = r"(?:\( {0,2}[aA][tT] {0,2}\)|\[ {0,2}[aA][tT] {0,2}\]|\{ {0,2}[aA][tT] {0,2}\})"
"""An @ as people write it to hide an address from programs."""

_SEPARATORS = (
    r"\x00-\x20\x22(),/:;<=>?@\[\\\]|&#\x7f-\xbf\u1680\u2000-\u206f\u3000-\u303f\u30fb\uff01-\uff0f\uff1a-\uff20"
    r"\uff61-\uff65"
)
_LOCAL = re.compile(f"[^{_SEPARATORS}]*")
_LABEL = rf"[^{_SEPARATORS}.!$%'*+^`{{}}~]"
_DOT = r"(?:\.+| ?(?:\( ?[dD][oO][tT] ?\)|\[ ?[dD][oO][tT] ?\]|\{ ?[dD][oO][tT] ?\}) ?)"
_TOP_LEVEL = rf"(?:xn--[a-z0-9-]+|(?:(?![\d_-]){_LABEL}){{2,}})"
_DOMAIN = re.compile(
    rf"(?:(?<!@)(?P<at>@+)|{AT_IN_BRACKETS})(?P<gap>[ \t+]{{0,3}})(?P<domain>\.*(?:{_LABEL}+{_DOT})+{_TOP_LEVEL})",
    re.IGNORECASE,
)
_BLANKS = " \t+"
_MOST_BLANKS = 3
_COMMON = re.compile(r".*\.(?:com|net|org|edu|gov|mil|int|info|biz|name|email|example|[a-z]{2})", re.IGNORECASE)
_MOST_COMMON = re.compile(r".*\.(?:com|net|org|edu|gov)", re.IGNORECASE)
_TRIMMED = "!$'*^`{}~.-"
"""Characters around an address that are not part of it."""
_SCHEME = re.compile(r"(?<![A-Za-z0-9+.-])(?!mailto)[A-Za-z][A-Za-z0-9+.-]*\Z", re.IGNORECASE)
_AFTER_AUTHORITY = re.compile(r"[/?#\s\"<>]")
_LONGEST_AUTHORITY = 300
_LONGEST_LOCAL = 70
_QUOTE_BEFORE = re.compile(r"[^\s:,\[{(=]\"|.\)")
_QUOTED = re.compile(r"(?:\\*\"(?![,:\]}\s])[^\"\r\n]{1,64}\"|[^\s\"(),/:;<=>?@\[\\\]|&#]+\([^()\r\n]{0,64}\))\Z")
"""A local part in quotation marks, or followed by a comment in parentheses."""


def addresses(plain: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each address in a text."""
    bound = 0
    for match in _DOMAIN.finditer(plain):
        at, end = match.start(), _end_of_domain(match)
        last = None if end is None else _end_of_local(plain, bound, match, end)
        start = None if last is None else _start_of_local(plain, bound, last)
        bound = match.start("domain")
        if end is not None and start is not None:
            yield start, at if last == at and match["at"] and _is_user_of_host(plain, at, end) else end


def _end_of_local(plain: str, bound: int, match: re.Match[str], end_of_domain: int) -> int | None:
    """Return the end of the local part; None if there are blanks beside the @ and the domain is not a common one."""
    at, gap = match.start(), match["gap"]
    first = max(at - _MOST_BLANKS, bound)
    end = first + len(plain[first:at].rstrip(_BLANKS if gap else " \t"))
    if (end == at and not gap) or not match["at"]:
        return end
    domain = re.sub(_DOT, ".", plain[match.start("domain") : end_of_domain], flags=re.IGNORECASE)
    return end if (_COMMON if gap else _MOST_COMMON).fullmatch(domain) else None


def _start_of_local(plain: str, bound: int, end: int) -> int | None:
    """Return the start of the local part that ends at `end`; None if there is none."""
    start = end - _local_length(plain[bound:end])
    if start < end:
        return start
    if quoted := _QUOTED.search(plain, max(end - _LONGEST_LOCAL, bound), end):
        return quoted.start()
    return end if _QUOTE_BEFORE.fullmatch(plain, max(end - 2, 0), end) else None


def _local_length(before: str) -> int:
    reversed_local = _LOCAL.match(before[::-1])
    local = reversed_local[0][::-1] if reversed_local else ""
    return len(local.lstrip(_TRIMMED) or local)


def _end_of_domain(match: re.Match[str]) -> int | None:
    """Return the end of the domain without a file name extension; None if that leaves no domain."""
    domain, end = match["domain"], match.end()
    while (label := domain.rpartition("."))[2].lower() in FILE_SUFFIXES:
        domain = label[0].rstrip(".")
        end = match.start("domain") + len(domain)
    return end if re.fullmatch(rf".*[.)\]}}] ?{_TOP_LEVEL}", domain, re.IGNORECASE) else None


def _is_user_of_host(plain: str, at: int, end: int) -> bool:
    """Return whether the @ separates the user from the host of a URL: then the host stays."""
    start = plain.rfind("://", max(at - _LONGEST_AUTHORITY, 0), at)
    if (
        start < 0
        or _AFTER_AUTHORITY.search(plain, start + 3, at)
        or not _SCHEME.search(plain, max(start - 31, 0), start)
    ):
        return False
    after = _AFTER_AUTHORITY.search(plain, end)
    return "@" not in plain[end : after.start() if after else None]
