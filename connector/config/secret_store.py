"""Secrets from files, `{{ file.NAME }}`, and from what commands print, `{{ secret.NAME }}`: read once, if needed."""

import os
import re
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from connector.config.secrets import Secrets
from connector.config.suggest import did_you_mean
from connector.core.secret_registry import SHORTEST, is_too_short, remember_secret

LARGEST = 1 << 16
"""Bytes of a secret."""
_PLAIN_TEXTS = frozenset(
    {"access_token", "app_id", "app_secret", "refresh_token", "password", "token", "private_key_passphrase"}
)
"""Settings that take any text: validation without a connection need not run a command for them."""
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class MissingSecret(Exception):
    """A secret that cannot be read; the message is the end of a sentence, and holds nothing of its content."""


class SecretStore:
    """The secrets of a project."""

    def __init__(
        self, directory: Path, settings: Secrets, environ: Mapping[str, str], *, offline: bool = False
    ) -> None:
        self._directory, self._settings, self._environ, self._offline = directory, settings, environ, offline
        self._values: dict[tuple[str, ...], str] = {}
        self._too_short: dict[str, None] = {}

    @property
    def notes(self) -> list[str]:
        """Sentences about secrets that were read and are too short to be removed from what is printed."""
        return [
            f"The secret {name} has fewer than {SHORTEST} characters, so it is not removed from what is printed. Use a "
            "longer one."
            for name in self._too_short
        ]

    def sources(self, key: str) -> Mapping[str, Callable[[str], str]]:
        """Return the functions that read secrets for a setting: by file, and by command."""
        return {"file": self.file, "secret": self.known if self.stands_in(key) else self.command}

    def stands_in(self, key: str) -> bool:
        """Return true if any text will do for a setting, so that no command is run for it."""
        return self._offline and key in _PLAIN_TEXTS

    def file(self, name: str) -> str:
        """Return the content of a file, without line breaks at its end. Raises MissingSecret."""
        path = self._path(name)
        return self._once(f"file.{name}", ("file", str(path)), lambda: _content(path))

    def command(self, name: str) -> str:
        """Return what a command prints, without line breaks at its end. Raises MissingSecret."""
        self.known(name)
        arguments = self._settings.commands[name]
        return self._once(f"secret.{name}", ("command", *arguments), lambda: self._output(name, arguments))

    def known(self, name: str) -> str:
        """Return a text that stands for the output of a command. Raises MissingSecret if there is no such command."""
        if name not in self._settings.commands:
            raise MissingSecret(unknown_secret(name, self._settings.commands))
        return name

    def _once(self, name: str, key: tuple[str, ...], read: Callable[[], bytes]) -> str:
        if key not in self._values:
            self._values[key] = _text(key, read())
            remember_secret(self._values[key])
            if is_too_short(self._values[key]):
                self._too_short[name] = None
        return self._values[key]

    def _path(self, name: str) -> Path:
        if name in self._settings.files:
            return self._directory / self._settings.files[name]
        if not _FILE_NAME.fullmatch(name):
            raise MissingSecret("names a file that cannot be a secret's; use letters, digits, _, - and .")
        return self._directory / self._settings.folder / name

    def _output(self, name: str, arguments: Sequence[str]) -> bytes:
        what = f'needs the secret "{name}", whose command "{Path(arguments[0]).name}"'
        try:
            process = subprocess.Popen(  # noqa: S603 - the project names the command, and no shell reads it
                arguments,
                cwd=self._directory,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            why = "is not installed" if missing else f"cannot be run: {error.strerror}"
            raise MissingSecret(f"{what} {why}") from None
        try:
            output = b"".join(_read(process, what, self._settings.timeout))
        finally:
            _end(process)
        if process.returncode:
            raise MissingSecret(f"{what} ended with exit code {process.returncode}; run it yourself to see why")
        return output


def unknown_secret(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence about a name that is not in `secrets.commands`."""
    hint = did_you_mean(name, names)
    return f'needs the secret "{name}", which is not in secrets.commands{"." * bool(hint)}{hint}'


def _read(process: "subprocess.Popen[bytes]", what: str, seconds: float) -> Iterator[bytes]:
    """Yield the output of a command until it ends, for so many seconds at most."""
    if process.stdout is None:
        raise AssertionError("stdout is a pipe")
    deadline, size = time.monotonic() + seconds, 0
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise MissingSecret(f"{what} took longer than {seconds:g} s; see secrets.timeout")
        data = os.read(process.stdout.fileno(), LARGEST)
        size += len(data)
        if size > LARGEST:
            raise MissingSecret(f"{what} printed more than {LARGEST >> 10} KiB")
        if not data:
            break
        yield data
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise MissingSecret(f"{what} took longer than {seconds:g} s; see secrets.timeout") from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command that still runs, and what it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _content(path: Path) -> bytes:
    what = f"needs the file {path}, which"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise MissingSecret(f"{what} is not a regular file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise MissingSecret(f"{what} does not exist") from None
    except OSError as error:
        raise MissingSecret(f"{what} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise MissingSecret(f"{what} is larger than {LARGEST >> 10} KiB")
    return content


def _text(key: tuple[str, ...], content: bytes) -> str:
    what = (
        f"needs the file {key[1]}, which" if key[0] == "file" else f'needs the output of "{Path(key[1]).name}", which'
    )
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise MissingSecret(f"{what} is not text in UTF-8") from None
    if not text.strip():
        raise MissingSecret(f"{what} is empty")
    if "\0" in text:
        raise MissingSecret(f"{what} holds a NUL character")
    return text
