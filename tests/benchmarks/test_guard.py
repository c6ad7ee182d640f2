"""What `make guard` says of figures; `make check` measures them."""

import pytest

from benchmarks.counted_run import PerBatch
from benchmarks.guard import ATTEMPTS, MOST, figures, ratios_within
from benchmarks.start_up import Imported
from benchmarks.yardstick import Ratios

MOST_RATIOS = Ratios(2.0, 0.5)


def test_what_is_at_its_bound_is_kept() -> None:
    assert all(figure.kept for figure in figures(*MOST))


@pytest.mark.parametrize("place", range(8))
def test_half_as_much_again_is_not_kept(place: int) -> None:
    most = [figure.most for figure in figures(*MOST)]
    more = [1.5 * value if number == place else value for number, value in enumerate(most)]
    found = list(figures(Ratios(*more[:2]), PerBatch(*more[2:6]), Imported(int(more[6]), int(more[7]))))
    assert [number for number, figure in enumerate(found) if not figure.kept] == [place]
    assert "1.50 times what it may be" in str(found[place])


@pytest.mark.parametrize(
    ("measured", "expected", "taken"),
    [
        ([Ratios(1.0, 0.4)], Ratios(1.0, 0.4), 1),
        ([Ratios(2.0, 0.5)], Ratios(2.0, 0.5), 1),
        ([Ratios(2.5, 0.4), Ratios(1.0, 0.6)], Ratios(1.0, 0.4), 2),
        ([Ratios(3.0, 0.4), *[Ratios(3.1, 0.4)] * (ATTEMPTS - 1)], Ratios(3.0, 0.4), ATTEMPTS),
    ],
    ids=["at once", "at the bound", "the second time", "never"],
)
def test_what_took_too_long_is_measured_again(measured: list[Ratios], expected: Ratios, taken: int) -> None:
    left = iter(measured)
    assert ratios_within(MOST_RATIOS, lambda: next(left)) == expected
    assert len(list(left)) == len(measured) - taken
