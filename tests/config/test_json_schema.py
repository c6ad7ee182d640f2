"""The JSON Schema that editors read refuses the shapes that `connector validate` refuses, and takes all that it takes."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from connector.catalogue import CATALOGUES
from connector.config.json_schema import orchestrations_schema
from connector.config.layout import SECTION_MODELS, SECTIONS, Top
from connector.config.project import inspect_project
from connector.config.query_test_schema import query_test_schema
from connector.config.template_schema import template_schema
from connector.config.yaml import read_yaml
from connector.errors import ConfigurationError, Problem
from connector.transform.template import load_template
from tests.cli.command import inside
from tests.docs.markdown import PAGES, ROOT, Block, blocks

SETTINGS = Draft7Validator(orchestrations_schema())
TEMPLATE = Draft7Validator(template_schema())
TEST = Draft7Validator(query_test_schema())
EXAMPLE = read_yaml(ROOT / "orchestrations.yaml").data
DELETED = object()


@pytest.mark.parametrize("validator", [SETTINGS, TEMPLATE, TEST], ids=["orchestrations", "template", "test"])
def test_a_schema_is_one(validator: Draft7Validator) -> None:
    Draft7Validator.check_schema(validator.schema)


@pytest.mark.parametrize("name", ["orchestrations", "template", "test"])
def test_the_command_prints_it(tmp_path: Path, name: str) -> None:
    printed = inside("schema", name, project=tmp_path)
    validator = {"orchestrations": SETTINGS, "template": TEMPLATE, "test": TEST}[name]
    assert (printed.code, printed.json, printed.stderr) == (0, validator.schema, "")


def test_the_command_prints_that_of_the_project_file_without_a_name(tmp_path: Path) -> None:
    assert inside("schema", project=tmp_path).json == SETTINGS.schema
    assert inside("schema", "queries", project=tmp_path).code == 2


# What is valid ------------------------------------------------------------------------------------------------


def test_the_shipped_files_are_accepted() -> None:
    assert list(SETTINGS.iter_errors(EXAMPLE)) == []
    for path in (ROOT / "templates").glob("*.yaml"):
        assert list(TEMPLATE.iter_errors(read_yaml(path).data)) == []
    for path in (ROOT / "tests").glob("*.yaml"):
        assert list(TEST.iter_errors(read_yaml(path).data)) == []


def test_the_shipped_file_is_accepted_without_targets() -> None:
    """Nothing that it needs is in its targets alone, so every entry is complete."""
    assert list(SETTINGS.iter_errors({key: value for key, value in EXAMPLE.items() if key != "targets"})) == []


def is_of_project(block: Block) -> bool:
    """Whether a block is a file of a project, or a piece of one: by its title, its first key or its indentation."""
    if block.language != "yaml" or "yaml-language-server" in block.lines[0]:
        return False
    if block.title:
        return block.title.startswith(("orchestrations.yaml", "templates/"))
    key = block.lines[0].partition(":")[0]
    return key in {*Top.known_keys(), "extends"} or key.startswith("    ")


SHOWN = [
    (page.name, block)
    for page in PAGES
    for block in blocks(page)
    if is_of_project(block) and page.name != "write-a-destination.md"
]


def test_the_pages_show_such_files() -> None:
    assert len(SHOWN) > 20


@pytest.mark.parametrize(
    ("page", "block"), SHOWN, ids=lambda one: getattr(one, "title", None) or getattr(one, "number", one)
)
def test_what_a_page_shows_is_accepted(page: str, block: Block) -> None:
    text = "\n".join(line for line in block.lines if line != "...")
    data = yaml.safe_load(re.sub(r"\b(\d\d?:\d\d)\b", r'"\1"', text))
    candidates = list(wrapped(data, len(text) - len(text.lstrip())))
    assert any(validator.is_valid(one) for validator, one in candidates), f"{page}:{block.number}"


def wrapped(data: Mapping[str, Any], indentation: int) -> Iterator[tuple[Draft7Validator, Any]]:
    """The files of which this may be a piece."""
    whole = {"version": 1, "targets": {}}
    if indentation == 0:
        yield TEMPLATE, data
        yield SETTINGS, {**whole, **data}
    for section in SECTIONS:
        entry = {"type": "tiktok_audience", **data} if section == "destinations" else data
        yield SETTINGS, {**whole, section: {"x": entry} if indentation == 4 else data}


# What is refused by both --------------------------------------------------------------------------------------

STORE, VIP, WAREHOUSE = ("destinations", "store_events"), ("destinations", "vip_audience"), ("warehouses", "demo")
ORDERS, TOKEN = ("orchestrations", "store_purchases"), ("credentials", "tiktok", "access_token")

REFUSED: dict[str, tuple[tuple[str, ...], Any]] = {
    "an unknown key at the top": (("extra",), 1),
    "an unknown key of a warehouse": ((*WAREHOUSE, "uri"), "duckdb:///x"),
    "an unknown key of a destination": ((*STORE, "pixel"), "x"),
    "a key of another type": ((*STORE, "audience"), "x"),
    "a key of another type too": ((*VIP, "event_source"), "web"),
    "an unknown key of an orchestration": ((*ORDERS, "qury"), "x"),
    "an unknown key below retry": ((*STORE, "retry"), {"max_attempt": 3}),
    "an unknown key of a schedule": ((*ORDERS, "schedule"), {"crn": "* * * * *"}),
    "an unknown key of a target": (("targets", "production"), {"orchestration": {}}),
    "an unknown key of an entry in a target": (("targets", "production"), {"warehouses": {"demo": {"uri": "x"}}}),
    "a version in a target": (("targets", "production"), {"version": 1}),
    "another version": (("version",), 2),
    "no version": (("version",), DELETED),
    "an unknown type": ((*STORE, "type"), "tiktok_event"),
    "a type that is filled in": ((*STORE, "type"), "{{ env.KIND }}"),
    "a word for a switch": ((*STORE, "admin_only"), "maybe"),
    "a number for a switch": ((*ORDERS, "line_items"), 1),
    "an unknown word": ((*STORE, "event_source"), "shop"),
    "another unknown word": ((*ORDERS, "workflow"), "auto"),
    "a word in the wrong case": ((*ORDERS, "workflow"), "Manual"),
    "a fraction for a whole number": ((*STORE, "max_in_flight"), 1.5),
    "too small a number": ((*STORE, "max_in_flight"), 0),
    "too large a number": ((*ORDERS, "max_reject_percent"), 101),
    "a word for a number": ((*ORDERS, "limit"), "many"),
    "a switch for a number": ((*ORDERS, "limit"), True),
    "a list for a text": ((*ORDERS, "description"), ["a"]),
    "a mapping for a text": ((*STORE, "fixed_event_name"), {"a": "b"}),
    "an empty text": ((*ORDERS, "description"), " "),
    "a switch for a text": ((*ORDERS, "query"), True),
    "a mapping for a list": ((*ORDERS, "tags"), {"a": "b"}),
    "a switch in a list": ((*ORDERS, "tags"), [True]),
    "a list for a mapping": ((*ORDERS, "parameters"), ["days"]),
    "a text for a mapping": ((*STORE, "retry"), "often"),
    "a folder in a name": ((*ORDERS, "query"), "queries/x"),
    "letters in an id": ((*STORE, "advertiser_id"), "C4"),
    "an id with a point": ((*STORE, "advertiser_id"), 7.5),
    "ids of letters": ((*VIP, "advertiser_ids"), ["C4"]),
    "too long a name": ((*VIP, "audience"), "x" * 71),
    "a region of three letters": ((*STORE, "default_region"), "USA"),
    "a zone of three letters": ((*STORE, "timezone"), "PST"),
    "an address without https": ((*STORE, "api_url"), "http://tiktok.example"),
    "no address": ((*STORE, "api_url"), "tiktok"),
    "a database without a scheme": ((*WAREHOUSE, "url"), "warehouse.duckdb"),
    "a token with a blank": (TOKEN, "a b"),
    "a shell variable": (TOKEN, "${TIKTOK_ACCESS_TOKEN}"),
    "a bare shell variable": (TOKEN, "$TIKTOK_ACCESS_TOKEN"),
    "an interval": ((*ORDERS, "schedule"), {"every": "soon"}),
    "a cron expression of four fields": ((*ORDERS, "schedule"), {"cron": "* * * *"}),
    "the name of a cron expression": ((*ORDERS, "schedule"), {"cron": "@daily"}),
    "a text for a schedule": ((*ORDERS, "schedule"), "15 6 * * *"),
    "a format": ((*ORDERS, "format"), "csv"),
    "a delimiter": ((*ORDERS, "format"), {"name": "delimited", "delimiter": "colon"}),
    "a list of entries": (("orchestrations",), ["store_purchases"]),
    "a text for an entry": (STORE, "tiktok_events"),
    "a name with a slash": (("warehouses", "a/b"), {"url": "duckdb:///x"}),
    "a name that begins with a dot": (("warehouses", ".a"), {"url": "duckdb:///x"}),
    "a role": (("roles",), {"owners": {"user": ["ana"]}}),
    "a notification": (("notifications",), {"team": {"uri": "slack://x"}}),
    "a word for an ending": ((*ORDERS, "notify"), {"team": ["fail"]}),
    "a host": ((*WAREHOUSE, "external_access"), {"hosts": ["a b"]}),
    "the words of an agreement": ((*VIP, "data_marketplace"), {"party": "buyer", "payment_model": "yes"}),
    "a rule for addresses": ((*VIP, "email_rule"), ["plain", "nearly"]),
    "a text for the command of a secret": (("secrets",), {"commands": {"token": "vault kv get"}}),
    "a number among the words of a command": (("secrets",), {"commands": {"token": ["vault", 1]}}),
    "an unknown key of secrets": (("secrets",), {"command": {}}),
    "no time for a secret": (("secrets",), {"timeout": 0}),
    "a list of files of secrets": (("secrets",), {"files": ["a"]}),
    "days of retention": (("retention_days",), 0),
}
ACCEPTED: dict[str, tuple[tuple[str, ...], Any]] = {
    "another spelling": ((*STORE, "Limited Data Use"), True),
    "another name": ((*STORE, "pii_setting"), True),
    "hyphens": ((*ORDERS, "min-rows"), 5),
    "a word for a switch": ((*STORE, "admin_only"), "no"),
    "digits as a number": ((*STORE, "advertiser_id"), 7654321098765432109),
    "a number as text": ((*STORE, "max_in_flight"), "4"),
    "a whole number with a point": ((*STORE, "max_in_flight"), 4.0),
    "a placeholder for a number": ((*ORDERS, "limit"), "{{ env.LIMIT }}"),
    "a placeholder for a word": ((*STORE, "event_source"), "{{ env.SOURCE }}"),
    "a placeholder for a switch": ((*STORE, "admin_only"), "{{ env.LOCKED }}"),
    "a placeholder for a region": ((*STORE, "default_region"), "{{ env.REGION }}"),
    "a placeholder for a name": ((*ORDERS, "tags"), ["{{ env.TAG }}"]),
    "a placeholder below retry": ((*STORE, "retry"), {"max_attempts": "{{ env.ATTEMPTS }}"}),
    "a placeholder in an address": ((*WAREHOUSE, "url"), "snowflake://{{ env.USER }}@{{ env.ACCOUNT }}/A/B"),
    "commands and files of secrets": (
        ("secrets",),
        {"folder": "x", "files": {"a": "b"}, "commands": {"token": ["vault", "kv", "get"]}, "timeout": "5"},
    ),
    "a secret of a file": (TOKEN, "{{ file.token }}"),
    "a blank value": ((*STORE, "description"), None),
    "a blank target": (("targets", "production"), None),
    "a blank section": (("notifications",), None),
    "one text for a list": ((*ORDERS, "tags"), "stores"),
    "one id for a list": ((*VIP, "advertiser_ids"), "7654321098765432109"),
    "ids of two businesses": ((*VIP, "advertiser_ids"), [["7654321098765432109"], ["7000000000000000001"]]),
    "a region in lower case": ((*STORE, "default_region"), "de"),
    "Norway": ((*STORE, "default_region"), "NO"),
    "this machine": ((*STORE, "api_url"), "http://127.0.0.1:8080"),
    "a proxy": ((*STORE, "proxy"), "http://a:b@proxy.example:3128"),
    "a format as a mapping": (("orchestrations", "store_conversions", "format"), {"delimiter": "pipe"}),
    "names of days": ((*ORDERS, "schedule"), {"cron": "*/15 6-18 1,15 jan-mar MON"}),
    "a custom event": (("destinations", "web_events", "custom_events"), ["Loyalty"]),
    "a password with a dollar": ((*WAREHOUSE, "password"), "a$b"),
    "parameters of any kind": ((*ORDERS, "parameters"), {"days": [1, 2], "other": {"a": None}}),
    "an entry that a target completes": (("targets", "local", "warehouses"), {"demo": {"description": "here"}}),
    "another type in a target": (
        ("targets", "production"),
        {"destinations": {"store_events": {"type": "file", "path": "x"}}},
    ),
}


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    data: dict[str, Any] = deepcopy(EXAMPLE)
    entry: Any = data
    for key in path[:-1]:
        entry = entry[key]
    if value is DELETED:
        del entry[path[-1]]
    else:
        entry[path[-1]] = value
    return data


def problems(folder: Path, data: object) -> list[Problem]:
    (folder / "orchestrations.yaml").write_text(json.dumps(data, indent=1), "utf-8")
    try:
        return inspect_project(folder, {})[1].items
    except ConfigurationError as error:
        return list(error.problems)


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_shape_that_is_refused_is_refused_in_the_editor(tmp_path: Path, mistake: str) -> None:
    data = changed(*REFUSED[mistake])
    assert problems(tmp_path, data) != []
    assert list(SETTINGS.iter_errors(data)) != []


@pytest.mark.parametrize("shape", ACCEPTED)
def test_a_shape_that_is_accepted_is_accepted_in_the_editor(tmp_path: Path, shape: str) -> None:
    data = changed(*ACCEPTED[shape])
    assert problems(tmp_path, data) == []
    assert [error.message for error in SETTINGS.iter_errors(data)] == []


REQUIRED = [
    (section, name, key)
    for section, name, keys in (
        ("warehouses", "demo", ["url"]),
        ("destinations", "store_events", ["type", "credential", "advertiser_id", "event_source"]),
        ("destinations", "vip_audience", ["credential", "advertiser_ids"]),
        ("orchestrations", "store_purchases", ["destination"]),
    )
    for key in keys
]


@pytest.mark.parametrize(("section", "name", "key"), REQUIRED)
def test_a_key_that_is_missing_is_missed_if_no_target_can_have_it(
    tmp_path: Path, section: str, name: str, key: str
) -> None:
    data = {key: value for key, value in changed((section, name, key), DELETED).items() if key != "targets"}
    assert problems(tmp_path, data) != []
    assert list(SETTINGS.iter_errors(data)) != []


def test_a_required_key_may_be_in_another_spelling(tmp_path: Path) -> None:
    data = {key: value for key, value in deepcopy(EXAMPLE).items() if key != "targets"}
    store = data["destinations"]["store_events"]
    store["Account ID"], data["destinations"]["web_events"]["account_id"] = store.pop("advertiser_id"), "7"
    del data["destinations"]["web_events"]["advertiser_id"]
    assert problems(tmp_path, data) == []
    assert [error.message for error in SETTINGS.iter_errors(data)] == []


TEMPLATES_REFUSED: dict[str, Any] = {
    "an unknown key": {"parameter": {"email": "a"}},
    "an unknown parameter": {"parameters": {"emial": "a"}},
    "a parameter of the other kind": {"extends": "tiktok_audience", "parameters": {"value": "a"}},
    "a list": ["email"],
    "a number for a column": {"parameters": {"email": 1}},
    "a blank column": {"parameters": {"email": None}},
    "no columns": {"parameters": {"email": []}},
    "an unknown key of a column": {"parameters": {"timestamp": {"column": "a", "zone": "UTC"}}},
    "a zone that does not exist": {"parameters": {"timestamp": {"column": "a", "timezone": "PST"}}},
    "a zone of what is no time": {"parameters": {"email": {"column": "a", "timezone": "UTC"}}},
    "first of what is no value": {"parameters": {"email": {"column": "a", "first": True}}},
    "no column": {"parameters": {"timestamp": {"timezone": "UTC"}}},
    "several columns for one": {"parameters": {"value": ["a", "b"]}},
    "a value and a column": {"parameters": {"value": {"value": 1, "column": "a"}}},
    "a list as a value": {"parameters": {"event": {"value": ["a"]}}},
    "a list of parameters": {"parameters": ["email"]},
    "a list to extend": {"extends": ["tiktok_events"]},
}
TEMPLATES_ACCEPTED: dict[str, Any] = {
    "nothing": None,
    "no parameters": {"parameters": None},
    "columns": {"parameters": {"email": ["a", {"column": "b"}], "phone": "c"}},
    "a time": {"parameters": {"timestamp": {"column": "a", "timezone": "America/New_York"}}},
    "a first value": {"parameters": {"value": {"column": "a", "first": True}}},
    "constants": {
        "parameters": {
            "event": {"value": "{{ parameters.event }}"},
            "value": {"value": 1.5},
            "currency": {"value": None},
        }
    },
    "a property of one's own": {"parameters": {"properties.coupon": "a"}},
    "the name of a column that is accepted": {"parameters": {"emails": "a", "Email": "b"}},
    "an audience": {"extends": "tiktok_audience", "parameters": {"email": "a"}},
    "a list of one": {"parameters": {"value": ["a"]}},
}


def template_problems(folder: Path, data: Any) -> list[Problem]:
    (folder / "own.yaml").write_text(json.dumps(data), "utf-8")
    extends = data.get("extends") if isinstance(data, dict) else None
    catalogue = next((one for one in CATALOGUES if one.identity == extends), CATALOGUES[0])
    try:
        load_template("own", folder, lambda text, *_: text, catalogue)
    except ConfigurationError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("mistake", TEMPLATES_REFUSED)
def test_a_template_that_is_refused_is_refused_in_the_editor(tmp_path: Path, mistake: str) -> None:
    assert template_problems(tmp_path, TEMPLATES_REFUSED[mistake]) != []
    assert list(TEMPLATE.iter_errors(TEMPLATES_REFUSED[mistake])) != []


@pytest.mark.parametrize("shape", TEMPLATES_ACCEPTED)
def test_a_template_that_is_accepted_is_accepted_in_the_editor(tmp_path: Path, shape: str) -> None:
    assert template_problems(tmp_path, TEMPLATES_ACCEPTED[shape]) == []
    assert [error.message for error in TEMPLATE.iter_errors(TEMPLATES_ACCEPTED[shape])] == []


# What editors show --------------------------------------------------------------------------------------------


def test_every_setting_has_a_description() -> None:
    definitions = SETTINGS.schema["definitions"]
    properties = {**SETTINGS.schema["properties"]}
    properties |= {
        f"{name}.{key}": value for name, one in definitions.items() for key, value in one.get("properties", {}).items()
    }
    assert [key for key, value in properties.items() if not value.get("description")] == []


def test_every_key_of_every_model_is_known() -> None:
    assert set(Top.known_keys()) == set(SETTINGS.schema["properties"])
    definitions = SETTINGS.schema["definitions"]
    for name, model in SECTION_MODELS.items():
        assert set(model.known_keys()) <= set(definitions[name.removesuffix("s")]["properties"])


def test_choices_and_defaults_are_there() -> None:
    mode = SETTINGS.schema["definitions"]["audience_settings"]["properties"]["mode"]
    assert mode["default"] == "mirror"
    assert {"enum": ["mirror", "add", "remove"]} in mode["anyOf"]


def test_the_types_of_other_distributions_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "tests.destinations.other:OTHER"
    monkeypatch.setattr("connector.config.destination_types._installed", lambda: {"other": value})
    monkeypatch.setitem(__import__("sys").modules, "tests.destinations.other", other_module())
    validator = Draft7Validator(orchestrations_schema())
    entry = {"type": "other", "table": "events", "event_source": "web", "event_source_id": "X"}
    assert validator.is_valid({"version": 1, "destinations": {"x": entry}})
    assert not validator.is_valid({"version": 1, "destinations": {"x": {**entry, "advertiser_id": "7"}}})


def other_module() -> Any:
    """A module with a type of destination, as another distribution has it."""
    from types import ModuleType
    from typing import Literal

    from connector.config.destination_types import DestinationType
    from connector.destinations.event_settings import BaseEventSettings

    class OtherSettings(BaseEventSettings):
        type: Literal["other"]
        table: str

    module = ModuleType("tests.destinations.other")
    vars(module)["OTHER"] = DestinationType(OtherSettings, "tests.destinations.other:Nothing")
    return module
