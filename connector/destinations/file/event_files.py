"""Files of events behind the interface of destinations."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import ClassVar

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.destinations.base import Attempt, Capabilities
from connector.destinations.checks import CheckedDestination
from connector.destinations.context import RunContext
from connector.destinations.event_destination import EventDestination, EventTargets, check_event_name
from connector.destinations.file.encoder import (
    LineCodec,
)
from connector.destinations.file.folder import DELETION_NOTE, PLATFORM, Folder
from connector.destinations.file.settings import FileSettings
from connector.staging.sending import BatchCodec
from connector.staging.skip_delivered import key_expiry


@dataclass(frozen=True)
class EventFiles(Folder, EventDestination):
    """Implements `Destination` for events in a folder, on this machine or elsewhere."""

    settings: FileSettings
    capabilities: ClassVar[Capabilities] = replace(EventDestination.capabilities, platform=PLATFORM)
    deletion_note: ClassVar[str] = DELETION_NOTE

    def validate(self, project: Project, orchestration: Orchestration) -> None:
        """See `Destination.validate`."""
        super().validate(project, orchestration)
        self.check_path(project, orchestration.name)

    def check(self, project: Project, test_event_code: str | None) -> CheckedDestination:
        """See `Destination.check`: write a small file, and delete it."""
        check_event_name(project, self.settings)
        return self.check_writing(project)

    def open(
        self, context: RunContext, targets: EventTargets, run_id: str, test_event_code: str | None
    ) -> AbstractContextManager[Attempt]:
        """See `Destination.open`."""
        return self.open_run(context, run_id)

    def codec(self, targets: EventTargets, test_event_code: str | None) -> BatchCodec:
        """See `Destination.codec`."""
        return LineCodec(key_expiry(self.settings.max_age_days, test_event_code))
