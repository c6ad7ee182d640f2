"""The interface between runs and a destination: everything a run knows of the platform that it sends to.

A destination type is one package that implements `Destination` for its settings, and one entry point of the group
`connector.destinations` that names it. Every type must implement `Destination`; the protocols at the end are for what
only some types can do. Each docstring says how stable it is: what is "Stable" changes with a major version only, what
"May change" with a minor one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

import pyarrow as pa

from connector.catalogue import Catalogue, Parameter
from connector.config.destination import DestinationSettings
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.hashed_rows import PhoneCounts
from connector.core.outcomes import Reason
from connector.core.route import Operation, Route
from connector.delivery.answer import Answer
from connector.delivery.batch import Batch
from connector.destinations.checks import CheckedDestination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.ledger.batch_records import OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord
from connector.ledger.run_records import RunRecord
from connector.staging.sending import BatchCodec
from connector.staging.staged import Staged
from connector.staging.storage.batcher import DEFAULT_LIMITS, BatchLimits
from connector.staging.streaming import StreamingStage
from connector.transform.binding import Binding
from connector.transform.row_selection import RowSelection
from connector.transform.template import DataTemplate

if TYPE_CHECKING:
    from connector.staging.splits import StagedSplits
    from connector.transform.slice_engine import EnginePool

TargetsT = TypeVar("TargetsT")
MOST_ROUTES = 20
"""The number of routes of a run to check before it sends; rows may name any number of event sources."""

Attempt = Callable[[Batch], Answer]
OnRead = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Features of a destination type. Runs read them instead of the type. Stable: further features have defaults."""

    unit: str
    """The noun for counts in messages: `event` or `identifier`."""
    test_mode: bool = False
    """Take a test event code; what is sent with one counts nowhere."""
    batch_limits: BatchLimits = DEFAULT_LIMITS
    """How many events, and bytes, a request takes at most; of destinations that stage events."""
    streaming: bool = False
    """Take batches while the result is still being read."""
    deduplication: bool = False
    """Skip what was delivered before: each event has a key, which is kept."""
    mirrors: bool = False
    """Send the difference between the result and what the platform holds: a result of which nothing was staged is
    superseded by the next one."""
    resend_window: timedelta | None = None
    """For how long a batch whose answer was lost may be sent again; None: always."""
    shown_within: timedelta | None = None
    """How long the platform may take to show what it was sent; None: it shows it at once, or to nobody."""
    platform: str = "the destination"
    """The name of the platform in messages."""
    refused: Reason = Reason.REFUSED
    """The reason for rows that the platform refuses."""
    test_events_note: str = ""
    """Where the platform shows test events, as a sentence that contains `{code}`."""

    @property
    def subject(self) -> str:
        """The name of the platform at the start of a sentence."""
        return self.platform[:1].upper() + self.platform[1:]


class HashedSlice(Protocol):
    """The outcome of one slice of a result: hashed rows of some kind, and what every kind has. May change."""

    @property
    def read(self) -> int:
        """Rows of the slice."""

    @property
    def excluded(self) -> pa.Table:
        """Excluded rows (schema EXCLUDED_ROW)."""

    @property
    def rejects(self) -> Mapping[str, int]:
        """Rejected rows by reason."""

    @property
    def warnings(self) -> Mapping[str, int]:
        """Rows by warning."""

    @property
    def phones(self) -> PhoneCounts:
        """Phone numbers given, and invalid, by column."""


class RowCompiler(Protocol):
    """A data template compiled for the columns of a result: rows in, hashed rows out. May change."""

    @property
    def sql(self) -> str:
        """The SQL of the transform, for people."""

    def first(self, batches: Iterable[pa.RecordBatch], limit: int, *, test: bool) -> Iterator[pa.RecordBatch]:
        """Yield the first `limit` rows, and those that cannot be sent apart from them unless this is a `test`."""

    def select(self, batches: Iterable[pa.RecordBatch], selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """Yield the rows that a retry selects."""

    def hash(
        self,
        batches: Iterable[pa.RecordBatch],
        *,
        threads: int,
        gather: bool,
        engines: "EnginePool[Any] | None" = None,
    ) -> Iterator[Any]:
        """Yield a `HashedSlice` for each slice; with `gather`, few excluded rows may come with a later slice.

        `engines` of an earlier result with the same columns are used, and left open.
        """


@dataclass(frozen=True, slots=True)
class StageContext:
    """The input of staging besides rows. A plan stages without a run, in a temporary folder."""

    ledger: Ledger
    directory: Path
    """The folder of the stage, which staging makes."""
    compiler: Any
    run_id: str | None = None
    test_event_code: str | None = None
    limit: int | None = None
    resend_unknown: bool = False
    on_read: OnRead = lambda _: None
    """Called with the rows that were read so far."""
    streaming: StreamingStage | None = None
    """Takes batches while the result is read, for destinations that can."""
    splits: "StagedSplits | None" = None
    """The splits that tasks have staged, instead of rows."""
    opted_out: Path | None = None
    """A file of people who are not sent, as `read_opted_out` reads it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Requests and excluded rows of the first slice of a result."""

    bodies: list[dict[str, Any]]
    """Requests, as the platform would get them."""
    excluded: pa.Table
    """Excluded rows (schema EXCLUDED_ROW)."""


class Destination(Protocol[TargetsT]):
    """One destination of a project: its settings, and what its type makes of them. May change."""

    @property
    def settings(self) -> DestinationSettings:
        """The destination as the project file has it."""

    catalogue: ClassVar[Catalogue]
    """The parameters of its rows."""
    capabilities: ClassVar[Capabilities]
    """The features of its type."""

    @property
    def kind(self) -> str:
        """The platform's word for it: `web`, `offline` or `audience`."""

    @property
    def goes_to(self) -> str:
        """The resource that it sends to, for a list of destinations."""

    @property
    def timezone(self) -> str:
        """The time zone in which days count."""

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """Check all that can be checked before anything is opened. Raises ConfigurationError."""

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """Ask the platform whether it would take what is sent; with a code, send one test event."""

    def parameters(self) -> Sequence[Parameter]:
        """Return the parameters of the catalogue that its rows can carry."""

    def notes(self, parameters: Sequence[str]) -> tuple[str, ...]:
        """Return sentences worth knowing about rows that carry these parameters."""

    def setting_notes(
        self, project: Project, template: DataTemplate, schema: pa.Schema | None, *, prescribed: bool
    ) -> list[str]:
        """Return a sentence for each setting or column that is probably not meant.

        With `prescribed`, the columns are those of a program, and nobody chose them.
        """

    def rules(self, orchestration: Orchestration, started_at: int, known_id: str | None) -> Any:
        """Return what shapes the rows of a run that starts at a moment (Unix seconds)."""

    def identity(self, rules: Any) -> tuple[object, ...]:
        """Return what makes two runs send the same, of rules and settings: a part of the run's fingerprint."""

    def compile(self, binding: Binding, rules: Any) -> RowCompiler:
        """Compile a bound template. Raises ConfigurationError with every requirement that the columns lack."""

    def known_id(self, project: Project, ledger: Ledger | None) -> str | None:
        """Return the platform's id of what the settings name, if a run has found it; ask nobody."""

    def changes(self, project: Project) -> tuple[str | None, list[str]]:
        """Return the platform's id of what the settings name, and a sentence for each change that a run makes first."""

    def resolve(
        self, context: RunContext, confirmation: Confirmation, *, resuming: bool
    ) -> AbstractContextManager[TargetsT]:
        """Find or create what is sent to, and hold it until the block ends.

        Raises UsageError if a change is not confirmed, ConfigurationError, LockedError, and what the platform answers.
        """

    def forecast(self, project: Project, ledger: Ledger) -> TargetsT:
        """Return what is sent to as far as it is known; ask nobody and change nothing."""

    def attach(self, context: RunContext) -> AbstractContextManager[TargetsT]:
        """Return what another process has resolved and holds, to send to it as well; ask nobody and lock nothing."""

    def stage(self, rows: Iterable[Any], targets: TargetsT, context: StageContext) -> Staged:
        """Stage what has to be sent of hashed rows. Raises OSError if the disk fails; then nothing written counts."""

    def stage_split(self, rows: Iterable[Any], context: StageContext) -> dict[str, Any]:
        """Stage the hashed rows of a split of a result, and return a JSON object without anything about a person.

        Raises as `stage` does.
        """

    def confirm(self, staged: Staged, limit: int | None, confirmation: Confirmation, *, allow_empty: bool) -> None:
        """Raise UsageError if what is staged has to be confirmed and is not."""

    def plan_notes(
        self, project: Project, ledger: Ledger, targets: TargetsT, staged: Staged, limit: int | None
    ) -> list[str]:
        """Return what a run would say or ask about what is staged."""

    def recheck(self, context: RunContext, targets: TargetsT, record: RunRecord, *, resend_unknown: bool) -> None:
        """Skip the open events of a staged run that must not be sent any more."""

    def refuse_unready(self, orchestration: str, rules: Any) -> None:
        """Raise ResumableError if nothing can be sent under these rules yet."""

    def preflight(self, context: RunContext, targets: TargetsT, run_id: str, batches: Sequence[OpenBatch]) -> None:
        """Check before the first of these batches leaves that it can arrive. Raises ResumableError."""

    def open(
        self, context: RunContext, targets: TargetsT, run_id: str, test_event_code: str | None
    ) -> AbstractContextManager[Attempt]:
        """Open the platform for the requests of a run; each attempt is one request and the meaning of its answer."""

    def codec(self, targets: TargetsT, test_event_code: str | None) -> BatchCodec:
        """Return what makes requests of staged events, and says what the ledger keeps of them."""

    def checklist(self, route: Route) -> str:
        """Name the settings to check if the platform refuses everything sent to a route, as a noun phrase."""

    def excluded(self, events: pa.Table, *, outcome: str, reason: str, answers: pa.Table) -> pa.Table:
        """Return a row (schema EXCLUDED_ROW) for each row of staged events that were not delivered."""

    def acknowledge(self, context: RunContext, targets: TargetsT) -> None:
        """Apply what the platform acknowledged to what is known of it. Raises ResumableError if the disk fails."""

    def finish(self, context: RunContext, targets: TargetsT, run_id: str) -> None:
        """Conclude a run of which everything was sent."""

    def judge(self, first: Any, compiler: Any) -> Any:
        """Judge a slice as if it were the whole result."""

    def preview(
        self, ledger: Ledger, project: Project, first: Any, compiler: Any, rows: int, code: str | None
    ) -> Preview:
        """Return the requests with the first `rows` events of a slice, and what of it would be excluded."""


@runtime_checkable
class DeletesPeople(Protocol):
    """Optional: a type that can delete suppressed people from what the platform holds. May change."""

    @classmethod
    def delete_people(cls, project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Delete a person whom the platform knows by one of the digests (64 hex digits).

        Yield for each place that has the person what was done, or why not.
        """


@runtime_checkable
class MeasuresAudiences(Protocol):
    """Optional: a type that can ask the platform for the size of an audience. May change."""

    def audience_size(self, project: Project, audience: AudienceRecord) -> int | str:
        """Return the number of people, or why it is unknown (empty: the platform does not say).

        Raises ConnectorError if the platform cannot be asked.
        """


@runtime_checkable
class NotesDeletion(Protocol):
    """Optional: a type at which what was sent about a person stays after `connector forget`. May change."""

    deletion_note: ClassVar[str]
    """A sentence that says what to do about it."""


@runtime_checkable
class NamesOperations(Protocol):
    """Optional: a type whose requests do more than send events. May change."""

    @classmethod
    def operation_name(cls, operation: Operation) -> str | None:
        """Return the platform's words for an operation; None for one that is not of this type."""
