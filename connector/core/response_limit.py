"""Limit the size of responses that third-party libraries read with `requests`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests.models import Response

LARGEST_RESPONSE = 1 << 20
"""In bytes, decompressed."""

_is_limited = ContextVar("_is_limited", default=False)


@contextmanager
def limited_responses() -> Iterator[None]:
    """Make larger responses raise an error of `requests` within the block, in this thread only."""
    _install()
    token = _is_limited.set(True)
    try:
        yield
    finally:
        _is_limited.reset(token)


def _install() -> None:
    """Wrap the method through which `requests` reads, as it has no setting for this."""
    from requests.models import Response

    read = Response.iter_content
    if getattr(read, "is_limiting", False):
        return

    def iter_content(self: Response, *args: Any, **options: Any) -> Iterator[Any]:
        pieces = read(self, *args, **options)
        return _up_to_the_limit(self, pieces) if _is_limited.get() else pieces

    iter_content.is_limiting = True  # type: ignore[attr-defined]
    Response.iter_content = iter_content  # type: ignore[method-assign]


def _up_to_the_limit(response: "Response", pieces: Iterator[Any]) -> Iterator[Any]:
    from requests.exceptions import ContentDecodingError

    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST_RESPONSE:
            response.close()
            raise ContentDecodingError("a response of more than 1 MiB")
        yield piece
