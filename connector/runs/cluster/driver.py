"""Drive a run that several machines share: read in splits, stage what they give, and send by leases."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from shutil import rmtree
from typing import TYPE_CHECKING

from connector.config.engine import EngineSettings
from connector.core.disk import make_private_folder
from connector.destinations.context import RunContext
from connector.ledger.batch_records import OpenBatch
from connector.ledger.excluded_rows import EXCLUDED_FOLDER
from connector.ledger.run_records import RunRecord
from connector.runs.cluster.ray_cluster import connect
from connector.runs.cluster.reading import READ, read_splits
from connector.runs.cluster.sending import send_spread
from connector.runs.cluster.worker import job_of_run
from connector.runs.deliver import Delivery
from connector.runs.extract import Run, read_and_stage
from connector.staging.shared_stage import mark_stage, refuse_unmarked, shared_stage
from connector.staging.storage.shared_folder import link

if TYPE_CHECKING:
    from connector.runs.engine import Engine


def execute_spread(engine: "Engine", run: Run, settings: EngineSettings) -> None:
    """Read, stage and send a run on the machines of an engine. Raises as `Engine.execute` does."""
    context = engine.context
    record = context.ledger.runs.get(run.run_id)
    shared = shared_stage(record)
    if run.job.fingerprint != record.fingerprint:
        # Nothing is staged: splits of what the orchestration was before do not count.
        context.ledger.splits.remove(run.run_id)
        context.ledger.runs.changed(run.run_id, run.job.fingerprint)
        record = context.ledger.runs.get(run.run_id)
    if any(split.attempt for split in context.ledger.splits.all(run.run_id, READ)):
        refuse_unmarked(shared)
    mark_stage(shared)
    run = replace(run, job=job_of_run(context.project, record, context.ledger))
    with connect(settings, context.observer.note) as cluster:
        staged = read_and_stage(
            context,
            run,
            engine.targets,
            context.stop,
            approve=partial(engine.approve, run),
            read=partial(read_splits, context, cluster, run, shared),
        )
        open_batches = [OpenBatch(batch) for batch in staged.batches]
        delivery = engine.delivery(run.run_id, run.test_event_code)
        send_spread(context, cluster, delivery, open_batches, resend_unknown=run.resend_unknown)


def attach_stage(context: RunContext, record: RunRecord) -> None:
    """Make the stage of a run that several machines share readable in its folder on this one."""
    directory, shared = context.directory(record.run_id), shared_stage(record)
    if context.ledger.batches.open(record.run_id):
        refuse_unmarked(shared)
    # What an earlier driver has left here may be older than what is shared.
    rmtree(directory, ignore_errors=True)
    make_private_folder(directory)
    link(directory, shared)
    for name in shared.names():
        if name.startswith(f"{EXCLUDED_FOLDER}/"):
            shared.fetch(name, directory / name)


def resume_spread(
    context: RunContext,
    settings: EngineSettings,
    delivery: Delivery,
    open_batches: Sequence[OpenBatch],
    *,
    resend_unknown: bool,
) -> None:
    """Send what is left of a staged run from all machines. Raises as `send` does."""
    with connect(settings, context.observer.note) as cluster:
        send_spread(context, cluster, delivery, open_batches, resend_unknown=resend_unknown)
