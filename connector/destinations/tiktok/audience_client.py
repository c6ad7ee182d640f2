"""Find and create the audiences of an ad account, and read their sizes."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.destinations.tiktok.account import AccountClient, created_id

LARGEST_PAGE = 100
MOST_PAGES = 20
"""An ad account has at most 400 audiences (agreed by several sources)."""


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience at TikTok."""

    audience_id: str
    name: str
    size: int | None = None
    """The number of people that TikTok matched a day or two ago; None: unknown."""


class Audiences:
    """The audiences of one ad account. Every call raises what `AccountClient` raises."""

    def __init__(self, account: AccountClient, advertiser_id: str) -> None:
        self._account, self._advertiser_id = account, advertiser_id

    def named(self, name: str) -> list[Audience]:
        """Return the audiences with exactly this name; TikTok permits several."""
        return [audience for audience in self._all() if audience.name == name]

    def with_id(self, audience_id: str) -> Audience | None:
        """Return the audience with this id; None if the account has none."""
        parameters = {"advertiser_id": self._advertiser_id, "custom_audience_ids": [audience_id]}
        data = self._account.get("/dmp/custom_audience/list/", parameters)
        return next((found for found in _audiences(data) if found.audience_id == audience_id), None)

    def create(self, name: str) -> Audience:
        """Create an empty audience. The call is never repeated, since TikTok would create two."""
        body = {"advertiser_id": self._advertiser_id, "action": "create", "custom_audience_name": name}
        data = self._account.post("/segment/audience/", body, once=True)
        return Audience(created_id(data, "audience_id"), name)

    def _all(self) -> Iterator[Audience]:
        for page in range(1, MOST_PAGES + 1):
            parameters = {"advertiser_id": self._advertiser_id, "page": str(page), "page_size": str(LARGEST_PAGE)}
            data = self._account.get("/dmp/custom_audience/list/", parameters)
            yield from _audiences(data)
            info = data.get("page_info")
            pages = info.get("total_page") if isinstance(info, dict) else None
            if not isinstance(pages, int) or page >= pages:
                return


def _audiences(data: dict[str, object]) -> list[Audience]:
    listed = data.get("list")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [Audience(str(one.get("audience_id")), str(one.get("name")), _size(one.get("cover_num"))) for one in found]


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
