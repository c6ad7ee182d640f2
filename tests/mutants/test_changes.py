"""What `make mutants` changes, and which tests it chooses."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import PACKAGES, ROOT
from tests.mutants.changes import Change, changes, sample
from tests.mutants.coverage_map import CoverageMap
from tests.mutants.runner import Mutants, Tree
from tests.mutants.selection import covering_tests, in_order


def changed(text: str, kind: str | None = None) -> list[str]:
    found = changes("connector/x.py", text)
    return [change.apply(text) for change in found if kind in {None, change.kind}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", ["a <= b"]),
        ("(a) not in b", ["(a) in b"]),
        ("a is not None", ["a is None"]),
        ("a and b or c", ["a or b or c", "a and b and c"]),
        ("not (a)", ["(a)"]),
        ("~a", ["a"]),
        ("a + b", ["a - b"]),
        ("é = [1, True]", ["é = [2, True]", "é = [1, False]"]),
        ("with a, b:\n    c", ["with b:\n    c", "with a:\n    c"]),
        ("with lock:\n    c", ["if True:\n    c"]),
        ("with a as b:\n    c", []),
        ("if a:\n    sync(b)", ["if (not (a)):\n    sync(b)", "if a:\n    pass"]),
        ("n += m", ["pass"]),
        ("file.close()", []),
        ("if TYPE_CHECKING:\n    import a", []),
        ("f(a, strict=True, whole=True)", ["pass", "f(a, strict=True, whole=False)"]),
        ("all(a)", ["any(a)", "pass"]),
        ("while a():\n    break", ["while (not (a())):\n    break", "while a():\n    continue"]),
        ('f"SELECT {a} WHERE a >= b AND c"', ['f"SELECT {a} WHERE a > b AND c"', 'f"SELECT {a} WHERE a >= b OR c"']),
        ('"one and two"', []),
        ("@dataclass(frozen=True)\nclass A:\n    a: int | None", []),
    ],
)
def test_each_change_replaces_one_operator(text: str, expected: list[str]) -> None:
    assert changed(text) == expected


def test_a_sample_is_the_same_for_a_seed_and_spread_over_the_packages() -> None:
    assert all((ROOT / "connector" / package).is_dir() for package in PACKAGES)
    assert sample(ROOT, ["delivery"], 9, 3) == sample(ROOT, ["delivery"], 9, 3) != sample(ROOT, ["delivery"], 9, 4)
    first = sample(ROOT, PACKAGES, 60, 3)
    assert len({(change.file, change.line) for change in first}) == 60
    packages = {change.file.split("/")[1] for change in first}
    assert packages <= set(PACKAGES)
    assert len(packages) >= len(PACKAGES) - 2, "a small package may be missing"
    for change in first:
        compile(change.apply((ROOT / change.file).read_text()), change.file, "exec")


SOURCE = "LIMIT = 3\n\n\ndef f(a):\n    return a < LIMIT\n\n\ndef g(\n    a=1,\n):\n    return a\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [(1, ["tests/x/test_x.py::f"]), (5, ["tests/x/test_x.py::f"]), (9, ["tests/x/test_x.py::g"])],
    ids=str,
)
def test_the_tests_that_run_a_statement_or_read_its_name_are_chosen(
    tmp_path: Path, line: int, expected: list[str]
) -> None:
    """Lines are found again after others were inserted before them."""
    (tmp_path / "connector").mkdir()
    (tmp_path / "connector" / "x.py").write_text('"""Docs."""\n' + SOURCE)
    lines = {5: {"tests/x/test_x.py::f"}, 11: {"tests/x/test_x.py::g"}}
    tests = {"tests/x/test_x.py::f": 0.1, "tests/x/test_x.py::g": 0.1}
    known = CoverageMap(sources={"connector/x.py": SOURCE}, seconds=tests, lines={"connector/x.py": lines})
    assert covering_tests(known, tmp_path, Change("connector/x.py", "constant", 0, 0, "", line + 1)) == expected


def test_tests_run_up_to_a_time_and_one_at_least() -> None:
    mutants = Mutants(Tree(ROOT), {"a": 2.0, "b": 1.0, "c": 3.0})
    assert [mutants.affordable(["a", "b", "c"], seconds) for seconds in (1, 3, 5.5, 6)] == [
        ["a"], ["a", "b"], ["a", "b"], ["a", "b", "c"],
    ]  # fmt: skip
    assert mutants.affordable([]) == []


def test_the_quickest_tests_of_each_module_come_first_in_turn() -> None:
    seconds = {"tests/a/test_1.py::a": 3.0, "tests/a/test_1.py::b": 1.0, "tests/b/test_2.py::c": 2.0}
    assert in_order(seconds, seconds, "b") == ["tests/b/test_2.py::c", "tests/a/test_1.py::b", "tests/a/test_1.py::a"]
