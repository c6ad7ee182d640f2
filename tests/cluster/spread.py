"""A project whose orchestration runs in one process or on the nodes of a cluster, and what tells the two apart."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, checked, connector, inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import Received, TikTok
from tests.cluster.lowered import MERGED, lower
from tests.cluster.nodes import Nodes

CLUSTER = "cluster"
"""The name of the engine."""
OWN_TO_A_RUN = ("run_id", "engine", "started_at", "finished_at", "seconds", "query_id", "trend", "requests", "resumed")
"""Keys of a record that need not be equal. The last request of each split is not full: there are a few more."""


@dataclass(frozen=True)
class Spread:
    """A project folder with an engine; one database after the other is its ledger."""

    shop: Shop
    tiktok: TikTok
    stage: Path
    is_inline: bool = False
    """True: commands run in this process, whose engines are `Inline`."""

    @property
    def directory(self) -> Path:
        """The project folder."""
        return self.shop.directory

    def change(self, **settings: Any) -> None:
        """Replace top-level settings of the project."""
        found = yaml.safe_load(self.shop.settings.read_text())
        self.shop.settings.write_text(yaml.safe_dump({**found, **settings}))

    def change_orchestration(self, **settings: Any) -> None:
        """Replace settings of the orchestration; None takes one out."""
        entries = yaml.safe_load(self.shop.settings.read_text())["orchestrations"]
        merged = {**entries[NAME], **settings}
        entries[NAME] = {key: value for key, value in merged.items() if value is not None}
        self.change(orchestrations=entries)

    def change_engine(self, **settings: Any) -> None:
        """Replace settings of the engine."""
        engines = yaml.safe_load(self.shop.settings.read_text())["engines"]
        self.change(engines={CLUSTER: {**engines[CLUSTER], **settings}})

    def forget(self, ledger: str) -> None:
        """Begin again with an empty ledger, an empty stage and no requests."""
        self.change(ledger=ledger)
        self.tiktok.requests.clear()
        for folder in (self.shop.state, self.stage):
            shutil.rmtree(folder, ignore_errors=True)
        self.stage.mkdir()

    def run(self, engine: str = CLUSTER, *options: str, merge_in_tasks: bool = False) -> Outcome:
        """Run the orchestration, in a process of its own; few rows that lie apart are merged in tasks if wanted."""
        words = ("run", NAME, "--engine", engine, "--json", *options)
        program = "tests.cluster.lowered" if merge_in_tasks else "connector"
        if self.is_inline:
            with pytest.MonkeyPatch.context() as patch:
                if merge_in_tasks:
                    lower(patch)
                return inside(*words, project=self.directory)
        return connector(*words, project=self.directory, program=program, timeout=_PATIENCE)

    def result(self, engine: str = CLUSTER, *options: str, merge_in_tasks: bool = False) -> "Result":
        """Run the orchestration to its end, and tell what came of it."""
        outcome = self.run(engine, *options, merge_in_tasks=merge_in_tasks)
        assert outcome.stdout, outcome.stderr
        assert (MERGED in outcome.stderr) == merge_in_tasks
        record = checked(outcome.json)
        assert record["status"].startswith("completed"), outcome.stderr
        assert (record["engine"] or "none") == engine
        return Result(outcome.code, comparable(record), events_of(self.tiktok.accepted), self.excluded(record))

    def excluded(self, record: Mapping[str, Any]) -> list[str]:
        """Return the excluded rows of a run, each as JSON, in order."""
        written = inside("rejects", record["run_id"], "--format", "json", project=self.directory)
        assert written.code == 0, written.stderr
        return sorted(json.dumps(row, sort_keys=True) for row in json.loads(written.stdout))


@dataclass(frozen=True)
class Result:
    """The facts that are the same in one process and on many machines."""

    code: int
    """The exit code."""
    record: Mapping[str, Any]
    """The JSON of the run, without OWN_TO_A_RUN."""
    events: Counter[bytes]
    """The bytes of each event with those of its envelope."""
    excluded: list[str]
    """The excluded rows, with their numbers."""


def comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is the same in the record of every run of the same rows."""
    return {key: value for key, value in record.items() if key not in OWN_TO_A_RUN}


_PATIENCE = 900
"""Seconds until the largest run has ended."""
_BETWEEN = b',{"event":'
"""Begins every event but the first of a request, and stands nowhere within one: quotes in texts are escaped."""


def events_of(requests: Iterable[Received]) -> Counter[bytes]:
    """Return the bytes of each event with those of its envelope, and how often they were sent."""
    found: Counter[bytes] = Counter()
    for request in requests:
        envelope, data, rest = request.raw.partition(b'"data":[{"event":')
        events = rest.removesuffix(b"]}").split(_BETWEEN)
        assert len(events) == len(request.events)
        found.update(envelope + data + event for event in events)
    return found


def spread(
    folder: Path,
    nodes: Nodes,
    ledger: str,
    tiktok: TikTok,
    query: str,
    *,
    tables: Mapping[str, str] | None = None,
    destination: Mapping[str, Any] | None = None,
    engine: Mapping[str, Any] | None = None,
    is_inline: bool = False,
    **orchestration: Any,
) -> Spread:
    """Write a project with the engine CLUSTER; `tables` are made in its warehouse, a DuckDB file, by their SQL."""
    made = shop(folder / "shop", tiktok.url, query, tables=tables, destination=destination, **orchestration)
    stage = folder / "stage"
    stage.mkdir()
    cluster = {"type": "ray", "address": nodes.address, "stage": str(stage), "lease_seconds": 5, **(engine or {})}
    result = Spread(made, tiktok, stage, is_inline)
    result.change(ledger=ledger, engines={CLUSTER: cluster})
    return result


def assert_equal(one: Result, several: Result) -> None:
    """Hold what came of a run on a cluster to what came of one in a process."""
    assert several.record == one.record
    assert several.code == one.code
    assert several.excluded == one.excluded
    missing, further = one.events - several.events, several.events - one.events
    assert (sorted(missing)[:3], sorted(further)[:3]) == ([], [])
