"""Details of ended runs, which do not change: the last ones stay in memory."""

from collections import OrderedDict
from threading import Lock

from connector.config.project import Project
from connector.ledger.ledger import Ledger
from connector.ledger.views.run_page import RunPage
from connector.reporting.run_details import RunDetails, details_of
from connector.reporting.stored_report import details_from_report

_MOST = 64


class RunCache:
    """The details of the runs that were shown last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._details: OrderedDict[tuple[str, str | None], RunDetails] = OrderedDict()

    def details(self, project: Project, ledger: Ledger, page: RunPage) -> RunDetails:
        """Return the details of a run; those of a run that has ended are read once."""
        run_id, finished_at = page.run.run_id, page.run.finished_at
        key = (run_id, finished_at)
        with self._lock:
            if details := self._details.get(key):
                self._details.move_to_end(key)
                return details
        if page.report is not None:
            details = details_from_report(project, ledger, page.run, page.report)
        else:
            details = details_of(project, ledger, ledger.runs.get(run_id))
        if finished_at is not None:
            with self._lock:
                self._details[key] = details
                while len(self._details) > _MOST:
                    self._details.popitem(last=False)
        return details
