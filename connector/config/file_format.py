"""How a delimited file is written, and whose rules it keeps."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from connector.catalogue.conversions import FILES_A_DAY, NAME
from connector.config.fields import Words, one_of, whole
from connector.config.settings import Settings, Violation

DELIMITERS = {"comma": ",", "tab": "\t", "pipe": "|", "semicolon": ";"}
OF_CONVERSIONS = ("comma", "tab", "pipe")
"""The delimiters that LiveRamp's program takes."""
_PLAIN = "delimited"
_OF_THE_PROGRAM = ("transaction_category", "files_a_day")


class FileFormat(Settings):
    """`delimiter` goes before what the name and the header line say. The last two are the program's.

    `transaction_category` are the declared values, all being allowed without them; `files_a_day` is how many files may
    be sent within a day.
    """

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    name: Annotated[Literal["delimited", "liveramp_conversions"], one_of(_PLAIN, NAME)] = "delimited"
    """The format: any delimited file, or a conversions file of LiveRamp's program."""
    delimiter: Annotated[Literal["comma", "tab", "pipe", "semicolon"], one_of(*DELIMITERS)] | None = None
    """The character between values. Default: detected from the file name and the header line."""
    transaction_category: Words = ()
    """LiveRamp only: the declared transaction categories. Without them, any is accepted."""
    files_a_day: Annotated[int, whole(1)] = FILES_A_DAY
    """LiveRamp only: how many files you may send in a day."""

    @property
    def delimiters(self) -> tuple[str, ...]:
        """The names of the delimiters that a file of this format may have."""
        return OF_CONVERSIONS if self.is_conversions else tuple(DELIMITERS)

    @property
    def is_conversions(self) -> bool:
        """Whether the file has to keep the rules of LiveRamp's program."""
        return self.name == NAME

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse what only the program's files have, and what they may not have."""
        if values.get("name") == NAME and values.get("delimiter") == "semicolon":
            yield "delimiter", "must be comma, tab or pipe: LiveRamp's program takes no other"
        for key in _OF_THE_PROGRAM:
            if values.get(key) is not None and values.get("name") != NAME:
                yield key, f"goes with the format {NAME} only"


def format_mapping(value: object) -> object:
    """Take the name of a format alone."""
    return {"name": value} if isinstance(value, str) else value


Format = Annotated[FileFormat | None, BeforeValidator(format_mapping)]
