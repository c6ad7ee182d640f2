"""Run an orchestration as an Airflow task, and retry only what can succeed later."""

import json
import subprocess

import pendulum
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, task

PROJECT, TARGET = "/srv/shop", "production"


@dag(
    schedule="15 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    max_active_runs=1,
)
def conversions_to_tiktok() -> None:
    """Purchases at the till, once a day."""

    @task(retries=3, retry_delay=pendulum.duration(minutes=10))
    def store_purchases() -> dict[str, int]:
        """Return the row counts of the run."""
        command = ["connector", "run", "store_purchases", "--project", PROJECT, "--target", TARGET, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        record = json.loads(done.stdout)
        if done.returncode in {2, 3}:
            raise AirflowFailException(record["error"])
        if done.returncode:
            raise AirflowException(record["error"])
        return record["rows"]

    store_purchases()


conversions_to_tiktok()
