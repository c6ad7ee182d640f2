"""A Dagster asset for each orchestration: its counts are the asset's metadata, and a schedule that runs them."""

import json
import os
import subprocess
from typing import Any

from dagster import AssetsDefinition, Definitions, Failure, MaterializeResult, RetryPolicy, ScheduleDefinition, asset

PROJECT = os.environ.get("CONNECTOR_PROJECT", ".")
TARGET = os.environ.get("CONNECTOR_TARGET", "local")
CANNOT_BE_TRIED_AGAIN = {2, 3}
"""The files cannot be right; more rejected rows than are allowed."""


def orchestration(name: str, upstream: list[str] | None = None) -> AssetsDefinition:
    """Give the asset that `connector run NAME` makes, after those that it is made from."""

    @asset(name=name, deps=upstream or [], group_name="tiktok", retry_policy=RetryPolicy(max_retries=2, delay=60))
    def run() -> MaterializeResult[Any]:
        command = ["connector", "run", name, "--project", PROJECT, "--target", TARGET, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        record = json.loads(done.stdout)
        if done.returncode:
            raise Failure(record["error"], allow_retries=done.returncode not in CANNOT_BE_TRIED_AGAIN)
        return MaterializeResult(metadata={"run": record["run_id"], "status": record["status"], **record["rows"]})

    return run


stores = orchestration("store_purchases")
web = orchestration("web_purchases", upstream=["store_purchases"])
daily = ScheduleDefinition(
    name="to_tiktok", cron_schedule="15 6 * * *", execution_timezone="America/New_York", target=[stores, web]
)
defs = Definitions(assets=[stores, web], schedules=[daily])
