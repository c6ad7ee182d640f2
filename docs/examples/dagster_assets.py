"""Define a Dagster asset for each orchestration, with the row counts as metadata, and a schedule."""

import json
import os
import subprocess
from typing import Any

from dagster import AssetsDefinition, Definitions, Failure, MaterializeResult, RetryPolicy, ScheduleDefinition, asset

PROJECT = os.environ.get("CONNECTOR_PROJECT", ".")
TARGET = os.environ.get("CONNECTOR_TARGET", "local")
NOT_RETRYABLE = {2, 3}
"""The files are not valid, or nothing was sent because of the rows."""


def orchestration(name: str, upstream: list[str] | None = None) -> AssetsDefinition:
    """Return the asset that `connector run NAME` materializes."""

    @asset(name=name, deps=upstream or [], group_name="tiktok", retry_policy=RetryPolicy(max_retries=2, delay=60))
    def run() -> MaterializeResult[Any]:
        command = ["connector", "run", name, "--project", PROJECT, "--target", TARGET, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        record = json.loads(done.stdout)
        if done.returncode:
            raise Failure(record["error"], allow_retries=done.returncode not in NOT_RETRYABLE)
        return MaterializeResult(metadata={"run": record["run_id"], "status": record["status"], **record["rows"]})

    return run


stores = orchestration("store_purchases")
web = orchestration("web_purchases", upstream=["store_purchases"])
daily = ScheduleDefinition(
    name="to_tiktok", cron_schedule="15 6 * * *", execution_timezone="America/New_York", target=[stores, web]
)
defs = Definitions(assets=[stores, web], schedules=[daily])
