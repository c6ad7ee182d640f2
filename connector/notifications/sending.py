"""Sends messages to services and web addresses, and waits for them for a while only."""

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from connector import __version__
from connector.config.notification import Notification
from connector.notifications.message import Message, Note
from connector.response_limit import limited_answers

SECONDS_TO_TELL = 10.0
"""For all of a run's messages together, the run being over by then."""


def send(told: Sequence[tuple[Notification, Message]], note: Note, seconds: float = SECONDS_TO_TELL) -> None:
    """Sends each message, all at the same time, and notes what was not sent within these seconds."""
    until = time.monotonic() + seconds
    attempts = [_Attempt(notification, message) for notification, message in told]
    for attempt in attempts:
        attempt.thread.join(max(0.0, until - time.monotonic()))
        if trouble := attempt.trouble(seconds):
            note(f'The notification "{attempt.notification.name}" was not sent: {trouble}')


class _Attempt:
    """Under way since it was made, in a thread that the end of the process does not wait for."""

    def __init__(self, notification: Notification, message: Message) -> None:
        self.notification, self._message = notification, message
        self._said: str | None = None
        self.thread = threading.Thread(target=self._send, name="notification", daemon=True)
        self.thread.start()

    def trouble(self, seconds: float) -> str | None:
        """What went wrong; never the address, which may hold a password."""
        if self.thread.is_alive():
            return f"there was no answer within {seconds:g} s."
        return self._said

    def _send(self) -> None:
        try:
            if self.notification.webhook is not None:
                self._said = _post(self.notification.webhook.get_secret_value(), self._message)
            else:
                self._said = _tell_services(self.notification, self._message)
        except Exception as error:
            # Whatever a service's part may raise; its words may quote the address.
            self._said = f"{type(error).__name__}."


class _NoRedirects(HTTPRedirectHandler):
    """What is meant for one address is sent to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follows none: the answer counts as a failure."""


_OPENER = build_opener(_NoRedirects)


def _post(address: str, message: Message) -> str | None:
    headers = {"Content-Type": "application/json", "User-Agent": f"connector/{__version__}"}
    body = json.dumps(message.json, ensure_ascii=False, default=str).encode(errors="replace")
    request = Request(address, data=body, headers=headers, method="POST")  # noqa: S310 - http and https only
    try:
        with _OPENER.open(request, timeout=SECONDS_TO_TELL):
            return None
    except HTTPError as error:
        with suppress(OSError):
            error.close()
        return f"HTTP {error.code}."
    except OSError:
        return "it could not be reached."


def _tell_services(notification: Notification, message: Message) -> str | None:
    import apprise

    services = apprise.Apprise()
    known = [services.add(url.get_secret_value()) for url in notification.url]
    if not all(known):
        return "its url is none that apprise understands; https://github.com/caronc/apprise lists them."
    kind = apprise.NotifyType.SUCCESS if message.is_good else apprise.NotifyType.FAILURE
    with limited_answers():
        sent = services.notify(
            message.body, title=message.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
    return None if sent else "the service did not take it, or could not be reached."
