"""Settings of a dbt project whose models are sent."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from connector.config.fields import Text, accepts, text
from connector.config.schedule import interval, interval_text
from connector.config.settings import Settings

DBT = "dbt"
"""The key of the settings, and the word for dbt in `schedule.after`."""


@accepts(lambda _: {"type": "string", "pattern": r"\.json\s*$"})
def manifest_path(value: object) -> Path:
    """Validate the path of a manifest.json on this machine."""
    path = text(value).strip()
    if "://" in path:
        raise ValueError("must be the path of a file on this machine: copy manifest.json and run_results.json to it")
    if not path.endswith(".json"):
        raise ValueError("must be the path of dbt's manifest.json, such as ../analytics/target/manifest.json")
    return Path(path)


class DbtSettings(Settings):
    """A dbt project: the files that it writes about its models and their last builds."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    manifest: Annotated[Path, BeforeValidator(manifest_path)]
    """The path of the `manifest.json` that dbt writes, relative to the project folder. `run_results.json` and
    `sources.json` are read beside it."""
    target: Text | None = None
    """The dbt target whose builds count. Runs are held back after a command of dbt for another target, or without
    `--target`."""
    max_age: Annotated[str, BeforeValidator(interval_text)] | None = None
    """The greatest age of a model, such as `26h`. Without it: any age."""

    @property
    def longest_age(self) -> timedelta:
        """The time of `max_age`."""
        return interval(self.max_age or "")
