"""Divide the work of a run among the cores of a cluster."""

from math import ceil

from connector.config.destination import DestinationSettings
from connector.config.engine import EngineSettings

_SPLITS_A_CORE = 4
"""Enough that the last splits keep all cores busy."""
_LEASES_A_SENDER = 8
"""Enough that the last leases keep all senders busy."""
_SMALLEST_LEASE, _LARGEST_LEASE = 20, 1_000
"""Batches. At the end of a lease, a sender waits for the answers of its last requests."""


def wanted_splits(engine: EngineSettings | None, cores: int) -> int:
    """Return into how many splits to divide a result, if it can be divided."""
    return (engine.splits if engine else None) or _SPLITS_A_CORE * cores


def sender_count(engine: EngineSettings | None, cores: int, settings: DestinationSettings, requests: int) -> int:
    """Return the number of senders: one for each core, with at least one request under way and one lease each."""
    most = min((engine.senders if engine else None) or cores, settings.max_in_flight)
    return max(1, min(most, ceil(requests / _SMALLEST_LEASE)))


def lease_size(batches: int, senders: int) -> int:
    """Return the number of batches of a lease."""
    return min(max(ceil(batches / (_LEASES_A_SENDER * senders)), _SMALLEST_LEASE), _LARGEST_LEASE)
