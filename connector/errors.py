"""The errors that users see, grouped by the next action.

| error                | what to do                                         | exit code |
|----------------------|----------------------------------------------------|-----------|
| `ConfigurationError` | fix a file; nothing was opened                     | 2         |
| `UsageError`         | fix the command                                    | 2         |
| `AccessRefused`      | ask a user with the permission; nothing was opened | 2         |
| `FileRefused`        | fix the file to be read; nothing was sent          | 2         |
| `SourceError`        | fix the query, or try again                        | 1         |
| `NothingSent`        | fix the data, or the limit that it names           | 3         |
| `ResumableError`     | fix the cause, then `connector resume`             | 1         |
| `LedgerUnavailable`  | the same, once the database answers                | 1         |
| `CorruptStage`       | run it again; it reads what was not delivered      | 1         |
| `RejectedUniformly`  | fix what it names, then `run` or `resume`          | 1         |
| `InDoubt`            | `--resend-unknown`, or leave the events pending    | 1         |
| `AuthorisationError` | authorise again, or do what it says                | 1         |
| `AccountRefused`     | fix what it names                                  | 1         |
| `NotPermitted`       | give the token the permission                      | 1         |
| `AccountUnreachable` | try again                                          | 1         |
| `LockedError`        | wait for the other run                             | 1         |
| `LeaseLost`          | stop sending these batches: another process does   | 1         |
| `Interrupted`        | `connector resume` when ready                      | 130       |

An invalid row is not an error: it is a rejected row in the ledger, with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class ConnectorError(Exception):
    """A message that says what is wrong, the value, and what to do."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a task on another machine raise it as it is, whatever its constructor takes."""
        return _copy_of, (type(self), self.args, self.__dict__)

    @property
    def message(self) -> str:
        """The message, as users see it."""
        return str(self)


def _copy_of(kind: type[ConnectorError], args: tuple[Any, ...], attributes: dict[str, Any]) -> ConnectorError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class Rule(StrEnum):
    """The kinds of problems, by the ids that `connector validate --json` prints. An id never changes its meaning."""

    SYNTAX = "syntax"
    """The file is not YAML, or a placeholder in it is not Jinja."""
    UNREADABLE = "unreadable"
    """The file cannot be read: it is missing, too large, or not text in UTF-8."""
    DUPLICATE_KEY = "duplicate_key"
    """A key is written twice, or in two spellings."""
    UNKNOWN_KEY = "unknown_key"
    """There is no such key here."""
    MISSING_KEY = "missing_key"
    """A required key is missing or blank."""
    INVALID_VALUE = "invalid_value"
    """The value is of another type, or not one of those that are allowed."""
    KEY_CONFLICT = "key_conflict"
    """Keys of an entry exclude or require each other."""
    UNKNOWN_NAME = "unknown_name"
    """The name refers to nothing: a warehouse, destination, query, template, target, or file."""
    CYCLE = "cycle"
    """Entries refer to each other in a circle."""
    SHELL_VARIABLE = "shell_variable"
    """A secret is written as a shell variable, which is not filled in."""
    MISSING_VALUE = "missing_value"
    """An environment variable, a secret, or a parameter has no value."""
    MISSING_DRIVER = "missing_driver"
    """A package that the warehouse, the file, the destination or the engine needs is not installed."""
    QUERY_TEMPLATE = "query_template"
    """The Jinja of a query, or of a template's constant, cannot be rendered."""
    QUERY_SYNTAX = "query_syntax"
    """The query is not valid SQL."""
    QUERY_FAILED = "query_failed"
    """The warehouse refuses the query: a table or column does not exist, or a function fails."""
    SOURCE_FAILED = "source_failed"
    """A warehouse cannot be opened, or a file cannot be accessed."""
    DBT = "dbt"
    """dbt has no such model or source, or builds no table or view for it."""
    NOT_ONE_SELECT = "not_one_select"
    """The query is not one SELECT statement that only reads."""
    UNKNOWN_PARAMETER = "unknown_parameter"
    """The data template names a parameter that the destination does not have."""
    COLUMNS = "columns"
    """The columns of the result do not fit the template or the destination."""
    OTHER = "other"
    """None of the others."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a file, with its location."""

    message: str
    """A sentence that names the problem, the value, and how to fix it."""
    file: Path | None = None
    """The file that it is in."""
    line: int | None = None
    """The line, from 1."""
    column: int | None = None
    """The column, from 1."""
    rule: Rule = Rule.OTHER
    """The kind of problem."""

    def __str__(self) -> str:
        location = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return location + self.message

    def as_json(self) -> dict[str, object]:
        """Return an entry of `problems` as `connector validate --json` prints it."""
        file = str(self.file) if self.file else None
        place = {"file": file, "line": self.line, "column": self.column}
        return {**place, "message": self.message, "rule": self.rule.value}


class ConfigurationError(ConnectorError):
    """The project's files are invalid. `problems` are all the problems found."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(ConnectorError):
    """The command, its arguments or its options are invalid."""

    exit_code = 2


class AccessRefused(ConnectorError):
    """The roles of the project do not permit this user the action; nothing was opened."""

    exit_code = 2


class FileRefused(ConfigurationError):
    """A file to be read, or its name, is invalid; nothing was sent. `problems` are all the problems found."""


class SourceError(ConnectorError):
    """The warehouse refused the query or the connection, or a file could not be accessed.

    `place` is the line and the column in the SQL that the warehouse names, from 1, if it names them.
    """

    def __init__(self, message: str, place: tuple[int, int | None] | None = None) -> None:
        self.place = place
        super().__init__(message)


class NothingSent(ConnectorError):
    """The run delivers nothing because of the rows of its result; it cannot be resumed."""

    exit_code = 3


class TooManyRejects(NothingSent):
    """More rows were rejected than `max_reject_percent` allows; nothing was sent."""


class AllRejected(NothingSent):
    """Every row was rejected."""


class TooFewRows(NothingSent):
    """Fewer rows were read than `min_rows` requires; nothing was sent."""


class ModelNotReady(NothingSent):
    """A dbt model that the query reads has failed, was skipped or is stale; nothing was sent."""


class PlanChanged(NothingSent):
    """The counts of the result differ by more than the plan of the run allows; nothing was sent."""


class ResumableError(ConnectorError):
    """The run stopped; its stage is kept, and `connector resume` continues with it."""


class LedgerUnavailable(ResumableError):
    """The database of the ledger failed, or could not be reached; what was being written may or may not be there."""


class RejectedUniformly(ResumableError):
    """The destination would refuse every request of the run as it is staged."""


class CorruptStage(ResumableError):
    """Staged data of a run is missing or damaged. `fault` names the file and the problem."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"{fault}: the staged events cannot be sent. Run `connector run` or `connector resume` to read again what "
            "was not delivered."
        )


class InDoubt(ResumableError):
    """Everything was sent except events whose answers were lost too long ago to resend them without confirmation."""


class AuthorisationError(ConnectorError):
    """The platform issues no token, or no longer accepts one.

    `help` is what to do, `platform_message` the message of the platform, `code` its return code. `is_temporary`: a
    later attempt may succeed. `answer_lost`: the platform may have done what was requested.
    """

    def __init__(
        self,
        help_text: str,
        *,
        platform_message: str = "",
        code: int | None = None,
        is_temporary: bool = False,
        answer_lost: bool = False,
    ) -> None:
        self.help, self.platform_message, self.code = help_text, platform_message, code
        self.is_temporary, self.answer_lost = is_temporary, answer_lost
        super().__init__(f"{help_text} {platform_message}".strip())


class AccountRefused(ConnectorError):
    """The platform refuses a request about an account, and would again. `code` is its return code, if it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(message)


class NotPermitted(AccountRefused):
    """The token lacks the permission for the request, so its answer stays unknown."""


class AccountUnreachable(ConnectorError):
    """The platform could not answer; a later attempt may succeed. `answer_lost`: it may have acted on the request."""

    def __init__(self, message: str, *, answer_lost: bool = False) -> None:
        self.answer_lost = answer_lost
        super().__init__(message)


class LockedError(ConnectorError):
    """Another process runs the same orchestration."""


class LeaseLost(LockedError):
    """The batches of a lease are another process's to send, or soon will be; this one must stop."""


class Interrupted(ConnectorError):
    """The user stopped the run; it can be resumed."""

    exit_code = 130
