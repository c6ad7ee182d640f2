"""A new parameter is one entry of the catalogue: nothing else is edited, and it is validated, compiled, sent and shown."""

import json
import subprocess
import sys
from typing import Any

import pytest

from connector.catalogue.parameter import CONTENTS, USER, Kind, Parameter, Plain
from connector.core.outcomes import Reason
from tests.catalogue.entries import DEFAULTS, ENTRIES, OF_ONE_SOURCE, WRONG, Example
from tests.cli.command import ROOT, environment

ADDED = "\nfrom tests.catalogue.entries import NEW\n\nPARAMETERS += NEW\n"
ABSENT = object()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the product does with the new entries: the installed code, with a longer list of parameters."""
    tree = tmp_path_factory.mktemp("tree")
    catalogue = tree / "connector" / "catalogue"
    catalogue.mkdir(parents=True)
    (tree / "tests").symlink_to(ROOT / "tests")
    for original in (ROOT / "connector").iterdir():
        if original.name != "catalogue":
            (tree / "connector" / original.name).symlink_to(original)
    for original in (ROOT / "connector" / "catalogue").glob("*.py"):
        added = ADDED if original.name == "event_parameters.py" else ""
        (catalogue / original.name).write_text(original.read_text() + added)
    done = subprocess.run(
        [sys.executable, "-m", "tests.catalogue.probe", str(tree / "work")],
        env=environment(None, {"PYTHONPATH": str(tree)}),
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def value_in(event: dict[str, Any], parameter: Parameter) -> Any:
    """The value at a parameter's place, ABSENT if there is none."""
    holder: Any = event
    for name in parameter.path:
        holder = holder[0] if isinstance(holder, list) else holder
        if name not in holder:
            return ABSENT
        holder = holder[name]
    return holder


def names(parameter: Parameter) -> str:
    return parameter.name


@pytest.mark.parametrize("parameter", ENTRIES, ids=names)
@pytest.mark.parametrize("sources", ["mixed", "offline"])
def test_its_value_is_in_the_request_and_the_preview(told: Any, parameter: Parameter, sources: str) -> None:
    sent = told[sources]["sent"]
    shown = [event for request in told[sources]["preview"]["requests"] for event in request["data"]]
    good = [event for event in shown if event["event_id"] in {"e0", "e1"}]
    assert good
    for event in (sent["e0"], sent["e1"], *good):
        assert value_in(event, parameter) == ENTRIES[parameter].sent


@pytest.mark.parametrize("parameter", OF_ONE_SOURCE, ids=names)
def test_it_is_sent_with_events_of_its_source(told: Any, parameter: Parameter) -> None:
    expected = dict.fromkeys(parameter.sources, OF_ONE_SOURCE[parameter].sent)
    offline, web = (expected.get(source, ABSENT) for source in ("offline", "web"))
    assert value_in(told["mixed"]["sent"]["e0"], parameter) == offline
    assert value_in(told["mixed"]["sent"]["e1"], parameter) == web
    assert value_in(told["offline"]["sent"]["e0"], parameter) == offline


@pytest.mark.parametrize("parameter", DEFAULTS, ids=names)
def test_its_default_is_sent_if_nothing_fills_it(told: Any, parameter: Parameter) -> None:
    events, default = told["mixed"]["sent"], DEFAULTS[parameter]
    assert value_in(events["e0"], parameter) == (default if "offline" in parameter.sources else ABSENT)
    assert value_in(events["e1"], parameter) == default


@pytest.mark.parametrize(("number", "parameter", "example"), [(n, *one) for n, one in enumerate(WRONG, 2)])
def test_a_wrong_value_rejects_its_row_or_is_not_sent(
    told: Any, number: int, parameter: Parameter, example: Example
) -> None:
    for sources in ("mixed", "offline"):
        rejects = {one["row"]: one["reason"] for one in told[sources]["rejects"]}
        assert rejects.get(number + 1) == example.reason
        if example.reason is None:
            assert value_in(told[sources]["sent"][f"e{number}"], parameter) is ABSENT


def test_no_other_row_is_rejected(told: Any) -> None:
    expected = [example.reason for _, example in WRONG if example.reason]
    for sources in ("mixed", "offline"):
        assert sorted(one["reason"] for one in told[sources]["rejects"]) == sorted(expected)


@pytest.mark.parametrize("parameter", ENTRIES, ids=names)
def test_validate_and_compile_name_it(told: Any, parameter: Parameter) -> None:
    (validated,) = told["offline"]["validated"]["orchestrations"]
    (row,) = [one for one in validated["parameters"] if one["parameter"] == parameter.name]
    assert row["columns"] == parameter.columns[-1]
    assert row["goes_to"] == ".".join(parameter.path)
    assert row["rule"] == parameter.rule
    assert parameter.name in told["offline"]["compiled"]


@pytest.mark.parametrize("parameter", [*ENTRIES, *OF_ONE_SOURCE, *DEFAULTS], ids=names)
def test_it_is_in_the_table_of_the_docs(told: Any, parameter: Parameter) -> None:
    place = ".".join(parameter.path).replace("contents.", "contents[].")
    (row,) = [line for line in told["docs"].splitlines() if line.startswith(f"| `{parameter.name}` (")]
    assert f"| `{place}` |" in row
    assert parameter.rule in row
    assert ("| yes |" in row) == parameter.hashed


@pytest.mark.parametrize("parameter", ENTRIES, ids=names)
def test_the_simulator_refuses_a_value_of_another_type(told: Any, parameter: Parameter) -> None:
    assert told["refused"][parameter.name] == 40002


IMPOSSIBLE: dict[str, tuple[tuple[str, ...], Kind, dict[str, Any]]] = {
    "the path is not part of an event": (("a", "b", "c"), Kind.IP, {}),
    "a name has to be hashed": ((USER, "a"), Kind.NAME, {}),
    "a ip cannot be hashed": ((USER, "a"), Kind.IP, {"hashed": True, "personal": True}),
    "a hashed parameter has to be personal": ((USER, "a"), Kind.NAME, {"hashed": True}),
    "only members of user can be hashed": (("ad", "a"), Kind.NAME, {"hashed": True, "personal": True}),
    "properties must not be personal": ((*CONTENTS, "a"), Kind.IP, {"personal": True}),
    "plain needs a treatment": (("ad", "a"), Kind.TEXT, {}),
    "only identifiers take several values": (("ad", "a"), Kind.IP, {"many": True}),
    "a choice needs choices": (("ad", "a"), Kind.CHOICE, {}),
}


@pytest.mark.parametrize("problem", IMPOSSIBLE)
def test_an_entry_that_contradicts_itself_is_refused(problem: str) -> None:
    path, kind, further = IMPOSSIBLE[problem]
    with pytest.raises(ValueError, match=f"Parameter a: .*{problem}"):
        Parameter("a", ("a",), path, kind, "rule", **further)


def test_the_catalogue_names_the_reasons_of_a_parameter() -> None:
    required = Parameter("a", ("a",), ("ad", "a"), Kind.TEXT, "rule", plain=Plain.TEXT, missing=Reason.INVALID_VALUE)
    assert required.reasons == {Reason.INVALID_VALUE}
