"""Whether whoever is to be told can be reached, as far as that can be known without sending."""

from collections.abc import Iterable

from connector.config.notification import Notification
from connector.config.project import Project
from connector.errors import ConfigurationError, Problem


def check_notifications(project: Project, orchestrations: Iterable[str]) -> None:
    """Checks those that orchestrations name. Raises ConfigurationError: a missing variable, an unknown service."""
    told = dict.fromkeys(name for one in orchestrations for name in project.orchestration(one).notify)
    problems: list[Problem] = []
    for name in told:
        try:
            if not _is_understood(project.notification(name)):
                message = f"notifications.{name} has an address that apprise does not understand."
                problems.append(Problem(message, *project.place("notifications", name)))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)


def _is_understood(notification: Notification) -> bool:
    if notification.webhook is not None:
        return True
    import apprise

    return all(apprise.Apprise.instantiate(url.get_secret_value()) for url in notification.url)
