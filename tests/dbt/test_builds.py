"""Runs that are held back, because dbt has not built what they read."""

import json
import re
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.cli.command import inside
from tests.dbt.project import Beside, beside_recorded, write_freshness, write_results

DBT = {"manifest": "target/manifest.json", "target": "prod"}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


@pytest.fixture
def made(tmp_path: Path) -> Beside:
    return beside_recorded(tmp_path / "sends", dbt=DBT, model="fct_orders")


def held(made: Beside) -> str | None:
    """The sentence that holds a run back; None if it ends well."""
    outcome = inside("run", "orders", "--json", project=made.directory)
    assert outcome.code in (0, 3)
    record = outcome.json
    assert record["status"] == ("failed" if outcome.code else "completed")
    error: str | None = record["error"]
    warnings = inside("validate", "orders", "--json", project=made.directory).json["orchestrations"][0]["warnings"]
    assert [warning for warning in warnings if "dbt" in warning] == ([error] if error else [])
    return error


HELD: dict[str, tuple[dict[str, Any], str]] = {
    "it failed": ({"fct_orders": "error"}, 'The dbt model "fct_orders" failed at TIME: nothing is sent. Fix it, and run '
        "`dbt build --target prod --select fct_orders`."),
    "a part of it failed": ({"fct_orders": "partial success"}, 'The dbt model "fct_orders" was built in part only at TIME'),
    "an unknown status": ({"fct_orders": "exploded"}, 'The dbt model "fct_orders" failed at TIME'),
    "it was skipped": ({"fct_orders": "skipped"}, 'The dbt model "fct_orders" was skipped at TIME: nothing is sent. Fix '
        "what dbt reports, and run `dbt build --target prod --select fct_orders`."),
    "its test failed": ({"not_null_fct_orders_order_id": "fail"}, 'The test "not_null_fct_orders_order_id" of the dbt '
        'model "fct_orders" failed at TIME: nothing is sent.'),
    "its test could not run": ({"unique_fct_orders_order_id": "error"}, 'The test "unique_fct_orders_order_id" of'),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_what_dbt_did_not_build_is_not_sent(made: Beside, case: str) -> None:
    statuses, sentence = HELD[case]
    write_results(made, **statuses)
    error = held(made) or ""
    assert re.sub(TIME, "TIME", error).startswith(sentence)
    assert re.search(TIME, error)


@pytest.mark.parametrize(
    "statuses",
    [
        {},
        {"fct_orders": "no-op"},
        {"fct_orders": "reused"},
        {"not_null_fct_orders_order_id": "warn"},
        {"vip_customers": "error"},
        {"shops": "error", "shop_names": "skipped"},
        {"fct_orders": "absent"},
        {"not_null_fct_orders_order_id": "absent"},
    ],
)
def test_what_others_suffer_holds_nothing_back(made: Beside, statuses: dict[str, Any]) -> None:
    write_results(made, **statuses)
    assert held(made) is None


@pytest.mark.parametrize("failed", ["fct_orders", "not_null_fct_orders_order_id"])
def test_a_skipped_model_names_what_failed_above_it(tmp_path: Path, failed: str) -> None:
    made = beside_recorded(tmp_path / "sends", dbt=DBT, query="orders")
    made.query("SELECT email, now() AS timestamp FROM {{ ref('vip_customers') }}")
    statuses: dict[str, Any] = {"vip_customers": "skipped", failed: "error"}
    write_results(made, **statuses)
    assert re.sub(TIME, "TIME", held(made) or "") == (
        f'The dbt model "vip_customers" was skipped at TIME, because "{failed}" failed: nothing is sent. Fix "{failed}", '
        "and run `dbt build --target prod --select +vip_customers`."
    )


def test_each_model_of_a_query_counts(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", dbt=DBT, query="orders")
    made.query("SELECT o.* FROM {{ ref('fct_orders') }} o JOIN {{ ref('tools', 'shops') }} ON true")
    assert held(made) is None
    write_results(made, shops="error")
    assert 'The dbt model "shops" failed' in (held(made) or "")


COMMANDS: dict[str, tuple[dict[str, Any], str | None]] = {
    "run": ({"which": "run"}, "failed"),
    "retry": ({"which": "retry"}, "failed"),
    "compile": ({"which": "compile"}, None),
    "docs generate": ({"which": "generate"}, None),
    "show": ({"which": "show"}, None),
    "another target": ({"target": "dev", "invocation_command": "dbt run"}, 'was for the target "dev", and dbt.target is '
        '"prod": nothing is sent. Run `dbt build --target prod`.'),
    "no target": ({"target": None}, 'names no target, and dbt.target is "prod"'),
    "another command of another target": ({"which": "compile", "target": "dev"}, 'was for the target "dev"'),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_only_commands_that_build_say_that_a_model_failed(made: Beside, command: str) -> None:
    args, sentence = COMMANDS[command]
    write_results(made, args=args, fct_orders="error")
    error = held(made)
    assert error is None if sentence is None else sentence in (error or "")


@pytest.mark.parametrize(("status", "is_held"), [("error", True), ("warn", False), ("pass", False)])
def test_a_stale_source_holds_back_what_is_built_from_it(made: Beside, status: str, is_held: bool) -> None:
    write_freshness(made, status)
    error = re.sub(TIME, "TIME", held(made) or "", count=1)
    sentence = (
        'The dbt source "raw.orders" of the dbt model "fct_orders" was stale at TIME: its newest row is of 2026-11-02 '
        "03:04 UTC: nothing is sent. Load it, and run `dbt source freshness`."
    )
    assert error == (sentence if is_held else "")


AGES: dict[str, tuple[dict[str, Any], str | None]] = {
    "young": ({"minutes_ago": 50}, None),
    "old": ({"minutes_ago": 70}, 'The dbt model "fct_orders" is stale: it was built at TIME, and dbt.max_age is 1h'),
    "not among the last": (
        {"fct_orders": "absent"},
        "so its age is not known, and dbt.max_age is 1h: nothing is sent.",
    ),
    "only tested": ({"args": {"which": "test"}}, "so its age is not known"),
}


@pytest.mark.parametrize("case", AGES)
def test_a_model_may_be_only_so_old(tmp_path: Path, case: str) -> None:
    results, sentence = AGES[case]
    made = beside_recorded(tmp_path / "sends", dbt={**DBT, "max_age": "1h"}, model="fct_orders")
    write_results(made, **results)
    error = held(made)
    assert error is None if sentence is None else sentence in re.sub(TIME, "TIME", error or "")


def test_without_results_only_the_age_is_unknown(tmp_path: Path) -> None:
    for name, age in (("any", {}), ("limited", {"max_age": "1h"})):
        made = beside_recorded(tmp_path / name, dbt={**DBT, **age}, model="fct_orders")
        made.manifest.with_name("run_results.json").unlink()
        error = held(made)
        assert ("has no build: there is no run_results.json beside the manifest" in (error or "")) == bool(age)


def test_results_that_dbt_is_writing_are_waited_for(made: Beside) -> None:
    path = made.manifest.with_name("run_results.json")
    text = path.read_text()
    path.write_text(text[:100])
    Timer(0.5, path.write_text, [text]).start()
    assert held(made) is None


@pytest.mark.parametrize("text", ["{", "", "[]", "null", '{"metadata": {"generated_at": "today"}, "results": []}'])
def test_damaged_results_hold_back(made: Beside, text: str) -> None:
    path = made.manifest.with_name("run_results.json")
    path.write_text(text)
    assert held(made) == f"dbt's {path} cannot be read, or is damaged: nothing is sent. Run `dbt build` again."


META = {"metadata": {"generated_at": "2026-11-02T03:04:05Z"}}
PROD = {"args": {"which": "build", "target": "prod"}}
ORDERS = {"unique_id": "model.shop.fct_orders", "status": "success"}
SHAPES: dict[str, dict[str, Any]] = {
    "nothing compiled": {**META, "results": [], "args": {"which": "compile", "target": "prod"}},
    "nothing built": {**META, **PROD, "results": []},
    "no results": {**META, **PROD},
    "null for results": {**META, **PROD, "results": None},
    "null for the command": {**META, "args": {"which": None, "target": "prod", "invocation_command": None}, "results": []},
    "no timing": {**META, **PROD, "results": [ORDERS]},
    "null for timing": {**META, **PROD, "results": [{**ORDERS, "timing": None, "message": None, "failures": None}]},
    "an empty timing": {**META, **PROD, "results": [{**ORDERS, "timing": [{}, None, {"completed_at": None}]}]},
    "another model": {**META, **PROD, "results": [{"unique_id": "model.gone.gone", "status": "error", "timing": None}]},
    "an operation": {**META, "args": {"which": "run-operation", "target": "prod"}, "results": [
        {"unique_id": "macro.shop.grant", "status": "success"}]},
}  # fmt: skip


@pytest.mark.parametrize("case", SHAPES)
def test_results_may_lack_what_is_not_needed(made: Beside, case: str) -> None:
    made.manifest.with_name("run_results.json").write_text(json.dumps(SHAPES[case]))
    assert held(made) is None


@pytest.mark.parametrize("args", [{}, {"args": None}, {"args": {}}, {"args": {"target": None}}], ids=str)
def test_results_without_a_target_are_of_another_one(made: Beside, args: dict[str, Any]) -> None:
    made.manifest.with_name("run_results.json").write_text(json.dumps({**META, **args, "results": []}))
    error = held(made) or ""
    assert error.startswith("The last command of dbt (`dbt build`, 2026-11-02 03:04 UTC) names no target")


@pytest.mark.parametrize(
    "results",
    [
        {},
        {"results": None},
        {"results": []},
        {"results": [{"unique_id": "source.shop.raw.orders", "error": "no such column", "status": "runtime error"}]},
        {"results": [{"unique_id": "source.shop.raw.orders", "status": "pass", "max_loaded_at": None, "timing": None}]},
    ],
    ids=str,
)
def test_the_freshness_of_sources_may_lack_what_is_not_needed(made: Beside, results: dict[str, Any]) -> None:
    made.manifest.with_name("sources.json").write_text(json.dumps({**META, **results}))
    assert held(made) is None


@pytest.mark.parametrize(
    "moment", ["2026-11-02T03:04:05.123456Z", "2026-11-02T03:04:05", "2026-11-02T03:04:05.123456789Z"]
)
def test_times_are_read_as_all_versions_write_them(made: Beside, moment: str) -> None:
    write_results(made, fct_orders="skipped")
    path = made.manifest.with_name("run_results.json")
    results = json.loads(path.read_text())
    results["metadata"]["generated_at"] = moment
    path.write_text(json.dumps(results))
    assert "was skipped at 2026-11-02 03:04 UTC" in (held(made) or "")


def test_rows_that_were_read_before_are_sent_all_the_same(made: Beside) -> None:
    """A run that is held back is no run to resume, and the next one is complete."""
    write_results(made, fct_orders="error")
    assert held(made)
    assert inside("resume", project=made.directory).code == 2
    write_results(made)
    assert held(made) is None
