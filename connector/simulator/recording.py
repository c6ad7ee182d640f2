"""A file of accepted events, one JSON object a line."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from connector.simulator.pii_scan import redact_value

_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])


class Recording:
    """Appends a JSON object for each accepted event: `received_at`, `event_source`, `event_source_id`,
    `test_event_code` if there is one, `duplicate`, and `event` as received, without plain identifiers.

    Not thread-safe. Raises OSError if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def write(self, root: dict[str, Any], data: bytes, fresh: list[bool], hashed: frozenset[str] | None) -> None:
        """Write the events of one request. With `hashed`, plain identifiers are replaced first."""
        head = json.dumps(root, separators=(",", ":"))[:-1].encode()
        self._file.writelines(
            b'%s,"duplicate":%s,"event":%s}\n' % (head, b"false" if is_new else b"true", event)
            for event, is_new in zip(_event_lines(data, hashed), fresh, strict=True)
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _event_lines(data: bytes, hashed: frozenset[str] | None) -> list[Any]:
    """Return the events as JSON, one line each."""
    if hashed is not None:
        return [msgspec.json.encode(redact_value(event, hashed)) for event in msgspec.json.decode(data)]
    return [bytes(one) for one in _EVENTS.decode(msgspec.json.format(data, indent=-1))]
