"""The last build of dbt, by `run_results.json` and `sources.json` beside its manifest, and what holds a run back."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from connector.config.dbt import DbtSettings
from connector.config.project import Project
from connector.errors import ConfigurationError, ModelNotReady
from connector.queries.dbt_manifest import DbtNode, Manifest, load_manifest
from connector.runs.job import DBT_MANIFEST, Job

RESULTS, FRESHNESS = "run_results.json", "sources.json"
_BUILDING = frozenset({"build", "run", "seed", "snapshot", "retry", "clone"})
"""Commands of dbt whose results say that a model was built. Others write the file too, such as `docs generate`."""
_TESTING = _BUILDING | {"test"}
_GOOD = frozenset({"success", "pass", "warn", "no-op", "reused"})
_PATIENCE, _ATTEMPTS = 0.1, 20
"""dbt writes its files in place: one that is not whole yet is read again."""


class _Timing(msgspec.Struct, frozen=True):
    completed_at: str | None = None


class _Result(msgspec.Struct, frozen=True):
    unique_id: str
    status: str
    timing: list[_Timing | None] | None = None
    max_loaded_at: str | None = None
    """The newest row of a source."""

    @property
    def ends(self) -> list[str]:
        """The times at which its parts ended."""
        return [timing.completed_at for timing in self.timing or () if timing and timing.completed_at]

    @property
    def is_good(self) -> bool:
        """True if a model was built, or a test passed."""
        return self.status in _GOOD


class _Args(msgspec.Struct, frozen=True):
    which: str | None = None
    target: str | None = None
    invocation_command: str | None = None


class _Metadata(msgspec.Struct, frozen=True):
    generated_at: str


class _Results(msgspec.Struct, frozen=True):
    """A file of results. Parts may be absent or null: commands and versions of dbt differ in what they write."""

    metadata: _Metadata
    results: list[_Result] | None = None
    args: _Args | None = None

    @property
    def nodes(self) -> Sequence[_Result]:
        """The results of models, tests and sources."""
        return self.results or ()

    @property
    def which(self) -> str:
        """The command of dbt without its options."""
        return (self.args and self.args.which) or "build"

    @property
    def target(self) -> str | None:
        """The target of the command."""
        return self.args.target if self.args else None

    @property
    def finished_at(self) -> datetime:
        """The time at which dbt wrote the results."""
        return _moment(self.metadata.generated_at)

    @property
    def command(self) -> str:
        """The command of dbt, as it was typed."""
        return (self.args and self.args.invocation_command) or f"dbt {self.which}"


@dataclass(frozen=True)
class DbtBuilds:
    """The last results of dbt."""

    settings: DbtSettings
    manifest: Manifest
    results: _Results | None
    """None if dbt has built nothing there."""
    freshness: _Results | None
    """The results of `dbt source freshness`, if it was run."""

    @cached_property
    def _by_id(self) -> Mapping[str, _Result]:
        return {result.unique_id: result for result in self.results.nodes} if self.results else {}

    @cached_property
    def _tests(self) -> Mapping[str, Sequence[DbtNode]]:
        return self.manifest.tests()

    def hold(self, models: Sequence[DbtNode], now: datetime) -> str | None:
        """Return the sentence on what holds a run back that reads these models; None if nothing does."""
        if not models:
            return None
        reasons = [self._other_target(), *(self._fault(node, now) for node in models)]
        return next((reason for reason in reasons if reason), None)

    def is_of_target(self) -> bool:
        """Return whether the last command of dbt was for the target that counts."""
        return self._other_target() is None

    def built_at(self, models: Sequence[DbtNode]) -> datetime | None:
        """Return when the last command ended, if it built one of the models, or anything if there are none."""
        if self.results is None or self.results.which not in _BUILDING or not self.is_of_target():
            return None
        ids = {node.unique_id for node in models if node.resource_type != "source"}
        return self.results.finished_at if not ids or ids & self._by_id.keys() else None

    def first_failure(self) -> str | None:
        """Return the sentence on the first result that is not good; None if all are."""
        for result in self.results.nodes if self.results else ():
            node = self.manifest.nodes.get(result.unique_id)
            if not result.is_good and result.status != "skipped":
                return self._not_good(node.label if node else result.unique_id, result, "dbt build")
        return None

    def _other_target(self) -> str | None:
        wanted = self.settings.target
        if wanted is None or self.results is None or self.results.target == wanted:
            return None
        found = self.results.target
        was = f'was for the target "{found}"' if found else "names no target"
        return (
            f"The last command of dbt (`{self.results.command}`, {_text(self.results.finished_at)}) {was}, and "
            f'dbt.target is "{wanted}": nothing is sent. Run `dbt build --target {wanted}`.'
        )

    def _fault(self, node: DbtNode, now: datetime) -> str | None:
        """Return why a model, or the source itself, cannot be sent."""
        if node.resource_type == "source":
            return self._stale_source(node, node)
        return (
            self._not_built(node)
            or next(self._failed_tests(node), None)
            or self._too_old(node, now)
            or next(
                filter(None, (self._stale_source(one, node) for one in self.manifest.sources_above(node.unique_id))),
                None,
            )
        )

    def _not_built(self, node: DbtNode) -> str | None:
        result = self._by_id.get(node.unique_id)
        if result is None or result.is_good or not self.results or self.results.which not in _BUILDING:
            return None
        if result.status != "skipped":
            return self._not_good(f'The dbt {node.resource_type} "{node.label}"', result, self._build(node))
        cause = next((one for one in self._above(node) if not one.is_good and one.status != "skipped"), None)
        label = self._label(cause.unique_id) if cause else ""
        why = f', because "{label}" failed' if cause else ""
        build, what = self._build(node, ancestors=bool(cause)), f'"{label}"' if cause else "what dbt reports"
        return (
            f'The dbt {node.resource_type} "{node.label}" was skipped at {_text(self.results.finished_at)}{why}: '
            f"nothing is sent. Fix {what}, and run `{build}`."
        )

    def _above(self, node: DbtNode) -> Iterator[_Result]:
        """Yield the results of what a node is built from, and of its tests."""
        seen, waiting = {node.unique_id}, [node.unique_id]
        while waiting:
            one = self.manifest.nodes.get(waiting.pop(0))
            for above in one.depends_on.nodes if one else ():
                if above not in seen:
                    seen.add(above)
                    waiting.append(above)
                    ids = [above, *(test.unique_id for test in self._tests.get(above, ()))]
                    yield from (self._by_id[name] for name in ids if name in self._by_id)

    def _failed_tests(self, node: DbtNode) -> Iterator[str]:
        if self.results is None or self.results.which not in _TESTING:
            return
        for test in self._tests.get(node.unique_id, ()):
            result = self._by_id.get(test.unique_id)
            if result and not result.is_good and result.status != "skipped":
                subject = f'The test "{test.name}" of the dbt {node.resource_type} "{node.label}"'
                yield self._not_good(subject, result, self._build(node))

    def _not_good(self, subject: str, result: _Result, build: str) -> str:
        verb = "was built in part only" if result.status == "partial success" else "failed"
        return f"{subject} {verb} at {_text(self._end(result))}: nothing is sent. Fix it, and run `{build}`."

    def _too_old(self, node: DbtNode, now: datetime) -> str | None:
        if self.settings.max_age is None:
            return None
        name, build = f'The dbt {node.resource_type} "{node.label}"', self._build(node)
        result = self._by_id.get(node.unique_id)
        if self.results is None:
            return f"{name} has no build: there is no {RESULTS} beside the manifest: nothing is sent. Run `{build}`."
        if result is None or self.results.which not in _BUILDING:
            return (
                f"{name} was not built by the last command of dbt (`{self.results.command}`, "
                f"{_text(self.results.finished_at)}), so its age is not known, and dbt.max_age is "
                f"{self.settings.max_age}: nothing is sent. Run `{build}`."
            )
        if (end := self._end(result)) >= now - self.settings.longest_age:
            return None
        limit = f"dbt.max_age is {self.settings.max_age}"
        return f"{name} is stale: it was built at {_text(end)}, and {limit}: nothing is sent. Run `{build}`."

    def _stale_source(self, source: DbtNode, node: DbtNode) -> str | None:
        for result in self.freshness.nodes if self.freshness else ():
            if result.unique_id == source.unique_id and result.status == "error" and self.freshness:
                newest = (
                    f": its newest row is of {_text(_moment(result.max_loaded_at))}" if result.max_loaded_at else ""
                )
                of = f' of the dbt {node.resource_type} "{node.label}"' if node is not source else ""
                return (
                    f'The dbt source "{source.label}"{of} was stale at {_text(self.freshness.finished_at)}{newest}: '
                    "nothing is sent. Load it, and run `dbt source freshness`."
                )
        return None

    def _end(self, result: _Result) -> datetime:
        if result.ends:
            return _moment(result.ends[-1])
        return self.results.finished_at if self.results else datetime.now(UTC)

    def _build(self, node: DbtNode, *, ancestors: bool = False) -> str:
        target = f" --target {self.settings.target}" if self.settings.target else ""
        return f"dbt build{target} --select {'+' * ancestors}{node.label}"

    def _label(self, unique_id: str) -> str:
        node = self.manifest.nodes.get(unique_id)
        return node.label if node else unique_id


def load_builds(settings: DbtSettings, manifest: Manifest) -> DbtBuilds:
    """Read the results beside a manifest; those that are not there are None. Raises ModelNotReady for damaged ones."""
    folder = settings.manifest.parent
    return DbtBuilds(settings, manifest, _load(folder / RESULTS), _load(folder / FRESHNESS))


def _load(path: Path) -> _Results | None:
    for attempt in range(_ATTEMPTS):
        try:
            return _decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError):
            if attempt + 1 < _ATTEMPTS:
                time.sleep(_PATIENCE)
    raise ModelNotReady(f"dbt's {path} cannot be read, or is damaged: nothing is sent. Run `dbt build` again.")


def _decode(data: bytes) -> _Results:
    """Decode results. Raises msgspec.DecodeError, and ValueError for a time that is none."""
    results = msgspec.json.decode(data, type=_Results)
    texts = (text for result in results.nodes for text in (*result.ends, result.max_loaded_at))
    for text in (results.metadata.generated_at, *texts):
        if text is not None:
            _moment(text)
    return results


def hold_reason(project: Project, job: Job) -> str | None:
    """Return the sentence on what holds a run of this job back; None if nothing does."""
    settings = project.dbt if job.models else None
    if settings is None:
        return None
    try:
        builds = load_builds(settings, load_manifest(settings.manifest, project.location(*DBT_MANIFEST)))
    except (ModelNotReady, ConfigurationError) as error:
        return error.message
    return builds.hold(job.models, datetime.now(UTC))


def refuse_unbuilt(project: Project, job: Job) -> None:
    """Raise ModelNotReady if a model that the job reads has failed, was skipped or is stale."""
    if reason := hold_reason(project, job):
        raise ModelNotReady(reason)


def _moment(text: str) -> datetime:
    """Parse a time of dbt, which has no zone in some versions, and nanoseconds in others."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
