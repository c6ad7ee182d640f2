"""Settings for the format of files and tables."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from connector.catalogue.conversions import FILES_A_DAY, NAME
from connector.config.fields import Words, accepts, one_of, whole
from connector.config.settings import Settings, Violation

DELIMITERS = {"comma": ",", "tab": "\t", "pipe": "|", "semicolon": ";"}
CONVERSION_DELIMITERS = ("comma", "tab", "pipe")
"""The delimiters that LiveRamp's program accepts."""
_PLAIN = "delimited"
TABLES = {"delta": ("deltalake", "Delta"), "iceberg": ("pyiceberg", "Iceberg")}
"""The formats of tables: the driver of each, which an extra of the same name installs, and how it is called."""
_CONVERSION_KEYS = ("transaction_category", "files_a_day")


class FileFormat(Settings):
    """The format of a delimited file, with the rules of LiveRamp's program if it follows them, or of a table."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    name: Annotated[Literal["delimited", "liveramp_conversions", "delta", "iceberg"], one_of(_PLAIN, NAME, *TABLES)] = (
        "delimited"
    )
    """The format: any delimited file, a conversions file of LiveRamp's program, or the folder of a table."""
    delimiter: Annotated[Literal["comma", "tab", "pipe", "semicolon"], one_of(*DELIMITERS)] | None = None
    """The character between values. Default: detected from the file name and the header line."""
    transaction_category: Words = ()
    """LiveRamp only: the declared transaction categories. Without them, any is accepted."""
    files_a_day: Annotated[int, whole(1)] = FILES_A_DAY
    """LiveRamp only: how many files you may send in a day."""

    @property
    def delimiters(self) -> tuple[str, ...]:
        """The names of the delimiters that a file of this format may have."""
        return CONVERSION_DELIMITERS if self.is_conversions else tuple(DELIMITERS)

    @property
    def is_conversions(self) -> bool:
        """True if the file has to keep the rules of LiveRamp's program."""
        return self.name == NAME

    @property
    def is_table(self) -> bool:
        """True if the file is the folder of a table."""
        return self.name in TABLES

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse settings that only LiveRamp's program has, and a delimiter that it does not accept."""
        if values.get("name") in TABLES and values.get("delimiter") is not None:
            yield "delimiter", "is for text only, and the format is that of a table"
        if values.get("name") == NAME and values.get("delimiter") == "semicolon":
            yield "delimiter", "must be comma, tab or pipe: LiveRamp's program takes no other"
        for key in _CONVERSION_KEYS:
            if values.get(key) is not None and values.get("name") != NAME:
                yield key, f"goes with the format {NAME} only"


@accepts(lambda mapping: {"anyOf": [{"enum": [_PLAIN, NAME, *TABLES]}, mapping]})
def format_mapping(value: object) -> object:
    """Accept the name of a format alone."""
    return {"name": value} if isinstance(value, str) else value


Format = Annotated[FileFormat | None, BeforeValidator(format_mapping)]
