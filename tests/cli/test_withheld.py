"""A request that would name a person is held back: nothing is sent, nothing is lost, and the run can be mended."""

from pathlib import Path

import pytest

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, shop
from tests.credentials.grants import STARTING, rewrite, simulating

TEMPLATE = {"extends": "tiktok_events", "parameters": {"properties.jo@shop.example": {"value": "yes"}}}
"""A mistake that no row can make: the name of the property is an address."""


@pytest.mark.parametrize("mended", [True, False])
def test_a_run_with_such_a_request_sends_nothing_and_reads_anew_once_it_is_mended(tmp_path: Path, mended: bool) -> None:
    with simulating() as simulator:
        made = shop(tmp_path / "shop", simulator.url, GOOD.format(rows=20), template=TEMPLATE)
        rewrite(made, {"access_token": STARTING})
        first = inside("run", NAME, "--json", project=made.directory)
        assert first.code == 1
        assert "holds an e-mail address (in batch 0, row 1 of the result)" in first.sentence
        assert "jo@shop" not in first.stdout + first.stderr
        assert first.record()["rows"]["pending"] == 20
        assert first.record()["requests"]["sent"] == 0
        shown = inside("runs", "show", first.json["run_id"], "--json", project=made.directory).json
        assert {one["verdict"] for one in shown["request_log"]} == {"withheld"}
        if mended:
            template = made.directory / "templates" / "own.yaml"
            template.write_text(template.read_text().replace("jo@shop.example", "jo"))
        second = inside("run", NAME, "--json", project=made.directory)
        assert simulator.world.snapshot().distinct == (20 if mended else 0)
    assert second.code == (0 if mended else 1)
    if mended:
        assert second.record()["rows"]["delivered"] == 20
