"""Base class of the models of settings."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Violation = tuple[str, str]
"""A key (empty: the whole entry), and the sentence that says what is wrong with it."""


class Settings(BaseModel):
    """Settings of an entry: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names that a key may be written with."""
    internal_fields: ClassVar[frozenset[str]] = frozenset({"name"})
    """Fields that are not keys of the file."""
    from_environment: ClassVar[frozenset[str]] = frozenset()
    """Keys that are no secrets but usually come from the environment as well."""
    references: ClassVar[Mapping[str, str]] = {}
    """Keys that name an entry of a section: key -> section."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys that the file may have."""
        return [name for name in cls.model_fields if name not in cls.internal_fields]

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:  # noqa: ARG003 - for those that have rules
        """Yield violations of rules between keys; `values` are those of the file, None if blank or absent."""
        yield from ()
