"""Read a result in splits: a task stages each, and the ledger says which attempt counts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from time import perf_counter
from typing import Any

from connector.core.disk import make_private_folder
from connector.core.split_plan import SplitPlace
from connector.destinations.base import StageContext
from connector.destinations.context import RunContext
from connector.files.split_summary import summarize
from connector.ledger.ledger import Ledger
from connector.queries.cursor import CursorRange, HighestOf, cursor_field
from connector.runs.cluster.ray_cluster import Cluster
from connector.runs.cluster.worker import RunName, Worker, node_named, open_worker, task
from connector.runs.cluster.workload import wanted_splits
from connector.runs.extract import Run, files_sent_before
from connector.runs.result import DividedResult, OpenResult, open_divided, open_result
from connector.staging.merge import SCATTER, merge, scatter
from connector.staging.skip_suppressed import suppression_filter
from connector.staging.splits import StagedSplit, StagedSplits
from connector.staging.storage.open_files import POINTER
from connector.staging.storage.shared_folder import SharedFolder, link

READ = "read"


@task
def read_split(name: RunName, number: int, place: SplitPlace, plan: str) -> int:
    """Stage a split of the result of a run, record it, and return its rows. A task."""
    with open_worker(name) as worker, node_named(), _committed(worker, READ, number, plan) as (folder, summary):
        job, project = worker.job, worker.project
        with open_result(
            job,
            project.directory,
            run_id=name.run_id,
            stop=worker.stop,
            threads=1,
            place=place,
            cache=worker.transforms,
        ) as result:
            with worker.opted_out() as opted_out:
                context = StageContext(worker.ledger, folder, result.compiler, name.run_id, opted_out=opted_out)
                summary.update(job.destination.stage_split(result.rows, context))
            if result.highest is not None:
                summary["cursor"] = result.highest.as_json()
            if result.reading is not None:
                summary["reading"] = summarize(result.reading)
    return int(summary["read"])


@contextmanager
def _committed(worker: Worker, kind: str, number: int, plan: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield a folder to write in, and a summary to fill; what is written counts once the ledger has the summary."""
    began, attempt = perf_counter(), f"{kind}-{number:05}-{token_hex(4)}"
    summary: dict[str, Any] = {}
    with worker.shared.attempt(attempt) as folder:
        yield folder, summary
    worker.ledger.splits.commit(
        worker.record.run_id,
        kind,
        number,
        plan=plan,
        attempt=attempt,
        host=worker.host,
        rows=summary["read"],
        seconds=perf_counter() - began,
        summary=summary,
    )


@contextmanager
def read_splits(
    context: RunContext, cluster: Cluster, run: Run, shared: SharedFolder, opted_out: Path | None
) -> Iterator[OpenResult]:
    """Read the result of a run on all machines, and yield what is staged of it; what the block adds is shared as well.

    Splits that an earlier driver has read are kept if the source can still read the others as it did then. Raises as
    `open_result` does.
    """
    directory, job, engine = context.directory(run.run_id), run.job, run.engine
    make_private_folder(directory)
    link(directory, shared)
    if opted_out is not None:
        shared.publish(opted_out.parent, [opted_out.name])
    wanted = wanted_splits(engine, cluster.cores)
    known, sent_before = _places(context.ledger, run.run_id), files_sent_before(context, run)
    with open_divided(job, context.project.directory, wanted, run.run_id, sent_before, known=known) as divided:
        plan = divided.plan
        context.ledger.runs.asked(run.run_id, plan.query_id)
        plan_id = _planned(context, run.run_id, plan.places, is_lasting=plan.is_lasting)
        are_current = _read_open(context, cluster, run, plan_id)
        splits = _splits_of(context, run.run_id, READ)
        divided.merge([split.summary for split in splits])
    whole = StagedSplits(directory, shared, splits, _Tasks(context, cluster, run.run_id), are_current)
    highest = _highest(divided, job.cursor, splits)
    yield OpenResult(divided.compiler, iter(()), plan.query_id, divided.reading, divided.schema, whole, highest)
    # A process that was frozen until another one took the run over must not write over what that one has staged.
    context.ledger.runs.refuse_other(run.run_id, context.lock.holder)
    shared.publish(directory, stage_files(directory))


def _highest(divided: DividedResult, cursor: CursorRange | None, splits: Sequence[StagedSplit]) -> HighestOf | None:
    """Return the highest value of the cursor column in all splits, if the job reads incrementally."""
    if cursor is None:
        return None
    return HighestOf(cursor_field(divided.schema, cursor.column).name, [split.summary["cursor"] for split in splits])


def _planned(context: RunContext, run_id: str, places: Sequence[SplitPlace], *, is_lasting: bool) -> str:
    """Return the id of the plan of splits: that of an earlier driver if its splits can be kept, else a new one."""
    known = context.ledger.splits.all(run_id, READ)
    if known and is_lasting and [record.place for record in known] == [dict(place) for place in places]:
        return known[0].plan
    return context.ledger.splits.plan(run_id, READ, places, holder=context.lock.holder)


def _places(ledger: Ledger, run_id: str) -> list[SplitPlace]:
    """Return the places that an earlier driver planned."""
    return [record.place for record in ledger.splits.all(run_id, READ)]


def _read_open(context: RunContext, cluster: Cluster, run: Run, plan: str) -> bool:
    """Have all splits read that no attempt has read yet; return False if others were read for an earlier process."""
    records = context.ledger.splits.all(run.run_id, READ)
    rows = sum(record.rows or 0 for record in records)
    name = RunName.of(context, run.run_id)
    arguments = [(name, record.number, record.place, plan) for record in records if record.attempt is None]
    for more in cluster.run(read_split, arguments, context.stop, label=partial(_label, "split", len(records))):
        rows += more
        context.observer.read(rows)
    return len(arguments) == len(records)


def _label(kind: str, count: int, _: RunName, number: int, *__: object) -> str:
    return f"{kind} {number + 1} of {count}"


def _splits_of(context: RunContext, run_id: str, kind: str) -> list[StagedSplit]:
    """Return what the tasks have staged. Raises LockedError if another process has taken the run over."""
    context.ledger.runs.refuse_other(run_id, context.lock.holder)
    return staged_splits(context.ledger, run_id, kind)


def staged_splits(ledger: Ledger, run_id: str, kind: str) -> list[StagedSplit]:
    """Return what the tasks of a kind have staged for a run, in order."""
    return [StagedSplit(str(record.attempt), record.summary or {}) for record in ledger.splits.all(run_id, kind)]


@dataclass(frozen=True, slots=True)
class _Tasks:
    """Implements `RunTasks` with the machines of a cluster."""

    context: RunContext
    cluster: Cluster
    run_id: str

    def __call__(self, kind: str, places: Sequence[Mapping[str, Any]]) -> list[StagedSplit]:
        """See `RunTasks`. Tasks that an earlier driver has had done for other places do not count."""
        context, splits = self.context, self.context.ledger.splits
        plan = splits.plan(self.run_id, kind, places, holder=context.lock.holder)
        name = RunName.of(context, self.run_id)
        arguments = [(name, number, kind, place, plan) for number, place in enumerate(places)]
        for _ in self.cluster.run(merge_split, arguments, context.stop, label=partial(_label, kind, len(places))):
            pass
        return _splits_of(context, self.run_id, kind)


@task
def merge_split(name: RunName, number: int, kind: str, place: Mapping[str, Any], plan: str) -> None:
    """Share out or merge events of a run whose rows lie far apart, and record it. A task."""
    with open_worker(name) as worker, node_named(), _committed(worker, kind, number, plan) as (folder, summary):
        of_kind = READ if kind == SCATTER else SCATTER
        with worker.stage_folder() as directory:
            splits = StagedSplits(directory, worker.shared, staged_splits(worker.ledger, name.run_id, of_kind))
            if kind == SCATTER:
                summary.update(scatter(folder, splits, place))
            else:
                summary.update(_merged(worker, folder, splits, place))


def _merged(worker: Worker, folder: Path, splits: StagedSplits, place: Mapping[str, Any]) -> dict[str, Any]:
    limits = worker.job.destination.capabilities.batch_limits
    with worker.opted_out() as opted_out:
        suppressed = suppression_filter(worker.ledger, opted_out)
        return merge(folder, splits, place, rules=worker.job.rules, suppressed=suppressed, limits=limits)


def stage_files(directory: Path) -> list[str]:
    """Return the names of the files of a stage that other machines need, and of its excluded rows."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return [
        str(path.relative_to(directory)) for path in files if path.name != POINTER and not path.name.startswith(".")
    ]
