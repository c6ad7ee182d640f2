"""Errors that a task raises on another machine are the same here."""

import pickle
from collections.abc import Iterator

import pytest

from connector import errors
from connector.errors import AuthorisationError, ConfigurationError, ConnectorError, CorruptStage, Problem, SourceError
from connector.staging.storage.shared_folder import UnreachableFolder


def kinds(of: type[ConnectorError] = ConnectorError) -> Iterator[type[ConnectorError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def made(kind: type[ConnectorError]) -> ConnectorError:
    """An error of a kind that takes nothing but a message."""
    return kind("It failed.")


SPECIAL = [
    UnreachableFolder("/stage", "read", "Permission denied"),
    CorruptStage("read-1/events.arrow is damaged"),
    AuthorisationError("Authorise again.", platform_message="expired", code=40105, is_temporary=True),
    SourceError("No such table", (3, 4)),
    ConfigurationError([Problem("one"), Problem("two")]),
]
PLAIN = [made(kind) for kind in dict.fromkeys(kinds()) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("error", [*SPECIAL, *PLAIN], ids=lambda error: type(error).__name__)
def test_an_error_travels_with_its_message_and_all_that_it_says(error: ConnectorError) -> None:
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert (found.message, vars(found)) == (error.message, vars(error))
