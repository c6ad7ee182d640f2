"""Plan the changes that make an offline event set match the settings of a destination."""

from dataclasses import dataclass, replace

from connector.destinations.tiktok.event_sources import EventSet, EventSources
from connector.destinations.tiktok.redact import redact
from connector.errors import AccountRefused, ConfigurationError


@dataclass(frozen=True, slots=True)
class EventSetSpec:
    """The event set in the project file: an id or a name, or both."""

    event_set_id: str | None
    name: str | None
    auto_tracking: bool | None
    """None: leave it as it is."""


@dataclass(frozen=True, slots=True)
class EventSetPlan:
    """The event set at TikTok, and the changes that make it match the settings."""

    spec: EventSetSpec
    found: EventSet | None
    """None: it has to be created."""
    switches: bool
    """True if its auto_tracking has to change."""

    @property
    def changes(self) -> list[str]:
        """A sentence for each change, to be shown before it is made."""
        on = "on" if self.spec.auto_tracking else "off"
        if self.found is None:
            return [f'A run creates the offline event set "{self.spec.name}", with auto_tracking {on}.']
        return [f"A run switches auto_tracking of the offline event set {self.found} {on}."] if self.switches else []

    def apply(self, sources: EventSources) -> EventSet:
        """Make the changes, and return the event set. Raises as `AccountClient` does."""
        tracks = bool(self.spec.auto_tracking)
        if self.found is None:
            return sources.create(self.spec.name or "", auto_tracking=tracks)
        if not self.switches:
            return self.found
        sources.switch(self.found.event_set_id, auto_tracking=tracks)
        return replace(self.found, auto_tracking=tracks)


def plan_event_set(sources: EventSources, spec: EventSetSpec) -> EventSetPlan:
    """Find the event set and plan its changes; change nothing.

    Raises ConfigurationError if the id has another name, or several event sets have the name; AccountRefused if the
    account has no event set with the id.
    """
    found = _by_id(sources, spec.event_set_id, spec.name) if spec.event_set_id else _by_name(sources, spec.name)
    differs = found is not None and spec.auto_tracking not in {None, found.auto_tracking}
    return EventSetPlan(spec, found, differs)


def _by_id(sources: EventSources, event_set_id: str, name: str | None) -> EventSet:
    matches = sources.event_sets(event_set_id=event_set_id)
    if not matches:
        raise AccountRefused(f"The ad account has no offline event set {event_set_id}. Check `event_source_id`.")
    if name in {None, matches[0].name}:
        return matches[0]
    others = [one.event_set_id for one in sources.event_sets(name=name)]
    meant = f'"{name}" is {" and ".join(others)}' if others else f'there is none that is called "{name}"'
    raise ConfigurationError(
        f'The offline event set {event_set_id} is called "{redact(matches[0].name)}", and {meant}. Make '
        "`event_source_id` and `event_set_name` fit, or leave one of them out."
    )


def _by_name(sources: EventSources, name: str | None) -> EventSet | None:
    matches = sources.event_sets(name=name)
    if len(matches) > 1:
        raise ConfigurationError(
            f'The ad account has {len(matches)} offline event sets that are called "{name}": '
            f"{', '.join(one.event_set_id for one in matches)}. Write the id of yours as `event_source_id`."
        )
    return matches[0] if matches else None
