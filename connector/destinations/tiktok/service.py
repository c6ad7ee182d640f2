"""Open TikTok, or the simulator inside this process."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from connector.config.addresses import SIMULATOR_FILE
from connector.config.project import Project
from connector.delivery.admission import OnWait
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import REAL_TIME, RetryPolicy, Timing
from connector.destinations.policy import retry_policy
from connector.destinations.tiktok.account import CALLS_PER_SECOND, AccountClient
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.endpoint import SIMULATOR, connect, grant_store, tokens_of
from connector.destinations.tiktok.mapping import MappingClient
from connector.destinations.tiktok.settings import AudienceSettings, EventsSettings, TikTokSettings
from connector.destinations.tiktok.tokens import Tokens
from connector.observer import Observer


@contextmanager
def open_service(
    destination: EventsSettings,
    test_event_code: str | None,
    observer: Observer,
    project: Project,
    stop: threading.Event | None = None,
) -> Iterator[EventsClient]:
    """Open a client for the destination. A simulator runs as long as the client is open, and
    keeps what it is sent in the state folder.

    Once `stop` is set, running attempts end within seconds. Raises
    ConfigurationError or AuthorisationError if there is no usable token.
    """
    if destination.api_url != SIMULATOR:
        with _client(destination, test_event_code, None, project, stop) as client:
            yield client
        return
    from connector.simulator.server import Simulator

    with Simulator(state=project.state_directory / SIMULATOR_FILE) as simulator:
        with _client(destination, test_event_code, simulator.url, project, stop) as client:
            yield client
        observer.simulated(simulator.lines())


@contextmanager
def open_account(
    destination: TikTokSettings,
    project: Project,
    *,
    policy: RetryPolicy | None = None,
    timeout: float | None = None,
    timing: Timing = REAL_TIME,
    stop: threading.Event | None = None,
    observer: Observer | None = None,
) -> Iterator[AccountClient]:
    """Open a client for a destination's ad account, with the retry policy of the destination unless another is given.

    A simulator runs as long as the client is open. Raises ConfigurationError or AuthorisationError
    if there is no usable token.
    """
    repeat = RetryLoop(
        policy or retry_policy(destination),
        AdaptiveLimiter(CALLS_PER_SECOND, timing.clock),
        timing,
        stop or threading.Event(),
        _on_wait(observer),
    )
    with _address(destination, project) as url:
        simulator_url = url if destination.api_url == SIMULATOR else None
        tokens = _tokens(destination, project, simulator_url)
        seconds = timeout or destination.retry.timeout
        with AccountClient(
            url, tokens, repeat, timeout=seconds, network=destination.network, stop=repeat.stop
        ) as account:
            yield account


@dataclass(frozen=True, slots=True)
class AudienceService:
    """The clients for an audience."""

    account: AccountClient
    """Finds and creates audiences."""
    mapping: Callable[[Mapping[str, Sequence[str]]], MappingClient]
    """Returns a client that changes members, given the ad accounts of each audience."""
    repeat: RetryLoop
    """Repeats a request until its answer is final."""


@contextmanager
def open_audience_service(
    destination: AudienceSettings, project: Project, observer: Observer, stop: threading.Event
) -> Iterator[AudienceService]:
    """Open the clients for an audience. A simulator runs until the block ends.

    Raises ConfigurationError or AuthorisationError if there is no usable token.
    """
    repeat = RetryLoop(
        retry_policy(destination), AdaptiveLimiter(CALLS_PER_SECOND), REAL_TIME, stop, _on_wait(observer)
    )
    with _address(destination, project, observer) as url:
        simulator_url = url if destination.api_url == SIMULATOR else None
        tokens = _tokens(destination, project, simulator_url)
        timeout, connections, network = destination.retry.timeout, destination.max_in_flight, destination.network

        def mapping(advertiser_ids: Mapping[str, Sequence[str]]) -> MappingClient:
            return MappingClient(
                url, tokens, advertiser_ids, connections=connections, timeout=timeout, network=network, stop=stop
            )

        with AccountClient(url, tokens, repeat, timeout=timeout, network=network, stop=stop) as account:
            yield AudienceService(account, mapping, repeat)


def _on_wait(observer: Observer | None) -> OnWait | None:
    return (lambda seconds, answer: observer.waiting(seconds, answer.message)) if observer else None


@contextmanager
def _address(destination: TikTokSettings, project: Project, observer: Observer | None = None) -> Iterator[str]:
    """Yield the address of the destination; start the simulator if it is one, and report its requests to `observer`."""
    if destination.api_url != SIMULATOR:
        yield destination.api_url
        return
    from connector.simulator.server import Simulator

    with Simulator(state=project.state_directory / SIMULATOR_FILE) as simulator:
        yield simulator.url
        if observer:
            observer.simulated(simulator.lines())


def _client(
    destination: EventsSettings,
    test_event_code: str | None,
    simulator_url: str | None,
    project: Project,
    stop: threading.Event | None,
) -> EventsClient:
    api_url = destination.api_url
    return connect(
        api_url,
        _tokens(destination, project, simulator_url),
        max_in_flight=destination.max_in_flight,
        timeout=destination.retry.timeout,
        test_event_code=test_event_code,
        simulator_url=simulator_url,
        network=destination.network,
        stop=stop,
    )


def _tokens(destination: TikTokSettings, project: Project, simulator_url: str | None) -> Tokens:
    return tokens_of(
        destination.credential,
        destination.api_url,
        grant_store(project, destination.credential, destination.api_url),
        simulator_url=simulator_url,
        network=destination.network,
    )
