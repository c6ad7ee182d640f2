"""The same people as the same audience to several ad accounts separately is refused; one destination takes them all."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.errors import ConfigurationError
from connector.inspection.plan import plan_orchestration as plan_audience
from connector.simulator.server import Simulator
from tests.audiences.shop import ADVERTISER, NAME, OTHER, Shop, members, open_shop
from tests.cli.command import inside

THIRD = "7000000000000000003"


def with_second(shop: Shop, destination: dict[str, Any], **orchestration: Any) -> Shop:
    """Adds an orchestration of the same query to a second destination; settings of both may differ."""
    file = shop.directory / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["destinations"]["second"] = {
        **settings["destinations"]["audience"], "advertiser_ids": [OTHER], **destination
    }  # fmt: skip
    settings["orchestrations"]["again"] = {
        **settings["orchestrations"][NAME], "destination": "second", **orchestration
    }  # fmt: skip
    file.write_text(yaml.safe_dump(settings))
    (shop.directory / "queries" / "alike.sql").write_text("SELECT  *\nFROM people\n")
    (shop.directory / "queries" / "different.sql").write_text("SELECT * FROM people WHERE email > 'm'")
    return shop


@pytest.mark.parametrize(
    ("destination", "orchestration"),
    [
        ({}, {}),
        ({"mode": "add"}, {}),
        ({"audience": " VIP "}, {}),
        ({"advertiser_ids": [[OTHER], [THIRD]]}, {}),
        ({"mode": "add", "advertiser_ids": [OTHER, ADVERTISER]}, {}),
        ({}, {"query": "alike"}),
        ({}, {"workflow": "automatic", "schedule": {"every": "1h"}}),
    ],
    ids=[
        "another account",
        "adding",
        "blanks around the name",
        "two further businesses",
        "accounts in common",
        "the same text",
        "automatic",
    ],
)
@pytest.mark.parametrize("mode", ["mirror", "add"])
def test_the_same_audience_of_the_same_people_for_several_accounts_is_refused(
    tmp_path: Path, destination: dict[str, Any], orchestration: dict[str, Any], mode: str
) -> None:
    shop = with_second(open_shop(tmp_path / "shop", "http://127.0.0.1:9", mode=mode), destination, **orchestration)
    lines = (shop.directory / "orchestrations.yaml").read_text().splitlines()
    for command in ("validate", "run", "plan"):
        refused = inside(command, NAME, project=shop.directory)
        assert refused.code == 2
        place, _, said = refused.stderr.partition(": ")
        file, _, line = place.rpartition(":")
        assert file.endswith("orchestrations.yaml")
        assert lines[int(line) - 1].strip() == "destination: audience"
        if mode == "mirror" and ADVERTISER in str(destination.get("advertiser_ids")):
            assert "each would undo the other" in said
            continue
        assert "TikTok does not allow the same audience to be sent to several ad accounts" in said
        assert "advertiser_ids: [" in said
        assert ADVERTISER in said
        assert OTHER in said
    assert not (shop.directory / ".connector" / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("destination", "orchestration"),
    [
        ({"audience": "VIP (shop two)"}, {}),
        ({}, {"query": "different"}),
        ({}, {"parameters": {"country": "CA"}}),
        ({"mode": "remove"}, {}),
        ({"mode": "add", "advertiser_ids": [ADVERTISER]}, {}),
        ({"api_url": "http://127.0.0.1:10"}, {}),
        ({}, {"query": "{{ env.NOBODY_SETS_THIS }}"}),
    ],
    ids=["another name", "other people", "other parameters", "removing", "the same account", "elsewhere", "broken"],
)
def test_what_is_not_that_goes_on(tmp_path: Path, destination: dict[str, Any], orchestration: dict[str, Any]) -> None:
    with Simulator() as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url, mode="add")
        with_second(shop, destination, **orchestration).people([{"email": "somebody@example.com"}])
        assert plan_audience(shop.project, NAME).to_send == 1


def test_one_destination_with_both_accounts_takes_their_place(tmp_path: Path) -> None:
    with Simulator() as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url, advertiser_ids=[ADVERTISER, OTHER])
        shop.people([{"email": "somebody@example.com"}])
        shop.run()
        assert len(members(tiktok)) == 1


def test_accounts_in_common_are_found_within_lists(tmp_path: Path) -> None:
    """Two destinations that mirror one audience, of which one has a further account."""
    shop = open_shop(tmp_path / "shop", "http://127.0.0.1:9")
    with_second(shop, {"advertiser_ids": [ADVERTISER, OTHER]}, query="different")
    with pytest.raises(ConfigurationError, match="each would undo the other"):
        plan_audience(shop.project, NAME)


@pytest.mark.parametrize("destination", [{}, {"mode": "add"}, {"advertiser_ids": [ADVERTISER]}])
def test_what_is_wrong_with_two_is_said_once(tmp_path: Path, destination: dict[str, Any]) -> None:
    shop = with_second(open_shop(tmp_path / "shop", "http://127.0.0.1:9"), destination)
    refused = inside("validate", project=shop.directory)
    assert refused.code == 2
    assert refused.stderr.count(f'"again" and "{NAME}"') == 1
    assert f'"{NAME}" and "again"' not in refused.stderr
    for name in (NAME, "again"):
        assert inside("validate", name, project=shop.directory).stderr == refused.stderr
