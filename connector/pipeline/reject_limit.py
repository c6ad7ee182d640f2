"""A run of which more rows are rejected than its orchestration allows sends nothing."""

from typing import TYPE_CHECKING

from connector.errors import TooManyRejects
from connector.pipeline.prepare import Job
from connector.pipeline.staging import Staged

if TYPE_CHECKING:
    from connector.pipeline.audience_job import AudienceJob
    from connector.pipeline.audience_staging import StagedMembers


def refuse_too_many_rejects(job: "Job | AudienceJob", staged: "Staged | StagedMembers") -> None:
    """Raises TooManyRejects where the orchestration allows fewer rejected rows than were staged."""
    limit = job.orchestration.max_reject_percent
    if limit is None or not staged.read:
        return
    percent = 100 * staged.rejected / staged.read
    if percent > limit:
        raise TooManyRejects(
            f"{staged.rejected:,} of {staged.read:,} rows ({percent:.1f} %) were rejected, more than "
            f"max_reject_percent allows ({limit:g} %): nothing was sent."
        )
