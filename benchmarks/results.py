"""Everything one report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.audience import AudienceResult
from benchmarks.cluster import ClusterResult
from benchmarks.cluster_counts import ClusterCounts
from benchmarks.delivered_keys import KeysResult
from benchmarks.far_away import FarAway
from benchmarks.first_request import FirstRequest
from benchmarks.floor import Floor
from benchmarks.measure import ByHandResult, SizeResult, TransformResult
from benchmarks.one_run import OneRun
from benchmarks.others import OtherResult
from benchmarks.shapes import ShapeResult
from benchmarks.simulator_speed import SimulatorResult
from benchmarks.sources import SourceResult
from benchmarks.start_up import StartUp


@dataclass(frozen=True, slots=True)
class Results:
    """`rows` is the size at which the product is compared; `sizes` has it. What is empty was not measured."""

    rows: int
    repetitions: int
    transform: TransformResult
    sizes: Sequence[SizeResult]
    by_hand: ByHandResult
    floor: Floor
    profile: OneRun
    first_request: FirstRequest
    start_up: StartUp
    simulator: SimulatorResult
    far_away: Sequence[FarAway] = ()
    others: Sequence[OtherResult] = ()
    keys: Sequence[KeysResult] = ()
    audience: Sequence[AudienceResult] = ()
    sources: Sequence[SourceResult] = ()
    shapes: Sequence[ShapeResult] = ()
    console: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Milliseconds of a page, for each number of runs in the ledger."""
    cluster: tuple[ClusterResult, ClusterCounts] | None = None

    @property
    def usual(self) -> SizeResult:
        """The size at which the product is compared."""
        return next(one for one in self.sizes if one.rows == self.rows)

    @property
    def largest(self) -> SizeResult:
        """The largest size."""
        return max(self.sizes, key=lambda one: one.rows)

    @property
    def rows_per_second(self) -> float:
        """Of a whole run, without the start of Python."""
        return self.rows / self.usual.run.whole.seconds

    @property
    def sent_per_second(self) -> float:
        """Events a second that a run sends once its stage is complete."""
        return self.usual.run.events / self.usual.run.send.seconds

    @property
    def sink_ratio(self) -> float:
        """How many times as many requests the sink takes from a client that only writes bytes."""
        sent = self.usual.run.requests / self.usual.run.send.seconds
        return self.by_hand.raw_requests_per_second / sent

    @property
    def simulator_ratio(self) -> float:
        """How many times as many events the simulator takes on one core as a run sends on all."""
        return self.simulator.events_per_second / self.sent_per_second

    def times(self, name: str) -> float:
        """How many times as many rows a second the product sends as another way."""
        return next(one.ratio for one in self.others if one.name == name)
