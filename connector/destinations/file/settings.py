"""Settings of files of events."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from connector.config.destination_types import DestinationType
from connector.config.fields import Text, one_of, pattern
from connector.config.remote_address import display_address, scheme_of
from connector.config.render import has_placeholder
from connector.config.settings import Violation
from connector.destinations.event_settings import BaseEventSettings
from connector.errors import ConfigurationError


class FileSettings(BaseEventSettings):
    """A folder that gets the events as files, one for each batch."""

    type: Literal["file"]
    """Selects this type."""
    path: Text
    """The folder to write to: a path, or an address that starts with `s3://`, `gs://` or `sftp://`."""
    format: Annotated[Literal["json", "parquet"], one_of("json", "parquet")] = "json"
    """`json` writes each event on a line of its own, as it stands in a request. `parquet` writes a table."""
    event_source_id: Annotated[str, pattern("[A-Za-z0-9_-]{1,40}", "letters and digits, at most 40")]
    """The id of the pixel or the offline event set that the events are meant for. File names contain it."""

    @property
    def address(self) -> str:
        """The folder."""
        return self.path.rstrip("/") or "/"

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse addresses of a kind that cannot be written."""
        path = values.get("path")
        if isinstance(path, str) and not has_placeholder(path):
            if display_address(path) != path:
                yield "path", "contains a password: delete it, sftp:// uses the keys of ~/.ssh"
            try:
                scheme_of(path)
            except ConfigurationError as error:
                yield "path", f"cannot be written. {error.message.rstrip('.')}"


FILE = DestinationType(FileSettings, "connector.destinations.file.destination:EventFiles")
