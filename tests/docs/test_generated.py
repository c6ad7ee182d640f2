"""The generated pages are up to date, complete, and true."""

import json
import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from shlex import split
from typing import Any

import pytest
from typer.testing import CliRunner

from connector.cli.app import app
from connector.example.example_project import write_example
from connector.simulator.server import Simulator
from tests.docs.generated.json_objects import OBJECTS, Printed
from tests.docs.generated.pages import GENERATED, text_of
from tests.docs.generated.settings import keys, models
from tests.docs.generated.tables import field_docs

CLOSED = {
    "rejects": "REASON",
    "skips": "SKIP",
    "warnings": "WARNING",
    "identical_value": "CURRENCY",
    "verdicts": "VERDICT",
    "reject_examples": "REASON",
}
"""Objects whose keys are words of a list, and what stands for one of them."""
OPAQUE = ("requests[]", "plan", "columns", "lines[]")
"""What is described elsewhere: bodies of requests, plans of targets, columns of a result or of a CSV file."""
COMMANDS = {
    "connector run": "run store_purchases",
    "connector runs list": "runs list",
    "connector runs show": "runs show RUN",
    "connector runs audit": "runs audit",
    "connector runs export": "runs export -o runs.parquet",
    "connector schedule list": "schedule list",
    "connector plan": "plan vip_customers",
    "connector preview": "preview store_purchases",
    "connector test": "test",
    "connector promote": "promote store_purchases --from served --to sandbox",
    "connector validate": "validate",
    "connector compile": "compile store_purchases",
    "connector destinations list": "destinations list",
    "connector destinations test": "destinations test store_events",
    "connector audiences list": "audiences list",
    "connector audiences show": "audiences show VIP",
    "connector auth status": "auth status tiktok",
    "connector forget": "forget --email somebody@example.com",
    "connector usage-report": "usage-report --month 2026-11",
}

MARKETPLACE = (
    ", data_marketplace: {party: buyer, data_usage_reporting_requirement: I Agree, payment_model: I Agree, "
    "payment_requirement: I Agree, reporting_contact_email: reports@example.com}"
)


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_a_generated_page_is_up_to_date(page: Path) -> None:
    """`make docs` writes it."""
    assert page.read_text("utf-8") == text_of(page)


def test_every_setting_has_a_docstring_and_is_on_the_page() -> None:
    text = next(text_of(page) for page in GENERATED if page.name == "settings.md")
    for model in models():
        assert [name for name in keys(model) if name not in field_docs(model)] == [], model
        assert [name for name in keys(model) if f"`{name}`" not in text] == [], model


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What each command prints for the example project, which sends to a simulator outside of its process."""
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder)
    with Simulator(port=0) as simulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_ACCESS_TOKEN", "token")
        _add_target(folder / "orchestrations.yaml", simulator.url)
        with chdir(folder):
            _print("run vip_customers --yes --limit 100")
            run = _print("run store_purchases --limit 300")
            yield {
                command: _print(line.replace("RUN", run["run_id"]).replace("VIP", "'VIP customers'"))
                for command, line in COMMANDS.items()
            }


def _add_target(file: Path, url: str) -> None:
    names = {"store_events": "", "web_events": "", "phone_events": "", "vip_audience": MARKETPLACE}
    served = "  served:\n    credentials: {tiktok: {access_token: any}}\n    destinations:\n" + "".join(
        f"      {name}: {{api_url: '{url}'{more}}}\n" for name, more in names.items()
    )
    file.write_text(file.read_text("utf-8").replace("target: local", "target: served", 1) + served, "utf-8")


def _print(line: str) -> Any:
    result = CliRunner().invoke(app, [*split(line), "--json"], prog_name="connector", env=dict(os.environ))
    return json.loads(result.stdout)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The keys of an object, those of objects in it behind a dot, in the words of the page."""
    if isinstance(value, list):
        for one in value:
            yield from paths(one, f"{path}[]")
    elif isinstance(value, dict) and not any(path.endswith(name) for name in OPAQUE):
        for key, inner in value.items():
            below = f"{path}.{_named(path, key)}" if path else key
            yield below
            yield from paths(inner, below)


def _named(path: str, key: str) -> str:
    last = path.rpartition(".")[2]
    counted = {**CLOSED, "rows": "TABLE"} if key.startswith("sync_") else CLOSED
    kinds = {"members": "TYPE"} if key in {"email", "phone", "idfa", "aaid", "total"} else {}
    return {**counted, **kinds}.get(last, key)


def test_an_object_has_the_keys_that_the_page_lists(printed: dict[str, Any]) -> None:
    """One test, since the commands take seconds."""
    assert {one.command for one in OBJECTS} == set(printed)
    wrong = {one.command: found for one in OBJECTS if (found := list(_unlike(one, printed[one.command])))}
    assert not wrong


def _unlike(described: Printed, value: Any) -> Iterator[str]:
    found = set(paths(value))
    yield from (f"not listed: {key}" for key in found - set(described.keys) - set(described.sometimes))
    always = {key for key in described.keys if "[]" not in key and not any(part.isupper() for part in key.split("."))}
    yield from (f"not printed: {key}" for key in always - found if not _is_below_nothing(key, value))


def _is_below_nothing(key: str, value: Any) -> bool:
    """Whether what the key would be in is null or a list without entries."""
    for part in key.split(".")[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    return not value
