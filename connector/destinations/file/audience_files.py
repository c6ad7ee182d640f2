"""Files of changes of audiences behind the interface of destinations."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.remote_address import DRIVERS
from connector.core.hashed_rows import HashedMembers
from connector.core.route import Action
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.audience_destination import AudienceDestination, AudienceTargets, MemberCompiler
from connector.destinations.audience_membership import Copy
from connector.destinations.audience_payloads import MakePayloads
from connector.destinations.audience_suppression import deletion, remove_from_audiences
from connector.destinations.base import Attempt, Capabilities, Preview
from connector.destinations.checks import CheckedDestination
from connector.destinations.confirmation import Confirmation
from connector.destinations.context import RunContext
from connector.destinations.file.encoder import (
    ChangeLineCodec,
    people_as_json,
)
from connector.destinations.file.folder import DELETION_NOTE, PLATFORM, THEN_RESUME, FileAttempt, Folder, sentence
from connector.destinations.file.folder_writer import open_writer
from connector.destinations.file.settings import AudienceFileSettings
from connector.destinations.registry import orchestration_of_audience
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord
from connector.staging.sending import BatchCodec
from connector.staging.storage.digest_partitions import Digests


@dataclass(frozen=True)
class AudienceFiles(Folder, AudienceDestination[AudienceTargets]):
    """Implements `Destination` for the changes of an audience in a folder, on this machine or elsewhere."""

    settings: AudienceFileSettings
    capabilities: ClassVar[Capabilities] = replace(AudienceDestination.capabilities, platform=PLATFORM)
    deletion_note: ClassVar[str] = DELETION_NOTE

    @classmethod
    def delete_people(cls, project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
        """See `DeletesPeople.delete_people`: write a deletion for every audience that has one of the digests."""

        def delete_members(audience: AudienceRecord, id_type: str, some: Digests) -> None:
            orchestration, settings = _writer_of(project, audience)
            cls(settings)._write_deletion(project, orchestration, deletion(audience, id_type, some, people_as_json))

        audiences = [one for one in ledger.members.audiences(project.target) if _is_folder(one.api_url)]
        return remove_from_audiences(project, ledger, audiences, digests, delete_members)

    def _write_deletion(self, project: Project, orchestration: str, batch: Batch) -> None:
        """Write a file that deletes the digests of one person, after those of all earlier runs."""
        line = bytes(batch.payload) + b"\n"
        folder = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-forget-{sha256(line).hexdigest()[:8]}"
        self.check_path(project, orchestration)
        try:
            with open_writer(self.settings.path, project.directory) as writer:
                attempt = FileAttempt(self.settings, writer, f"{orchestration}/{folder}")
                answer = attempt(replace(batch, payload=line))
        except Exception as error:
            raise ConnectorError(sentence(self.settings, error)) from None
        if answer.verdict is not Verdict.ACCEPTED:
            raise ConnectorError(answer.message.removesuffix(f" {THEN_RESUME}"))

    @property
    def make_payloads(self) -> MakePayloads:
        """See `AudienceDestination.make_payloads`: a JSON object for each person."""
        return people_as_json

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        super().validate(project, orchestration)
        self.check_path(project, orchestration.name)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`: write a small file, and delete it."""
        return self.check_writing(project)

    def changes(self, project: Project) -> tuple[None, list[str]]:
        """See `Destination.changes`: a folder is created with its first file."""
        return None, []

    @contextmanager
    def resolve(self, context: RunContext, confirmation: Confirmation, *, resuming: bool) -> Iterator[AudienceTargets]:
        """See `Destination.resolve`: record the audience, and lock it."""
        settings, project = self.settings, context.project
        with context.ledger.lock(project.state_directory, f"the audience {settings.label}", project.target):
            scope, name = context.scope(settings), settings.audience or settings.label
            record = context.ledger.members.audience(scope, settings.label, name, ())
            targets = AudienceTargets([Copy(record.key, record.audience_id, record.name)])
            self.acknowledge(context, targets)
            yield targets

    def forecast(self, project: Project, ledger: Ledger) -> AudienceTargets:
        """See `Destination.forecast`."""
        settings = self.settings
        recorded = ledger.members.audiences(project.target)
        key = next((audience.key for audience in recorded if settings.has_audience(audience)), None)
        return AudienceTargets([Copy(key, settings.label, settings.audience or settings.label)])

    def attach(self, context: RunContext) -> AbstractContextManager[AudienceTargets]:
        """See `Destination.attach`."""
        return nullcontext(self.forecast(context.project, context.ledger))

    def open(
        self, context: RunContext, targets: AudienceTargets, run_id: str, test_event_code: str | None
    ) -> AbstractContextManager[Attempt]:
        """See `Destination.open`."""
        return self.open_run(context, run_id)

    def codec(self, targets: AudienceTargets, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return ChangeLineCodec({copy.audience_id: copy.key for copy in targets.copies})

    def preview(
        self,
        ledger: Ledger,
        project: Project,
        first: HashedMembers,
        compiler: MemberCompiler,
        rows: int,
        code: str | None,
    ) -> Preview:
        """See `Destination.preview`: the first people, whoever is in the audience."""
        payloads = self.first_payloads(first, rows, self.settings.label).table["payload"].to_pylist()
        action = Action.DELETE if self.settings.mode == "remove" else Action.ADD
        data = [{"action": action.value, **json.loads(payload)} for payload in payloads]
        return Preview([{"audience": self.settings.label, "data": data}], first.excluded.slice(0, rows))


def _writer_of(project: Project, audience: AudienceRecord) -> tuple[str, AudienceFileSettings]:
    """Return an orchestration that writes the audience, and its destination. Raises ConnectorError if none is left."""
    bound = orchestration_of_audience(project, audience)
    if bound is None or not isinstance(bound[1], AudienceFileSettings):
        raise ConnectorError(
            f"No destination writes the audience to {audience.api_url} any more: delete the lines with the digests."
        )
    return bound[0], bound[1]


def _is_folder(address: str) -> bool:
    """Return whether this is a path, or an address of files."""
    return urlsplit(address).scheme in {"", *DRIVERS}
