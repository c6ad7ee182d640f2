"""Every error a user can meet, grouped by what to do next.

| error                | what to do                                        | exit code |
|----------------------|---------------------------------------------------|-----------|
| `ConfigurationError` | fix a file; nothing was opened                    | 2         |
| `UsageError`         | fix the command                                   | 2         |
| `AccessRefused`      | ask somebody who may; nothing was opened          | 2         |
| `FileRefused`        | fix the file that was to be read; nothing sent    | 2         |
| `SourceError`        | fix the query, or try again                       | 1         |
| `NothingSent`        | fix the data, or the limit that it names          | 3         |
| `ResumableError`      | fix the cause, then `connector resume`            | 1         |
| `CorruptStage`       | run it again; it reads what was not delivered     | 1         |
| `RejectedUniformly`       | fix what it names; `run` or `resume` goes on      | 1         |
| `InDoubt`        | `--resend-unknown`, or leave them                 | 1         |
| `AuthorisationError` | authorise again, or as it says                    | 1         |
| `AccountRefused`     | fix what it names                                 | 1         |
| `NotPermitted`       | give the token the permission                     | 1         |
| `AccountUnreachable` | try again                                         | 1         |
| `LockedError`        | wait for the other run                            | 1         |
| `Interrupted`        | `connector resume` when ready                     | 130       |

A bad row is not an error: it is a rejected row, with a reason, in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class ConnectorError(Exception):
    """One sentence on what was wrong, the value, and what to do."""

    exit_code = 1

    @property
    def message(self) -> str:
        """The sentence, as it is shown to the user."""
        return str(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: where it stands and what to do about it."""

    message: str
    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return place + self.message


class ConfigurationError(ConnectorError):
    """The project's files say something that cannot be right. Holds every problem found."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(ConnectorError):
    """The command was typed in a way that cannot be carried out."""

    exit_code = 2


class AccessRefused(ConnectorError):
    """The roles of the project do not let this user do it; nothing was opened."""

    exit_code = 2


class FileRefused(ConfigurationError):
    """A file that was to be read, or its name, is not as it has to be; nothing was sent. Holds every problem found."""


class SourceError(ConnectorError):
    """The warehouse refused the query or the connection, or a file could not be got at."""


class NothingSent(ConnectorError):
    """The rows of the result do not allow the run to deliver anything; the run cannot be resumed."""

    exit_code = 3


class TooManyRejects(NothingSent):
    """More rows were rejected than `max_reject_percent` allows; nothing was sent."""


class AllRejected(NothingSent):
    """Rows were read, and every one was rejected."""


class TooFewRows(NothingSent):
    """Fewer rows were read than `min_rows` asks for; nothing was sent."""


class ResumableError(ConnectorError):
    """The run had to stop; what is staged stays staged and `connector resume` goes on with it."""


class RejectedUniformly(ResumableError):
    """The service would answer every request of the run alike: as it is staged, none of it will be taken."""


class CorruptStage(ResumableError):
    """Staged data of a run is missing or damaged. `fault` names the file and the problem."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"{fault}: the staged events cannot be sent. Run `connector run` or `connector resume` to read again what "
            "was not delivered."
        )


class InDoubt(ResumableError):
    """All but events that may have been taken too long ago to be sent again without being told to."""


class AuthorisationError(ConnectorError):
    """TikTok gives no token, or no longer takes one.

    `help` is what to do, `said` what TikTok said, `code` its return code. `passing`: it may do so later. `lost`: it may
    have done so, and the answer did not arrive.
    """

    def __init__(
        self, help_text: str, *, said: str = "", code: int | None = None, passing: bool = False, lost: bool = False
    ) -> None:
        self.help, self.said, self.code, self.passing, self.lost = help_text, said, code, passing, lost
        super().__init__(f"{help_text} {said}".strip())


class AccountRefused(ConnectorError):
    """TikTok refuses what was asked of an account, and would again. `code` is its return code, if it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(message)


class NotPermitted(AccountRefused):
    """The token may not ask this: whether it would have been refused stays open."""


class AccountUnreachable(ConnectorError):
    """TikTok could not answer, and may another time. `lost`: it may nevertheless have done what was asked."""

    def __init__(self, message: str, *, lost: bool = False) -> None:
        self.lost = lost
        super().__init__(message)


class LockedError(ConnectorError):
    """Another run of the same orchestration is under way."""


class Interrupted(ConnectorError):
    """The user asked the run to stop; it can be resumed."""

    exit_code = 130
