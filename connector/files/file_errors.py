"""Errors of file systems as one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from connector.core.redaction import redact
from connector.errors import ConnectorError, FileRefused, SourceError


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Raise FileRefused for a file that does not exist, SourceError for one that cannot be read.

    Drivers raise errors of many kinds; their texts are kept without anything that looks like an identifier.
    """
    try:
        yield
    except ConnectorError:
        raise
    except FileNotFoundError:
        raise FileRefused(f"There is no file {name}.") from None
    except IsADirectoryError:
        raise FileRefused(
            f"{name} is a folder: name its files, as {name.rstrip('/')}/*.csv, or for a table set `format` to delta or "
            "iceberg."
        ) from None
    except PermissionError:
        raise SourceError(f"{name} may not be read with these credentials.") from None
    except Exception as error:
        reason = redact(str(error)) or type(error).__name__
        raise SourceError(f"{name} could not be read: {reason}") from None
