"""Every secret of a scenario, made up where it is written down."""

from collections.abc import Iterator
from secrets import token_hex

from connector.config.settings import Settings
from connector.config.validate_entry import is_secret


class Secrets:
    """Gives secrets for settings, and knows each that it gave."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def new(self, setting: str, *, of: str = "") -> str:
        """A value that stands nowhere else, for a setting; `of` tells two of one kind apart."""
        self.made[f"{setting} {of}".strip()] = value = f"{setting.replace('_', '-')}-{token_hex(8)}"
        return value

    @property
    def settings(self) -> set[str]:
        """The settings that got one."""
        return {name.partition(" ")[0] for name in self.made}

    def found_in(self, *texts: str | bytes) -> list[str]:
        """The names of those that stand in a text."""
        whole = b"\n".join(text.encode() if isinstance(text, str) else text for text in texts)
        return [name for name, value in self.made.items() if value.encode() in whole]


def secret_settings() -> set[str]:
    """The keys of `orchestrations.yaml` whose values may be shown to nobody, as the code declares them."""
    return {name for model in _models(Settings) for name in model.known_keys() if _declared(model, name)}


def _declared(model: type[Settings], name: str) -> bool:
    return name in model.model_fields and is_secret(model, name)


def _models(model: type[Settings]) -> Iterator[type[Settings]]:
    for one in model.__subclasses__():
        yield one
        yield from _models(one)
