"""Addresses of files: a path on this machine, or the scheme of a store elsewhere and the driver that opens it."""

import re
from importlib.util import find_spec

from connector.config.suggest import did_you_mean
from connector.core.version import install_hint
from connector.errors import ConfigurationError, Problem, Rule

DRIVERS = {"s3": "s3fs", "gs": "gcsfs", "sftp": "sshfs"}
"""The driver of each scheme; the extra `files` installs all of them."""

_USER = re.compile(r"(?<=://)[^/@]*:[^/@]*@")
_CREDENTIALS = re.compile(r"\s*([\w+.-]+://)?.*@", re.DOTALL)


def scheme_of(pattern: str) -> str | None:
    """Return the scheme of an address; None for a local path. Raises ConfigurationError for an unknown one."""
    scheme, mark, _ = pattern.partition("://")
    if not mark:
        return None
    if scheme in DRIVERS:
        return scheme
    schemes = ", ".join(f"{name}://" for name in DRIVERS)
    hint = did_you_mean(scheme, DRIVERS)
    raise ConfigurationError(f'Unknown scheme "{scheme}://": use a path, or one of {schemes}.{hint}')


def check_driver(address: str) -> None:
    """Raise ConfigurationError for an unknown scheme, or a driver that is not installed."""
    scheme = scheme_of(address)
    if scheme and not (_is_installed("fsspec") and _is_installed(DRIVERS[scheme])):
        message = f"Files at {scheme}:// need {DRIVERS[scheme]}: {install_hint('files')}."
        raise ConfigurationError([Problem(message, rule=Rule.MISSING_DRIVER)])


def display_address(address: str) -> str:
    """Return an address without the password that it may contain."""
    return _USER.sub("…@", address)


def without_credentials(value: str) -> str:
    """Return a value that may be a faulty address without anything before its @, if that may be a key or a password.

    A password may hold any character, as nothing is known of a faulty address.
    """
    before, _, after = value.rpartition("@")
    is_address = ":" in before or re.search(r":\d+/?\s*\Z", after)
    return _CREDENTIALS.sub(lambda match: f"{match[1] or ''}…@", value) if is_address else value


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
