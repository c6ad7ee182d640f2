"""What a destination account is called, and ids of the right kind."""

from pathlib import Path

import pytest
import yaml

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, SOURCE_ID, Shop, shop
from tests.config.project import changed, line_of, load, problems

SOURCE = "    event_source: offline\n"
AUDIENCE = {"type": "tiktok_audience", "audience": "VIP", "event_source": None, "event_source_id": None,
            "fixed_event_name": None}  # fmt: skip
PIXEL = "C4EXAMPLE0PIXEL0CODE"


def made_with(directory: Path, query: str = GOOD, **destination: object) -> Shop:
    return shop(directory / "shop", "simulator", query.format(rows=2), destination=destination)


def audience(directory: Path, **destination: object) -> Shop:
    """A shop whose destination is an audience with these settings."""
    made = made_with(directory)
    settings = yaml.safe_load(made.settings.read_text())
    stores = settings["destinations"]["stores"] | AUDIENCE | destination
    del stores["advertiser_id"]
    settings["destinations"]["stores"] = {key: value for key, value in stores.items() if value is not None}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def told(made: Shop, *args: str) -> str:
    done = inside(*args, project=made.directory)
    assert done.code == 0, done
    return done.stderr


@pytest.mark.parametrize("key", ["account_id", "Account ID", "Advertiser ID"])
def test_an_ad_account_by_the_names_of_the_pages(tmp_path: Path, key: str) -> None:
    text = changed("advertiser_id:", f"{key}:")
    assert load(tmp_path, text).destination("stores").advertiser_id == "7654321098765432109"  # type: ignore[attr-defined]
    made = audience(tmp_path, **{key: SOURCE_ID})
    assert "ok (an audience" in inside("validate", project=made.directory).stdout


def test_the_ad_account_is_named_once(tmp_path: Path) -> None:
    text = changed(SOURCE, f"{SOURCE}    account_id: '7654321098765432109'\n")
    assert 'says the same as "advertiser_id"' in problems(tmp_path, text)[0]


@pytest.mark.parametrize("key", ["destination_account_name", "Destination Account Name"])
def test_the_name_of_a_destination_account_is_listed(tmp_path: Path, key: str) -> None:
    made = made_with(tmp_path, **{key: "Stores of 2026"})
    assert "Stores of 2026" in inside("destinations", "list", project=made.directory).stdout
    listed = inside("destinations", "list", "--json", project=made.directory).json["destinations"]
    assert listed[0]["destination_account_name"] == "Stores of 2026"


def test_the_name_of_a_destination_account_has_a_longest_length(tmp_path: Path) -> None:
    for most, make in ((50, made_with), (150, lambda path, **own: audience(path, advertiser_ids=[SOURCE_ID], **own))):
        fits = make(tmp_path / str(most), destination_account_name="é" * most)
        assert inside("validate", project=fits.directory).code == 0
        too_long = make(tmp_path / f"{most}b", destination_account_name="é" * (most + 1))
        refused = inside("validate", project=too_long.directory)
        assert (refused.code, f"must be at most {most} characters long" in refused.sentence) == (2, True)


@pytest.mark.parametrize("length", [1, 18, 20])
def test_an_id_that_is_not_nineteen_digits_is_a_warning(tmp_path: Path, length: int) -> None:
    odd = "7" * length
    made = made_with(tmp_path, advertiser_id=odd)
    line = line_of(made.settings.read_text(), "advertiser_id")
    sentence = f'orchestrations.yaml:{line}: destinations.stores.advertiser_id is "{odd}", which is not nineteen digits'
    for command in (("validate",), ("validate", NAME), ("plan", NAME), ("preview", NAME), ("run", NAME)):
        assert sentence in told(made, *command), command
    assert sentence in inside("validate", "--json", project=made.directory).json["orchestrations"][0]["warnings"][0]


def test_the_other_ids_are_looked_at_too(tmp_path: Path) -> None:
    made = made_with(tmp_path, event_source_id="123")
    assert 'event_source_id is "123"' in told(made, "validate")
    two = audience(tmp_path / "a", advertiser_ids=[SOURCE_ID, "5"], audience=None, audience_id="6")
    assert [part in told(two, "validate") for part in ('is "5"', 'audience_id is "6"', SOURCE_ID)] == [
        True,
        True,
        False,
    ]
    assert "nineteen" not in told(made_with(tmp_path / "b"), "validate")


def test_an_id_from_the_environment_is_not_printed(tmp_path: Path) -> None:
    made = made_with(tmp_path, advertiser_id="{{ env.ACCOUNT }}")
    done = inside("validate", project=made.directory, environ={"ACCOUNT": "4242"})
    assert 'filled in from "{{ env.ACCOUNT }}", which is not nineteen digits' in done.stderr
    assert "4242" not in done.stderr


@pytest.mark.parametrize("code", ["C4PIXEL", PIXEL.lower(), PIXEL + "9", PIXEL[:19], "C4EXAMPLE-PIXEL0CODE", "7" * 19])
def test_what_is_no_pixel_code_is_refused(tmp_path: Path, code: str) -> None:
    text = changed(SOURCE, "    event_source: web\n").replace("7654321098765432110", code)
    (sentence,) = problems(tmp_path, text)
    assert sentence.startswith(f"{line_of(text, code + chr(34))}: destinations.stores.event_source_id")
    assert "20 upper-case letters and digits as C4EXAMPLE0PIXEL0CODE" in sentence
    assert ("this is its number" in sentence) is code.isdecimal()


@pytest.mark.parametrize(("code", "is_odd"), [(PIXEL, False), ("D5ANOTHER0PIXEL0CODE", False), ("X" * 20, True)])
def test_a_pixel_code_that_begins_with_another_letter_is_a_warning(tmp_path: Path, code: str, is_odd: bool) -> None:
    query = GOOD.replace("SELECT", "SELECT 'https://shop.example/' AS page_url,")
    made = made_with(tmp_path, query, event_source="web", event_source_id=code)
    for command in (("validate",), ("run", NAME)):
        assert ("pixel codes begin with C or D" in told(made, *command)) is is_odd
