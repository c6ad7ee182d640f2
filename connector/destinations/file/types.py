"""The type of destinations that are files, as the entry point names it."""

from connector.config.destination_types import DestinationType
from connector.destinations.file.settings import FileSettings

FILE = DestinationType(FileSettings, "connector.destinations.file.destination:EventFiles")
