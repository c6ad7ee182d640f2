"""What keeps a file from being read, in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from connector.errors import ConnectorError, FileRefused, SourceError
from connector.redaction import redact

_USER = re.compile(r"(?<=://)[^/@]*:[^/@]*@")


def shown(address: str) -> str:
    """An address without the password that may stand in it."""
    return _USER.sub("…@", address)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Raises FileRefused for a file that is not there, SourceError for one that cannot be got at.

    Drivers raise errors of many kinds of their own; what they say is kept without what looks like an identifier.
    """
    try:
        yield
    except ConnectorError:
        raise
    except FileNotFoundError:
        raise FileRefused(f"There is no file {name}.") from None
    except IsADirectoryError:
        raise FileRefused(f"{name} is a folder: name its files, as {name.rstrip('/')}/*.csv.") from None
    except PermissionError:
        raise SourceError(f"{name} may not be read with these credentials.") from None
    except Exception as error:
        said = redact(str(error)) or type(error).__name__
        raise SourceError(f"{name} could not be read: {said}") from None
