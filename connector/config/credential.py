"""What opens a TikTok account."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from connector.config.fields import SecretToken, Text, Token
from connector.config.settings import Complaint, Settings

_NEEDED = "needs access_token, or app_id and app_secret (with refresh_token, or connector auth login)"


class Credential(Settings):
    """A long-lived access token, or an app's id and secret with a grant that is refreshed."""

    from_environment: ClassVar[frozenset[str]] = frozenset({"app_id"})

    name: str
    description: Text | None = None
    access_token: SecretToken | None = None
    app_id: Token | None = None
    app_secret: SecretToken | None = None
    refresh_token: SecretToken | None = None
    refresh_path: Text | None = None
    """Where under `api_url` the grant is refreshed, if not where TikTok has it today."""

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Complaint]:
        """Refuse a credential with which nothing can be opened."""
        missing = [key for key in ("app_id", "app_secret") if given.get(key) is None]
        if given.get("access_token") is not None:
            if missing and given.get("refresh_token") is not None:
                yield "", f"has a refresh_token, which needs {' and '.join(missing)} as well"
            return
        if len(missing) == 2:
            yield "", _NEEDED
        elif missing:
            yield "", f"needs {missing[0]} as well"
