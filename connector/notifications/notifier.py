"""Sending of messages to services and web addresses, with a deadline, and the check of these addresses."""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from connector.config.notification import Notification
from connector.config.project import Project
from connector.core.response_limit import limited_responses
from connector.core.version import __version__, install_hint
from connector.errors import ConfigurationError, Problem, Rule
from connector.notifications.message import Message, Note

SEND_TIMEOUT = 10.0
"""Seconds for all messages of a run together, which is over by then."""


def send(
    messages: Sequence[tuple[Notification, Message]], note: Note, seconds: float = SEND_TIMEOUT
) -> list[str | None]:
    """Send all messages concurrently; note those not sent within these seconds. Return why each was not sent."""
    deadline = time.monotonic() + seconds
    attempts = [_Attempt(notification, message) for notification, message in messages]
    problems = []
    for attempt in attempts:
        attempt.thread.join(max(0.0, deadline - time.monotonic()))
        problems.append(problem := attempt.problem(seconds))
        if problem:
            note(f'The notification "{attempt.notification.name}" was not sent: {problem}')
    return problems


class _Attempt:
    """A message being sent in a thread that the end of the process does not wait for."""

    def __init__(self, notification: Notification, message: Message) -> None:
        self.notification, self._message = notification, message
        self._problem: str | None = None
        self.thread = threading.Thread(target=self._send, name="notification", daemon=True)
        self.thread.start()

    def problem(self, seconds: float) -> str | None:
        """Return what went wrong, without the address, which may contain a password."""
        if self.thread.is_alive():
            return f"there was no answer within {seconds:g} s."
        return self._problem

    def _send(self) -> None:
        try:
            if self.notification.webhook is not None:
                self._problem = _post(self.notification.webhook.get_secret_value(), self._message)
            else:
                self._problem = _notify_services(self.notification, self._message)
        except Exception as error:
            # Whatever a service's part may raise; its words may quote the address.
            self._problem = f"{type(error).__name__}."


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: a message for one address is sent to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect: the answer counts as a failure."""


NOT_INSTALLED = f"apprise is needed: {install_hint('notifications')}."

_OPENER = build_opener(_NoRedirects)


def _post(address: str, message: Message) -> str | None:
    headers = {"Content-Type": "application/json", "User-Agent": f"connector/{__version__}"}
    body = json.dumps(message.json, ensure_ascii=False, default=str).encode(errors="replace")
    request = Request(address, data=body, headers=headers, method="POST")  # noqa: S310 - http and https only
    try:
        with _OPENER.open(request, timeout=SEND_TIMEOUT):
            return None
    except HTTPError as error:
        with suppress(OSError):
            error.close()
        return f"HTTP {error.code}."
    except OSError:
        return "it could not be reached."


def _notify_services(notification: Notification, message: Message) -> str | None:
    try:
        import apprise
    except ModuleNotFoundError:
        return NOT_INSTALLED

    services = apprise.Apprise()
    accepted = [services.add(url.get_secret_value()) for url in notification.url]
    if not all(accepted):
        return "apprise does not understand its url; https://github.com/caronc/apprise lists them."
    notify_type = apprise.NotifyType.SUCCESS if message.is_good else apprise.NotifyType.FAILURE
    with limited_responses():
        sent = services.notify(
            message.body, title=message.title, notify_type=notify_type, body_format=apprise.NotifyFormat.TEXT
        )
    return None if sent else "the service refused it, or could not be reached."


def check_notifications(project: Project, orchestrations: Iterable[str]) -> None:
    """Check the notifications of orchestrations. Raises ConfigurationError: a missing variable, an unknown service."""
    names = dict.fromkeys(name for one in orchestrations for name in project.orchestration(one).notify)
    problems: list[Problem] = []
    for name in names:
        try:
            if problem := _problem(project.notification(name)):
                place = project.location("notifications", name)
                problems.append(Problem(f"notifications.{name} {problem}", *place, Rule.INVALID_VALUE))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)


def _problem(notification: Notification) -> str | None:
    """Return what is wrong with a notification's address, as the end of a sentence."""
    if notification.webhook is not None:
        return None
    try:
        import apprise
    except ModuleNotFoundError:
        return f"has a url, for which {NOT_INSTALLED}"
    if all(apprise.Apprise.instantiate(url.get_secret_value()) for url in notification.url):
        return None
    return "has an address that apprise does not understand."
