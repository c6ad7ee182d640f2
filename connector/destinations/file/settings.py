"""Settings of files of events, and of files of changes of audiences."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from connector.config.addresses import SIMULATOR
from connector.config.destination import DestinationSettings
from connector.config.destination_types import DestinationType
from connector.config.fields import Text, one_of, pattern, whole
from connector.config.remote_address import display_address, scheme_of
from connector.config.render import has_placeholder
from connector.config.settings import Violation
from connector.destinations.audience_settings import BaseAudienceSettings
from connector.destinations.event_settings import BaseEventSettings
from connector.errors import ConfigurationError


class FolderSettings(DestinationSettings):
    """A folder that gets files, one for each batch."""

    type: Literal["file"]
    """Selects this type."""
    path: Text
    """The folder to write to: a path, or an address that starts with `s3://`, `gs://` or `sftp://`."""
    format: Annotated[Literal["json", "parquet"], one_of("json", "parquet")] = "json"
    """`json` writes each event or person on a line of its own. `parquet` writes a table."""

    @property
    def address(self) -> str:
        """The folder."""
        return f"./{SIMULATOR}" if self.path == SIMULATOR else self.path.rstrip("/") or "/"

    @property
    def local_folder(self) -> str | None:
        """See `DestinationSettings.local_folder`."""
        return None if scheme_of(self.path) else self.path

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse addresses of a kind that cannot be written."""
        yield from super().rules(values)
        path = values.get("path")
        if isinstance(path, str) and not has_placeholder(path):
            if display_address(path) != path:
                yield "path", "contains a password: delete it, sftp:// uses the keys of ~/.ssh"
            try:
                scheme_of(path)
            except ConfigurationError as error:
                yield "path", f"cannot be written. {error.message.rstrip('.')}"


class FileSettings(FolderSettings, BaseEventSettings):
    """A folder that gets events."""

    event_source_id: Annotated[str, pattern("[A-Za-z0-9_-]{1,40}", "letters and digits, at most 40")]
    """The id of the pixel or the offline event set that the events are meant for. File names contain it."""


class AudienceFileSettings(FolderSettings, BaseAudienceSettings):
    """A folder that gets the changes of an audience."""

    audience: Annotated[str, pattern("(?s).{1,150}", "at most 150 characters long")] | None = None
    """The name of the audience. File names contain it. Required unless `audience_id` is given."""
    audience_id: Annotated[str, pattern("[A-Za-z0-9_-]{1,40}", "letters and digits, at most 40")] | None = None
    """The id of the audience, if it has one. File names contain it instead of the name."""
    rows_per_request: Annotated[int, whole(1, 10_000)] = 10_000
    """The most people in a file."""


_AUDIENCE = DestinationType(AudienceFileSettings, "connector.destinations.file.audience_files:AudienceFiles")
FILE = DestinationType(
    FileSettings,
    "connector.destinations.file.event_files:EventFiles",
    variants={"audience": _AUDIENCE, "audience_id": _AUDIENCE},
)
