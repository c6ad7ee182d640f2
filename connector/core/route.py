"""The route of a request: a resource of a destination, and an operation on it."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The action of a request on its events or members."""

    SEND = "send"
    """Send events."""
    ADD = "add"
    """Add members."""
    DELETE = "delete"
    """Delete members."""
    RESEND = "resend"
    """Add members again, for an account that was added to their audience."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An action, and the identifier types of the members that it changes."""

    action: Action
    id_types: tuple[str, ...] = ()
    """Names from ID_TYPES, in the order in which a request names them; empty for events."""


SEND = Operation(Action.SEND)


@dataclass(frozen=True, slots=True)
class Route:
    """The partition key of batches: one request has one route."""

    resource_type: str
    """The kind of resource in the words of the destination, such as `web`, `offline` or `audience`."""
    resource_id: str
    """The id that the destination gives the resource."""
    operation: Operation = SEND
    """The operation of the request on the resource."""
