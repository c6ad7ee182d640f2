"""A driver's errors in one sentence, without what they quote."""

import re
from urllib.parse import unquote

from connector.config.warehouse import Warehouse
from connector.redaction import REDACTED, redact, redact_literals

OPENING = "The warehouse could not be opened"
FAILED = "The query failed"

_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:([^@\s]*)@")


def secrets_of(warehouse: Warehouse) -> tuple[str, ...]:
    """What no message may repeat: the warehouse's password, token and passphrase, wherever they are given."""
    given = (warehouse.password, warehouse.token, warehouse.private_key_passphrase)
    in_url = _PASSWORD_IN_URL.findall(warehouse.url.get_secret_value())
    secrets = {secret.get_secret_value() for secret in given if secret} | set(in_url) | set(map(unquote, in_url))
    return tuple(sorted(secrets - {""}, key=len, reverse=True))


def said(error: BaseException | str, secrets: tuple[str, ...] = (), *, quotes_data: bool = True) -> str:
    """Return an error's words on one line, without the secrets and without what looks like an identifier.

    Names in double quotation marks stay if the error does not quote data.
    """
    text = str(error)
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return redact(text) if quotes_data else redact_literals(text)
