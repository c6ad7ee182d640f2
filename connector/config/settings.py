"""What every model of settings has in common."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Violation = tuple[str, str]
"""The key that is wrong (empty: the whole entry), and the sentence that says so."""


class Settings(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names that a key may be written with."""
    internal_fields: ClassVar[frozenset[str]] = frozenset({"name"})
    """Fields that are not keys of the file."""
    from_environment: ClassVar[frozenset[str]] = frozenset()
    """Keys that are no secrets, and commonly come from the environment as secrets do."""
    references: ClassVar[Mapping[str, str]] = {}
    """Keys that name an entry of a section: key -> section."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """Give the keys that may be written."""
        return [name for name in cls.model_fields if name not in cls.internal_fields]

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:  # noqa: ARG003 - for those that have rules
        """Say what is wrong between keys; `values` are the values as written, None where blank or absent."""
        yield from ()
