"""What has to change in an ad account so that a destination's offline event set is as it is written."""

from dataclasses import dataclass, replace

from connector.destinations.tiktok.event_sources import EventSet, EventSources
from connector.destinations.tiktok.redact import redact
from connector.errors import AccountRefused, ConfigurationError


@dataclass(frozen=True, slots=True)
class EventSetSpec:
    """The event set as the project file has it: an id or a name, or both; `auto_tracking` None: as it is."""

    event_set_id: str | None
    name: str | None
    auto_tracking: bool | None


@dataclass(frozen=True, slots=True)
class EventSetPlan:
    """What was found (None: nothing), and what would be changed: `creates` it, or `switches` its auto_tracking."""

    wanted: EventSetSpec
    found: EventSet | None
    switches: bool

    @property
    def changes(self) -> list[str]:
        """A sentence for each change, as it is shown before it is made."""
        on = "on" if self.wanted.auto_tracking else "off"
        if self.found is None:
            return [f'A run creates the offline event set "{self.wanted.name}", with auto_tracking {on}.']
        return [f"A run switches auto_tracking of the offline event set {self.found} {on}."] if self.switches else []

    def carry_out(self, sources: EventSources) -> EventSet:
        """Makes the changes, and gives the event set. Raises what `AccountClient` raises."""
        tracks = bool(self.wanted.auto_tracking)
        if self.found is None:
            return sources.create(self.wanted.name or "", auto_tracking=tracks)
        if not self.switches:
            return self.found
        sources.switch(self.found.event_set_id, auto_tracking=tracks)
        return replace(self.found, auto_tracking=tracks)


def intended(sources: EventSources, wanted: EventSetSpec) -> EventSetPlan:
    """Looks for the event set and changes nothing.

    Raises ConfigurationError where the id belongs to another name, or the name to several; AccountRefused where the id
    is none of the account's.
    """
    found = _by_id(sources, wanted.event_set_id, wanted.name) if wanted.event_set_id else _by_name(sources, wanted.name)
    differs = found is not None and wanted.auto_tracking not in {None, found.auto_tracking}
    return EventSetPlan(wanted, found, differs)


def _by_id(sources: EventSources, event_set_id: str, name: str | None) -> EventSet:
    there = sources.event_sets(event_set_id=event_set_id)
    if not there:
        raise AccountRefused(f"The ad account has no offline event set {event_set_id}. Check `event_source_id`.")
    if name in {None, there[0].name}:
        return there[0]
    others = [one.event_set_id for one in sources.event_sets(name=name)]
    meant = f'"{name}" is {" and ".join(others)}' if others else f'there is none that is called "{name}"'
    raise ConfigurationError(
        f'The offline event set {event_set_id} is called "{redact(there[0].name)}", and {meant}. Make '
        "`event_source_id` and `event_set_name` fit, or leave one of them out."
    )


def _by_name(sources: EventSources, name: str | None) -> EventSet | None:
    there = sources.event_sets(name=name)
    if len(there) > 1:
        raise ConfigurationError(
            f'The ad account has {len(there)} offline event sets that are called "{name}": '
            f"{', '.join(one.event_set_id for one in there)}. Write the id of yours as `event_source_id`."
        )
    return there[0] if there else None
