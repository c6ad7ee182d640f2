"""An Airflow operator that runs an orchestration, and is retried only if a later attempt can succeed."""

import threading
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from connector.api import Run, open_project
from connector.errors import ConnectorError
from connector.integrations import NOT_RETRYABLE


class ConnectorRunOperator(BaseOperator):
    """Runs an orchestration, and returns the object that `connector run --json` prints.

    An interrupted run is finished by the next attempt. Killing the task stops the run once the requests in flight are
    answered.
    """

    template_fields: Sequence[str] = ("orchestration", "project", "connector_target", "test_event_code", "plan")

    def __init__(
        self,
        *,
        orchestration: str,
        project: str = ".",
        connector_target: str | None = None,
        limit: int | None = None,
        test_event_code: str | None = None,
        plan: str | None = None,
        confirm: bool = False,
        **settings: Any,
    ) -> None:
        """`connector_target` is the project's target, `confirm` agrees to changes at the platform, as `--yes` does."""
        super().__init__(**settings)
        self.orchestration = orchestration
        self.project = project
        self.connector_target = connector_target
        self.limit = limit
        self.test_event_code = test_event_code
        self.plan = plan
        self.confirm = confirm

    def execute(self, context: Any) -> dict[str, object]:  # noqa: ARG002 - of the interface
        """Run the orchestration. Raises AirflowFailException if another attempt would fail too."""
        # Events cannot be copied, and operators are, so it is no attribute before the task runs.
        self._stop = threading.Event()
        try:
            return self._run().as_json()
        except ConnectorError as error:
            kind = AirflowFailException if error.exit_code in NOT_RETRYABLE else AirflowException
            raise kind(error.message) from error

    def on_kill(self) -> None:
        """Stop the run; what was staged is sent by the next one."""
        if stop := getattr(self, "_stop", None):
            stop.set()

    def _run(self) -> Run:
        return open_project(self.project, target=self.connector_target).run(
            self.orchestration,
            limit=self.limit,
            test_event_code=self.test_event_code,
            plan=self.plan,
            confirm=self.confirm,
            on_progress=lambda step: self.log.info("%s", step),
            stop=self._stop,
        )
