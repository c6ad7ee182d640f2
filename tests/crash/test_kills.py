"""Killed at any moment, nothing is lost and nothing is doubled: a few kills by default, hundreds by `make crash`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.kill_audiences import KilledAudience, KilledForgetting
from tests.crash.kill_events import FlippedLedger, KilledHealing, KilledResume, KilledRetry, KilledRun, KilledStream
from tests.crash.kill_forget import KilledForget
from tests.crash.kill_start import KilledStart
from tests.crash.kill_tokens import KilledAuthRefresh, KilledRefresh
from tests.crash.kills import ROUND, SEED, Scenario, kills_of, play_round, rounds
from tests.crash.scene import World

SCENARIOS: tuple[type[Scenario], ...] = (
    KilledRun, KilledStream, KilledResume, KilledRetry, KilledHealing, FlippedLedger, KilledAudience, KilledForget,
    KilledForgetting, KilledRefresh, KilledAuthRefresh, KilledStart,
)  # fmt: skip
QUICK = (KilledRun, KilledStream, KilledHealing, KilledAudience, KilledAuthRefresh)
"""What `make test` kills once; `make thorough` the others."""


@pytest.fixture(scope="session")
def scenarios(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, world: World
) -> Iterator[dict[type[Scenario], Scenario]]:
    """Scenarios by their class, each prepared by the first test that needs it."""

    class Prepared(dict[type[Scenario], Scenario]):
        def __missing__(self, kind: type[Scenario]) -> Scenario:
            self[kind] = kind(tmp_path_factory.mktemp(kind.__name__) / "shop", world, request.getfixturevalue)
            return self[kind]

    made = Prepared()
    yield made
    for scenario in made.values():
        scenario.close()


def cases() -> Iterator[object]:
    for kind in SCENARIOS:
        for number, kills in rounds(kills_of(kind)):
            yield pytest.param(kind, number, kills, marks=pytest.mark.slow, id=f"{kind.name}-{number}")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else pytest.mark.thorough, id=kind.name) for kind in SCENARIOS],
)
def test_after_a_kill_everything_adds_up(
    tmp_path: Path, scenarios: dict[type[Scenario], Scenario], kind: type[Scenario]
) -> None:
    play_round(scenarios[kind], tmp_path, f"{kind.name} {SEED}", 1)


@pytest.mark.parametrize(("kind", "number", "kills"), list(cases()))
def test_after_many_kills_everything_adds_up(
    tmp_path: Path, scenarios: dict[type[Scenario], Scenario], kind: type[Scenario], number: int, kills: int
) -> None:
    phases = play_round(scenarios[kind], tmp_path, f"{kind.name} {SEED} {number}", kills)
    print(f"{kind.name}: killed {dict(phases)}")
    assert kills < ROUND or len(phases) >= kind.phases
