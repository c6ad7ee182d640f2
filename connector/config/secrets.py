"""Settings for secrets that are kept in files, or that a command prints."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from connector.config.fields import TEXT_SCHEMA, JsonSchema, Text, accepts, mapping, number, text
from connector.config.settings import Settings


def _command_schema() -> JsonSchema:
    words = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {"type": "object", "additionalProperties": words}


@accepts(lambda _: _command_schema())
def commands_by_name(value: object) -> Any:
    """Validate a mapping of names to commands, each a list of its words."""
    commands = mapping(value)
    for words in commands.values():
        if not isinstance(words, list | tuple) or not words or not all(isinstance(word, str) for word in words):
            raise ValueError("must have lists of words, which no shell reads, as {token: [vault, kv, get, ads]}")
    return {name: tuple(text(word) for word in words) for name, words in commands.items()}


@accepts(lambda _: {"type": "object", "additionalProperties": TEXT_SCHEMA})
def paths_by_name(value: object) -> Any:
    """Validate a mapping of names to paths."""
    return {name: text(path) for name, path in mapping(value).items()}


class Secrets(Settings):
    """The places of secrets besides the environment."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    folder: Text = "/run/secrets"
    """The folder of `{{ file.NAME }}`, in which containers mount secrets."""
    files: Annotated[dict[str, str], BeforeValidator(paths_by_name)] = Field(default_factory=dict)
    """Paths of single files, by the name in `{{ file.NAME }}`."""
    commands: Annotated[dict[str, tuple[str, ...]], BeforeValidator(commands_by_name)] = Field(default_factory=dict)
    """Commands that print a secret, by the name in `{{ secret.NAME }}`: lists of words, which no shell reads."""
    timeout: Annotated[float, number(0.1, 600)] = 30
    """Seconds that a command may take."""
