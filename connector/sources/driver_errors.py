"""Errors of database drivers as one sentence, without the values they quote."""

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.core.disk import is_file
from connector.core.redaction import REDACTED, redact, redact_literals
from connector.core.secret_registry import without_secrets

OPEN_FAILED = "The warehouse could not be opened"
QUERY_FAILED = "The query failed"

_HOST_IN_URL = re.compile(r"://(?:[^/@\s]*@)?(?:\[(?P<ipv6>[^]/]+)\]|(?P<name>[^:/?@\s]+))")
_OWN_HOST = "ownhostofthewarehouse"
"""Stands for the host while a message is redacted."""
_NOT_HTTP = re.compile(r"\('Connection aborted\.', BadStatusLine\(.*\)\)", re.DOTALL)
_NOT_HTTP_WORDS = "the answer is not HTTP: the port may be that of another protocol, or one with TLS"
_POOL = re.compile(
    r"HTTPS?ConnectionPool\(host='?(?P<host>[^',)]+)'?, port=(?P<port>\d+)\): Max retries exceeded with url: .*"
    r"(?P<why>\[Errno -?\d+\] [^'\")]+).*",
    re.DOTALL,
)
"""The text of an address that no client of urllib3 could connect to."""
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:([^@\s]*)@")


class Secrets(tuple[str, ...]):
    """What no message may repeat, and the host of the warehouse, which it may."""

    host: str | None = None


def secrets_of(warehouse: Warehouse) -> Secrets:
    """Return what no message may repeat: the warehouse's password, token and passphrase, also from its URL."""
    settings = (warehouse.password, warehouse.token, warehouse.private_key_passphrase, warehouse.credentials_json)
    in_url = _PASSWORD_IN_URL.findall(warehouse.url.get_secret_value())
    secrets = {secret.get_secret_value() for secret in settings if secret} | set(in_url) | set(map(unquote, in_url))
    found = Secrets(sorted(secrets - {""}, key=len, reverse=True))
    host = _HOST_IN_URL.search(warehouse.url.get_secret_value())
    found.host = host and (host["ipv6"] or host["name"])
    return found


def missing_file_hint(file: Path, directory: Path) -> str:
    """Return which file may be meant by one that does not exist: that of an absolute path, or a similar name."""
    if file.is_relative_to(directory):
        absolute = Path("/") / file.relative_to(directory)
        if is_file(absolute):
            return f" For the absolute path, write four slashes, as in :///{absolute}."
    with suppress(OSError):
        return did_you_mean(file.name, [other.name for other in file.parent.iterdir() if other.suffix == file.suffix])
    return ""


def error_text(error: BaseException | str, secrets: tuple[str, ...] = (), *, quotes_data: bool = True) -> str:
    """Return an error's text on one line, without secrets and without what looks like an identifier.

    Names in double quotation marks stay if the error does not quote data.
    """
    text = _NOT_HTTP.sub(_NOT_HTTP_WORDS, _POOL.sub(r"\g<host>:\g<port>: \g<why>", without_secrets(str(error))))
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    host = getattr(secrets, "host", None)
    if host:
        text = re.sub(rf"([\"']?)(?<![\w.-]){re.escape(host)}(?![\w.-])\1", _OWN_HOST, text)
    text = redact(text) if quotes_data else redact_literals(text)
    return text.replace(_OWN_HOST, host) if host else text
