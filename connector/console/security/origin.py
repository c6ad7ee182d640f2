"""Refusal of requests that pages of other sites send with the user's cookie."""

from connector.console.security.hosts import Headers, Sites, values_of

READING = frozenset({"GET", "HEAD"})
CROSS_SITE = "This request came from a page of another site."
NO_ORIGIN = "This request does not say from which page it comes (neither Origin nor Sec-Fetch-Site)."


def foreign_request(method: str, headers: Headers, sites: Sites) -> str | None:
    """Return why a request is refused as one of another site's page; None if it is the user's own.

    Reading is allowed to other sites as a link that the user follows; anything else only to the console's own pages.
    """
    fetch_sites, found = values_of(headers, "sec-fetch-site"), values_of(headers, "origin")
    if method in READING:
        return None if _is_own_read(headers, fetch_sites) else CROSS_SITE
    if not fetch_sites and not found:
        return NO_ORIGIN
    is_own = all(site == "same-origin" for site in fetch_sites) and all(origin in sites.origins for origin in found)
    return None if is_own and len(found) <= 1 else CROSS_SITE


def _is_own_read(headers: Headers, fetch_sites: list[str]) -> bool:
    if all(site in {"same-origin", "none"} for site in fetch_sites):
        return True
    return values_of(headers, "sec-fetch-mode") == ["navigate"] and values_of(headers, "sec-fetch-dest") == ["document"]
