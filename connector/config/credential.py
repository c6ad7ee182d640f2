"""Settings of a credential."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from connector.config.fields import SecretToken, Text, Token
from connector.config.settings import Settings, Violation

_NEEDED = "needs access_token, or app_id and app_secret (with refresh_token, or connector auth login)"


class Credential(Settings):
    """A long-lived access token, or an app's id and secret with a grant that is refreshed."""

    from_environment: ClassVar[frozenset[str]] = frozenset({"app_id"})

    name: str
    description: Text | None = None
    """A text for people."""
    access_token: SecretToken | None = None
    """The token that requests are sent with. A long-term token, as made in Events Manager or granted to an app, does
    not expire."""
    app_id: Token | None = None
    """The id of the app at the platform. Needs `app_secret`."""
    app_secret: SecretToken | None = None
    """The secret of the app."""
    refresh_token: SecretToken | None = None
    """Gets new access tokens. Needs the app."""
    refresh_path: Text | None = None
    """The path below `api_url` at which tokens are refreshed, if not `/open_api/v1.3/oauth2/refresh_token/`."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse a credential that lacks what is needed to authorize."""
        missing = [key for key in ("app_id", "app_secret") if values.get(key) is None]
        if values.get("access_token") is not None:
            if missing and values.get("refresh_token") is not None:
                yield "", f"has a refresh_token, which needs {' and '.join(missing)} as well"
            return
        if len(missing) == 2:
            yield "", _NEEDED
        elif missing:
            yield "", f"needs {missing[0]} as well"
