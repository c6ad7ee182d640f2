"""Delete suppressed people from the audiences at TikTok that have them."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from connector.config.project import Project
from connector.delivery.answer import Verdict
from connector.destinations import audience_suppression
from connector.destinations.audience_suppression import deletion
from connector.destinations.registry import keeper_of
from connector.destinations.tiktok.audience.copies import own_audiences
from connector.destinations.tiktok.batch_data import units
from connector.destinations.tiktok.service import open_audience_service
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.member_records import AudienceRecord
from connector.observer import Silent
from connector.staging.storage.digest_partitions import Digests


def remove_from_audiences(project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Delete a person from every audience at TikTok under the target that has one of the digests (64 hex digits)."""

    def delete_members(audience: AudienceRecord, id_type: str, some: Digests) -> None:
        _delete(project, audience, id_type, some)

    audiences = own_audiences(ledger, project.target)
    return audience_suppression.remove_from_audiences(project, ledger, audiences, digests, delete_members)


def _delete(project: Project, audience: AudienceRecord, id_type: str, digests: Digests) -> None:
    keeper = keeper_of(project, audience)
    destination = keeper[1] if keeper else None
    if not isinstance(destination, AudienceSettings):
        raise ConnectorError("No destination goes there any more, so TikTok could not be asked to delete it.")
    with open_audience_service(destination, project.state_directory, Silent(), threading.Event()) as service:
        batch = deletion(audience, id_type, digests, units)
        with service.mapping({audience.audience_id: audience.advertiser_ids}) as client:
            answer = service.repeat(lambda: client.attempt(batch))
    if answer.verdict is not Verdict.ACCEPTED:
        raise ConnectorError(f"TikTok did not delete it: {answer.message}")
