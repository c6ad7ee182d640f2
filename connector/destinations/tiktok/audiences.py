"""The audiences of an ad account: found by name or id, created, and what TikTok tells of their size."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.destinations.tiktok.account import AccountClient, made_id

LARGEST_PAGE = 100
MOST_PAGES = 20
"""An ad account has at most 400 audiences (agreed by several sources)."""


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience as TikTok tells it; `size` is how many people it matched, a day or two ago, None: it does not say."""

    audience_id: str
    name: str
    size: int | None = None


class Audiences:
    """The audiences of one ad account. Every call raises what `AccountClient` raises."""

    def __init__(self, account: AccountClient, advertiser_id: str) -> None:
        self._account, self._advertiser_id = account, advertiser_id

    def named(self, name: str) -> list[Audience]:
        """Those of exactly this name; TikTok permits several."""
        return [one for one in self._all() if one.name == name]

    def with_id(self, audience_id: str) -> Audience | None:
        """The one of this id, if it is the account's."""
        parameters = {"advertiser_id": self._advertiser_id, "custom_audience_ids": [audience_id]}
        data = self._account.get("/dmp/custom_audience/list/", parameters)
        return next((one for one in _audiences(data) if one.audience_id == audience_id), None)

    def create(self, name: str) -> Audience:
        """A new one, which is empty. Not asked twice: TikTok would make two."""
        body = {"advertiser_id": self._advertiser_id, "action": "create", "custom_audience_name": name}
        data = self._account.post("/segment/audience/", body, once=True)
        return Audience(made_id(data, "audience_id"), name)

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
