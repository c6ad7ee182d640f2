"""Orchestrations as assets of the real Dagster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connector
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving

dg: Any
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module", autouse=True)
def dagster() -> None:
    """Load it for these tests alone: it takes as long as all modules of tests of a package."""
    global dg
    dg = pytest.importorskip("dagster")


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=12))


def materialized(asset: Any) -> Any:
    return dg.materialize([asset], raise_on_error=False)


def asset_of(made: Shop, **settings: Any) -> Any:
    from connector.integrations.dagster import orchestration_asset

    return orchestration_asset(NAME, project=str(made.directory), **settings)


def test_an_asset_runs_an_orchestration_and_has_its_counts(made: Shop, tiktok: TikTok) -> None:
    result = materialized(asset_of(made, group_name="ads", deps=["orders"]))
    assert result.success
    (event,) = result.asset_materializations_for_node(NAME)
    metadata = {name: value.value for name, value in event.metadata.items()}
    last = connector.open_project(made.directory).last_run(NAME)
    assert last is not None
    assert metadata["run_id"] == last.run_id
    assert metadata["rows"] == {"read": 12, "delivered": 12, "rejected": 0, "skipped": 0, "pending": 0}
    assert (metadata["dagster/row_count"], metadata["status"]) == (12, "completed")
    assert len(tiktok.events) == 12


@pytest.mark.parametrize("cause", ["query", "rows", "answers"])
def test_only_what_can_succeed_later_is_retried(made: Shop, tiktok: TikTok, cause: str) -> None:
    if cause == "query":
        made.query.write_text("SELECT {{ parameters.nothing }}")
    if cause == "rows":
        made.query.write_text(GOOD.format(rows=3).replace("@example.com", ""))
    attempts: list[object] = []

    def answer(body: object) -> Reply:
        attempts.append(body)
        return Reply(code=40105, message="revoked")

    tiktok.answer = answer
    result = materialized(asset_of(made, retry_policy=dg.RetryPolicy(max_retries=1, delay=0)))
    assert not result.success
    retried = [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert len(retried) == (1 if cause == "answers" else 0)


def test_a_component_makes_an_asset_of_each_orchestration(made: Shop, tiktok: TikTok, tmp_path: Path) -> None:
    from connector.integrations.dagster import ConnectorComponent

    attributes = {"project": str(made.directory), "deps": {NAME: ["warehouse/orders"]}, "group_name": "ads"}
    component = ConnectorComponent.resolve_from_dict(attributes)
    defs = component.build_defs(None)
    (asset,) = defs.assets
    assert asset.key == dg.AssetKey([NAME])
    assert asset.group_names_by_key[asset.key] == "ads"
    assert dg.AssetKey(["warehouse", "orders"]) in asset.asset_deps[asset.key]
    assert materialized(asset).success
    assert len(tiktok.events) == 12


def test_a_component_is_written_in_yaml(made: Shop, tmp_path: Path) -> None:
    from dagster.components.testing import create_defs_folder_sandbox

    from connector.integrations.dagster import ConnectorComponent

    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=ConnectorComponent,
            defs_yaml_contents={
                "type": "connector.integrations.dagster.ConnectorComponent",
                "attributes": {"project": str(made.directory), "orchestrations": [NAME], "max_retries": 2},
            },
        )
        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, ConnectorComponent)
            assert component.max_retries == 2
            assert [key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()] == [NAME]
