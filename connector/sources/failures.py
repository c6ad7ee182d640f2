"""A driver's errors in one sentence, without what they quote."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from connector.config.warehouse import Warehouse
from connector.errors import SourceError
from connector.redaction import REDACTED, redact

OPENING = "The warehouse could not be opened"
FAILED = "The query failed"

_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:([^@\s]*)@")


def secrets_of(warehouse: Warehouse) -> tuple[str, ...]:
    """What no message may repeat: the warehouse's password, token and passphrase, wherever they are given."""
    given = (warehouse.password, warehouse.token, warehouse.private_key_passphrase)
    in_url = _PASSWORD_IN_URL.findall(warehouse.url.get_secret_value())
    secrets = {secret.get_secret_value() for secret in given if secret} | set(in_url) | set(map(unquote, in_url))
    return tuple(sorted(secrets - {""}, key=len, reverse=True))


def said(error: BaseException | str, secrets: tuple[str, ...] = ()) -> str:
    """An error's words on one line, without the secrets and without what looks like an identifier."""
    text = str(error)
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return redact(text)


@contextmanager
def named_errors(what: str, kinds: tuple[type[BaseException], ...], secrets: tuple[str, ...] = ()) -> Iterator[None]:
    """Errors of these kinds become a SourceError that begins with `what`."""
    try:
        yield
    except kinds as error:
        raise SourceError(f"{what}: {said(error, secrets)}") from None
