"""`connector start` that is stopped while it begins has nothing to lose, and ends as at any other time."""

from pathlib import Path

from tests.cli.tiktok import serving
from tests.scheduler.station import Started, station


def test_a_start_that_is_stopped_before_it_is_up_ends_in_order(tmp_path: Path) -> None:
    with serving() as tiktok:
        at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
        started = Started(at)
        started.wait_for((at.shop.state / "ledger.sqlite").exists)
        assert started.stop() == 0, started.lines
    assert [line.split()[1] for line in started.lines][-1:] in ([], ["down"])
