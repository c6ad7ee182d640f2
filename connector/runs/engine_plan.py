"""Count the tasks of a run on its engine, without starting one."""

import os
from dataclasses import dataclass
from pathlib import Path

from connector.config.engine import LOCAL, EngineSettings
from connector.core.split_plan import SplitPlan
from connector.errors import ConnectorError
from connector.runs.cluster import ray_cluster
from connector.runs.cluster.workload import sender_count, wanted_splits
from connector.runs.job import Job
from connector.runs.result import plan_splits_of


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """The tasks of a run on an engine."""

    engine: EngineSettings
    splits: int
    """Tasks that read the result."""
    split_note: str | None
    """Why it is one task; None if the result is divided."""
    senders: int
    """Tasks that send."""
    note: str | None = None
    """Why the cluster could not be asked for its cores; None if it was, or need not be."""

    def as_json(self) -> dict[str, object]:
        """Return the entry `engine` of the JSON of a plan."""
        counts = {"splits": self.splits, "split_note": self.split_note, "senders": self.senders}
        return {**self.engine.as_json(), **counts}

    def sentences(self) -> list[str]:
        """Return what people are told of it."""
        splits = "1 split" if self.splits == 1 else f"{self.splits:,} splits"
        senders = "1 process" if self.senders == 1 else f"{self.senders:,} processes"
        first = f"Engine {self.engine.name}: reads the result in {splits}, and sends it from {senders}."
        return [sentence for sentence in (first, self.split_note, self.note) if sentence]


def plan_engine(job: Job, engine: EngineSettings, directory: Path, requests: int) -> EnginePlan:
    """Count the tasks of a run that sends so many requests. Raises SourceError, ConfigurationError."""
    cores, note = _cores(engine)
    plan: SplitPlan = plan_splits_of(job, directory, wanted_splits(engine, cores))
    senders = sender_count(engine, cores, job.settings, requests)
    return EnginePlan(engine, len(plan.places), plan.note, senders, note)


def _cores(engine: EngineSettings) -> tuple[int, str | None]:
    """Return the cores of the cluster; those of this machine, and why, if it cannot be asked."""
    own = os.cpu_count() or 1
    if engine.address == LOCAL or (engine.splits and engine.senders):
        return own, None
    try:
        with ray_cluster.connect(engine) as cluster:
            return cluster.cores, None
    except ConnectorError as error:
        return own, f"{error} The numbers are those for the {own} cores of this machine."
