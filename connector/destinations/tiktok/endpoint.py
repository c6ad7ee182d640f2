"""From a destination's settings to a client that is ready to send."""

from pydantic import SecretStr

from connector.destinations.tiktok.client import TIMEOUT_SECONDS, EventsClient
from connector.errors import ConfigurationError

SIMULATOR = "simulator"
"""The `api_url` that stands for the local simulator."""

SIMULATOR_TOKEN = SecretStr("simulator")
"""What a credential without a token shows to the simulator, which takes any."""


def connect(
    api_url: str,
    access_token: SecretStr | None,
    *,
    credential: str,
    max_in_flight: int = 8,
    timeout: float = TIMEOUT_SECONDS,
    test_event_code: str | None = None,
    simulator_url: str | None = None,
) -> EventsClient:
    """A client for a destination; opens no connection yet.

    `simulator_url` is where the simulator listens, for the `api_url` `simulator`; `credential` is the
    name in the message. Raises ConfigurationError when the token is missing or cannot be sent.
    """
    simulated = api_url == SIMULATOR
    token = access_token or (SIMULATOR_TOKEN if simulated else None)
    if token is None:
        raise ConfigurationError(f"The credential {credential} has no access_token.")
    url = simulator_url if simulated and simulator_url else api_url
    return EventsClient(url, token, connections=max_in_flight, test_event_code=test_event_code, timeout=timeout)
