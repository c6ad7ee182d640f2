"""Check an audience's ad accounts before anything is sent to them."""

from connector.config.project import Project
from connector.destinations.checks import CheckedDestination, Outcome
from connector.destinations.policy import brief_policy
from connector.destinations.tiktok.checks import check_advertiser, check_audiences, check_token
from connector.destinations.tiktok.service import open_account
from connector.destinations.tiktok.settings import AudienceSettings


def check_audience(project: Project, settings: AudienceSettings) -> CheckedDestination:
    """Ask TikTok about the token, and about each ad account's audiences."""
    policy = brief_policy(settings, attempts=4, seconds=30)
    with open_account(settings, project.state_directory, policy=policy) as account:
        token = check_token(account)
        if token.outcome is Outcome.FAILED:
            return CheckedDestination([token])
        asked = [(one, check_audiences(account, one)) for ids in settings.advertiser_ids for one in ids]
        return CheckedDestination([token, *(check_advertiser(account, settings, one, check) for one, check in asked)])
