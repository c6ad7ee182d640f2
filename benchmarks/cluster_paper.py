"""What many rows would take on more machines than there are here: arithmetic with what was measured."""

from dataclasses import dataclass

from benchmarks.cluster import SORTED, ClusterResult, ClusterRun, Pairs
from connector.config.destination import DestinationSettings
from connector.staging.storage.batcher import BATCH_EVENTS

ROWS, MACHINES, CORES = 500_000_000, 8, 2
REQUESTS_A_SECOND: int = DestinationSettings.model_fields["requests_per_second"].default
"""TikTok's limit."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """What a further million sorted rows takes, as the largest runs show, less what a run of few rows takes."""

    read: float
    """CPU seconds of the workers."""
    deduplicate: float
    """Seconds on the clock of the command's process, while the workers wait."""
    send: float
    """CPU seconds of the workers."""
    driver: float
    """CPU seconds of the command's process, in all phases."""
    cpu: float
    """CPU seconds of the command and its workers."""
    cpu_of_one: float
    """CPU seconds of one process."""
    one_process: float
    """Seconds on the clock of one process on two cores."""
    events: float
    requests: float
    transactions: float
    """Of the ledger, in a run of the workers."""
    transactions_of_one: float
    """Of the ledger, in a run of one process."""
    postgres: float
    """CPU seconds of the ledger's server."""

    @classmethod
    def of(cls, result: ClusterResult, shape: str = SORTED) -> "Costs":
        """The costs that the largest runs of a shape show."""
        one, many = largest(result, shape).middle
        few_alone, few = result.few.middle
        millions = (many.rows - few.rows) / _MILLION

        def further(name: str) -> float:
            return (many.phases[name].workers - few.phases[name].workers) / millions

        return cls(
            read=further("read"),
            deduplicate=(many.phases["deduplicate"].seconds - few.phases["deduplicate"].seconds) / millions,
            send=further("send"),
            driver=(many.driver_cpu - few.driver_cpu) / millions,
            cpu=(many.cpu - few.cpu) / millions,
            cpu_of_one=(one.cpu - few_alone.cpu) / millions,
            one_process=(one.seconds - few_alone.seconds) / millions,
            events=many.events / millions,
            requests=many.requests / millions,
            transactions=(many.transactions - few.transactions) / millions,
            transactions_of_one=(one.transactions - few_alone.transactions) / millions,
            postgres=(many.postgres_cpu - few.postgres_cpu) / millions,
        )


@dataclass(frozen=True, slots=True)
class OnPaper:
    """ROWS sorted rows on MACHINES of CORES each: the seconds of each phase."""

    costs: Costs
    start: float
    """What a run of few rows takes, on a cluster that runs."""

    @classmethod
    def of(cls, result: ClusterResult) -> "OnPaper":
        """The times that the runs show."""
        return cls(Costs.of(result), result.few.middle[1].seconds)

    @property
    def read(self) -> float:
        """All cores read."""
        return ROWS / _MILLION * self.costs.read / (MACHINES * CORES)

    @property
    def deduplicate(self) -> float:
        """One process deduplicates."""
        return ROWS / _MILLION * self.costs.deduplicate

    @property
    def send_by_cpu(self) -> float:
        """All cores send, as fast as they can."""
        return ROWS / _MILLION * self.costs.send / (MACHINES * CORES)

    @property
    def send_by_limit(self) -> float:
        """As fast as TikTok takes full requests."""
        return ROWS / _MILLION * self.costs.events / (REQUESTS_A_SECOND * BATCH_EVENTS)

    @property
    def send(self) -> float:
        """The slower of both."""
        return max(self.send_by_cpu, self.send_by_limit)

    @property
    def total(self) -> float:
        """All phases, one after the other."""
        return self.start + self.read + self.deduplicate + self.send

    @property
    def one_process(self) -> float:
        """One machine with one process."""
        return ROWS / _MILLION * self.costs.one_process

    @property
    def requests_a_second(self) -> float:
        """Requests of all senders together."""
        return ROWS / _MILLION * self.costs.requests / self.send

    @property
    def transactions_a_second(self) -> float:
        """Transactions of the ledger meanwhile."""
        return self.requests_a_second * self.costs.transactions / self.costs.requests

    @property
    def postgres_cores(self) -> float:
        """Cores that the ledger's server needs meanwhile."""
        return self.requests_a_second * self.costs.postgres / self.costs.requests


def largest(result: ClusterResult, shape: str) -> Pairs:
    """The pairs with the most rows of a shape."""
    return max((pairs for pairs in result.pairs if pairs.one[0].shape == shape), key=lambda pairs: pairs.one[0].rows)


def driver_cost(result: ClusterResult, shape: str) -> float:
    """CPU seconds of the command's process for a further million rows of a shape."""
    return Costs.of(result, shape).driver


def worst_worker(result: ClusterResult) -> ClusterRun:
    """The run with the largest worker."""
    runs = [*result.others, *(run for pairs in result.pairs for run in pairs.many)]
    return max(runs, key=lambda run: run.worker_bytes)
