"""The packages are those of the architecture's page, and each imports what the page says."""

import tomllib
from typing import Any

from importlinter import cli

from tests.architecture.modules import PACKAGE, ROOT, modules, parts
from tests.docs.markdown import ARCHITECTURE, code, first_column, table


def contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {contract["id"]: contract for contract in settings["contracts"]}


def test_the_page_names_the_packages_that_there_are() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    files = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert sorted(row[1].strip("`") for row in table(ARCHITECTURE, "layer")) == sorted(packages | files)


def test_the_page_lists_the_layers_as_the_contract_does() -> None:
    layers: dict[str, list[str]] = {}
    for layer, package, _ in table(ARCHITECTURE, "layer"):
        layers.setdefault(layer, []).append(package.strip("`"))
    held = [sorted(layer.split(" : ")) for layer in contracts()["layers"]["layers"]]
    assert held == [["__main__"], *map(sorted, layers.values())]


def test_the_page_lists_the_contracts() -> None:
    assert first_column(ARCHITECTURE, "contract") == list(contracts())


def test_every_stage_is_independent() -> None:
    stages = {f"connector.{row[1].strip('`')}" for row in table(ARCHITECTURE, "layer") if row[0] == "stages"}
    assert set(contracts()["stages"]["modules"]) == stages
    assert "ignore_imports" not in contracts()["stages"]


def test_the_contracts_are_kept() -> None:
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_each_part_is_imported_where_the_page_says() -> None:
    found: dict[str, set[str]] = {}
    for module in modules():
        for part in parts(module):
            found.setdefault(part, set()).add(module.room)
    assert found == {row[0]: set(code(row[1])) for row in table(ARCHITECTURE, "part")}


def test_one_module_alone_imports_httpx() -> None:
    (path,) = [module.path for module in modules() if "httpx" in parts(module)]
    assert f"`{path}`" in ARCHITECTURE.read_text("utf-8")
