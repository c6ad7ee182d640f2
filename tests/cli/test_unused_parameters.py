"""What is mapped for another event source is told, and not just left out."""

from pathlib import Path
from typing import Any

import pytest

from connector.catalogue import PARAMETERS
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.config.project import line_of

PIXEL = "C4EXAMPLE0PIXEL0CODE"
WEB_ONLY = sorted(one.name for one in PARAMETERS if one.sources == {"web"} and one.name != "country")
COMMANDS = (("validate",), ("validate", NAME, "--connect"), ("plan", NAME), ("preview", NAME), ("run", NAME))


def made_with(directory: Path, parameters: dict[str, Any], query: str = GOOD, **destination: Any) -> Shop:
    template = {"extends": "tiktok_events", "parameters": parameters}
    return shop(directory / "shop", "simulator", query.format(rows=2), destination=destination, template=template)


def told(made: Shop, *args: str) -> str:
    done = inside(*args, project=made.directory)
    assert done.code == 0, done
    return done.stderr


@pytest.mark.parametrize("name", WEB_ONLY)
def test_a_parameter_of_the_web_that_is_mapped_for_offline_events(tmp_path: Path, name: str) -> None:
    made = made_with(tmp_path, {name: "event_id"})
    line = line_of((made.directory / "templates" / "own.yaml").read_text(), f"{name}:")
    sentence = f"templates/own.yaml:{line}: {name} is mapped, but offline events do not take it: it is not sent."
    assert told(made, "validate").count(sentence) == 1
    assert told(made, "run", NAME).count(sentence) == 1


def test_a_country_that_phone_numbers_are_read_with_is_used(tmp_path: Path) -> None:
    query = GOOD.replace("SELECT", "SELECT '213-373-4253' AS phone, 'US' AS country,")
    for number, (parameters, columns) in enumerate([({"country": "country"}, query), ({}, query)]):
        made = made_with(tmp_path / str(number), parameters, columns)
        for command in COMMANDS:
            assert "do not take" not in told(made, *command)
    without = made_with(tmp_path / "without", {"country": "country"}, GOOD.replace("SELECT", "SELECT 'US' AS country,"))
    assert "country is mapped, but offline events do not take it" in told(without, "run", NAME)
    named = made_with(tmp_path / "named", {"phone_region": "country", "country": "country"}, query)
    assert "country is mapped, but offline events do not take it" in told(named, "validate")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells(tmp_path: Path, command: tuple[str, ...]) -> None:
    made = made_with(tmp_path, {"external_id": {"value": "someone"}})
    assert told(made, *command).count("external_id is mapped, but offline events do not take it") == 1


def test_columns_that_are_not_mapped_are_told_in_one_line(tmp_path: Path) -> None:
    query = GOOD.replace("SELECT", "SELECT '1.1.1.1' AS ip, 'a' AS user_agent,")
    made = made_with(tmp_path, {}, query)
    assert "Of the result ip, user_agent are not sent: offline events do not take them." in told(made, "run", NAME)
    assert "not sent" not in told(made, "validate")


@pytest.mark.parametrize(
    "parameters",
    [
        {"external_id": "event_id", "event_source": "source"},
        {"external_id": "event_id", "event_source": {"value": "web"}, "event_source_id": {"value": PIXEL},
         "page_url": {"value": "https://shop.example/"}},
        {"email": "email"},
    ],
)  # fmt: skip
def test_what_may_be_sent_is_not_told(tmp_path: Path, parameters: dict[str, Any]) -> None:
    query = GOOD.replace("SELECT", "SELECT 'offline' AS source,")
    made = made_with(tmp_path, parameters, query)
    for command in COMMANDS:
        assert "do not take" not in told(made, *command)


def test_web_events_take_them(tmp_path: Path) -> None:
    query = GOOD.replace("SELECT", "SELECT 'https://shop.example/' AS page_url, 'x' AS external_id,")
    made = made_with(tmp_path, {"external_id": "event_id"}, query, event_source="web", event_source_id=PIXEL)
    for command in COMMANDS:
        assert "do not take" not in told(made, *command)


def test_rows_that_name_their_event_source_are_left_to_themselves(tmp_path: Path) -> None:
    query = GOOD.replace("SELECT", "SELECT 'offline' AS event_source, '1.1.1.1' AS ip,")
    assert "do not take" not in told(made_with(tmp_path, {"external_id": "event_id"}, query), "run", NAME)


def test_limited_data_use_on_offline_events(tmp_path: Path) -> None:
    made = made_with(tmp_path, {}, limited_data_use=True)
    for command in COMMANDS:
        assert told(made, *command).count("limited_data_use has no effect on offline events") == 1


WITHOUT_EXTENDS = {
    "parameters": {"event_id": "event_id", "timestamp": "timestamp", "email": "email", "value": "amount"}
}
EUROS = GOOD.replace(
    "2.5 AS value", "2.5 AS amount, 1.0 AS value, 'EUR' AS Currency, 'n1' AS order_id, 'x' AS own, '1' AS ip"
)


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_columns_that_a_template_without_extends_drops(tmp_path: Path, command: tuple[str, ...]) -> None:
    made = shop(tmp_path / "shop", "simulator", EUROS.format(rows=2), template=WITHOUT_EXTENDS)
    sentence = (
        "templates/own.yaml: no parameter takes Currency, order_id from the result: map them, or write "
        "`extends: tiktok_events`, by which every parameter takes the column of its own name. "
        "Without a currency, US dollars (USD) are assumed."
    )
    assert told(made, *command).count(sentence) == 1


def test_dollars_are_not_assumed_of_a_currency_that_is_mapped(tmp_path: Path) -> None:
    template = {"parameters": {**WITHOUT_EXTENDS["parameters"], "currency": {"value": "EUR"}}}
    printed = told(shop(tmp_path / "shop", "simulator", EUROS.format(rows=2), template=template), "plan", NAME)
    assert "no parameter takes order_id from the result: map it, or" in printed
    assert "dollars" not in printed


def test_nothing_is_dropped_with_extends_or_where_all_is_mapped(tmp_path: Path) -> None:
    mapped = {"parameters": {**WITHOUT_EXTENDS["parameters"], "currency": "currency", "order_id": "order_id"}}
    templates: list[dict[str, Any]] = [mapped, {**WITHOUT_EXTENDS, "extends": "tiktok_events"}]
    for number, template in enumerate(templates):
        made = shop(tmp_path / str(number), "simulator", EUROS.format(rows=2), template=template)
        assert "no parameter takes" not in told(made, "plan", NAME)
