"""A run of which most was delivered by earlier runs reads as the success that it is."""

from pathlib import Path

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import serving


def test_what_earlier_runs_delivered_is_no_failure_in_the_summary_and_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3))
        first = inside("run", NAME, project=made.directory)
        made.query.write_text(GOOD.format(rows=4))
        second = inside("run", NAME, project=made.directory)
        assert inside("report", "latest", "-o", str(report), project=made.directory).code == 0
        shown = inside("runs", "show", "latest", project=made.directory)
        listed = inside("runs", project=made.directory)
    assert "earlier runs" not in first.stdout
    assert "3 of 4 rows were delivered by earlier runs, so they are not sent again." in second.stdout
    assert "3 of 4 rows were delivered by earlier runs" in shown.stdout
    assert "<b>100.0 %</b><span>of 4 rows delivered, 3 of them by earlier runs</span>" in report.read_text("utf-8")
    assert listed.sentence.startswith("Trends compare with the median of up to seven earlier runs")


def test_a_run_of_new_rows_says_nothing_of_earlier_runs(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3))
        inside("run", NAME, project=made.directory)
        assert inside("report", "latest", "-o", str(report), project=made.directory).code == 0
        assert inside("runs", project=made.directory).stderr == ""
    assert "<b>100.0 %</b><span>of 3 rows delivered</span>" in report.read_text("utf-8")
