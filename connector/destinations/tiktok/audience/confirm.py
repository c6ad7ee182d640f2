"""Require confirmation of large changes of an audience, and of emptying it."""

from connector.destinations.confirmation import Confirmation
from connector.destinations.tiktok.audience.stage import StagedMembers
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import UsageError


def refuse_unconfirmed(
    settings: AudienceSettings,
    staged: StagedMembers,
    limit: int | None,
    confirmation: Confirmation,
    *,
    allow_empty: bool,
) -> None:
    """Raise UsageError if the staged change has to be confirmed and is not."""
    if is_emptied(settings, staged, limit) and not allow_empty:
        raise UsageError(
            "The result is empty and would empty the audience. Nothing was sent. Pass `--allow-empty` to confirm."
        )
    if too_much := large_change(settings, staged):
        confirmation.require([too_much])


def is_emptied(settings: AudienceSettings, staged: StagedMembers, limit: int | None) -> bool:
    """Return whether the result is empty and the audience mirrors it."""
    return settings.mode == "mirror" and limit is None and not staged.people and bool(staged.removed)


def large_change(settings: AudienceSettings, staged: StagedMembers) -> str | None:
    """Return a sentence on a change of more members than `max_change_percent`; None for a smaller one.

    Filling an audience or a copy for the first time does not count, nor do members sent again for an ad account.
    """
    members = sum(counts.members for counts in staged.filled)
    added = sum(counts.added for counts in staged.filled)
    removed = sum(counts.removed for counts in staged.filled)
    percent = 100 * max(added, removed) / members if members else 0
    if percent <= settings.max_change_percent:
        return None
    return (
        f"{added:,} identifiers are added and {removed:,} removed, of {members:,} known "
        f"({percent:.0f} %, more than max_change_percent: {settings.max_change_percent:g}): an audience that "
        "changes much goes through TikTok's learning phase again."
    )
