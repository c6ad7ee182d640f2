"""Dagster assets that run orchestrations: a factory, and a component that makes one of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from connector.api import Run, open_project
from connector.errors import ConnectorError
from connector.integrations import NOT_RETRYABLE


def orchestration_asset(
    orchestration: str,
    *,
    project: str = ".",
    target: str | None = None,
    confirm: bool = False,
    deps: Iterable[Any] = (),
    retry_policy: dg.RetryPolicy | None = None,
    **settings: Any,
) -> dg.AssetsDefinition:
    """Return the asset that a run of an orchestration materializes, with the counts of its rows as metadata.

    `confirm` agrees to changes at the platform, as `--yes` does. `settings` are further arguments of `dagster.asset`,
    such as `key` or `group_name`. With a `retry_policy`, only what a later attempt can change is retried.
    """
    named = {"kinds": {"tiktok"}, **({} if "key" in settings else {"name": orchestration})}

    def run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            done = open_project(project, target=target).run(
                orchestration, confirm=confirm, on_progress=lambda step: context.log.info(str(step))
            )
        except ConnectorError as error:
            raise dg.Failure(error.message, allow_retries=error.exit_code not in NOT_RETRYABLE) from error
        return dg.MaterializeResult(metadata=_metadata(done))

    decorated: dg.AssetsDefinition = dg.asset(run, deps=list(deps), retry_policy=retry_policy, **{**named, **settings})
    return decorated


def _metadata(run: Run) -> dict[str, Any]:
    rows = run.record.rows
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "target": run.record.target,
        "dagster/row_count": rows.delivered,
        "rows": dg.MetadataValue.json(asdict(rows)),
        "rejects": dg.MetadataValue.json(dict(run.reasons)),
        "requests": run.record.requests_sent,
        "seconds": round(run.record.seconds, 1),
    }


class ConnectorComponent(dg.Component, dg.Model, dg.Resolvable):
    """Assets of the orchestrations of a project, for `defs.yaml`."""

    project: str
    """The project folder, relative to the process."""
    target: str | None = None
    """The target; without it, the file's `target`."""
    orchestrations: Sequence[str] | None = None
    """The orchestrations; without it, all of the project."""
    deps: Mapping[str, Sequence[str]] = {}
    """For each orchestration, the keys of assets that it depends on, such as the tables of its query."""
    group_name: str = "tiktok"
    """The group of the assets."""
    confirm: bool = False
    """Agrees to changes at the platform, as `--yes` does."""
    max_retries: int = 0
    """How often a run that a later attempt can finish is retried, after a minute."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - of the interface
        """Make an asset of each orchestration. Raises ConfigurationError for a project that is not valid."""
        names = self.orchestrations
        if names is None:
            names = open_project(self.project, target=self.target).orchestrations
        policy = dg.RetryPolicy(max_retries=self.max_retries, delay=60) if self.max_retries else None
        assets = [
            orchestration_asset(
                name,
                project=self.project,
                target=self.target,
                confirm=self.confirm,
                deps=[dg.AssetKey.from_user_string(key) for key in self.deps.get(name, ())],
                retry_policy=policy,
                group_name=self.group_name,
            )
            for name in names
        ]
        return dg.Definitions(assets=assets)
