"""Project files made to be large, deep or broken: each is read or refused in a moment, in one sentence a problem."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.layout import MOST_ENTRIES, MOST_TARGETS
from connector.config.nodes import Node
from connector.config.problems import ProblemList
from connector.config.project import load_project
from connector.config.project_files import LARGEST_QUERY
from connector.config.tree import DEEPEST, MOST_VALUES
from connector.config.yaml import LARGEST_FILE, read_yaml
from connector.errors import ConfigurationError, Problem
from tests.cli.command import inside
from tests.config.project import BASE, write


def parameters(written: str) -> str:
    return BASE + f"    parameters: {written}\n"


def lists_of_lists(levels: int, width: int) -> str:
    lines = ["x:", "  a0: &a0 [lol]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + BASE


def merges_of_merges(levels: int) -> str:
    lines = ["x:", "  a0: &a0 {k: v}"]
    lines += [f"  a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + BASE


def entries(number: int, settings: str) -> str:
    more = "".join(f"  w{n}: {{{settings}: 'duckdb:///w{n}.duckdb'}}\n" for n in range(number))
    return BASE.replace("warehouses:\n", f"warehouses:\n{more}")


def with_setting(setting: str) -> str:
    return BASE.replace("    type: tiktok_events\n", f"    type: tiktok_events\n    {setting}\n")


TOO_MANY = f"The file holds more than {MOST_VALUES:,} values"
TOO_DEEP = f"nests deeper than {DEEPEST} levels"
NO_TEXT = "holds a character that no text can hold"
NOT_UTF8 = "is not text in UTF-8"
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "aliases, ten of each": (lists_of_lists(9, 10), TOO_MANY),
    "aliases, two of each": (lists_of_lists(30, 2), TOO_MANY),
    "merged aliases": (merges_of_merges(20), TOO_MANY),
    "20,000 warehouses": (entries(20_000, "url"), TOO_MANY),
    "3,000 warehouses": (entries(3_000, "url"), f"3,001 entries; there can be {MOST_ENTRIES:,}"),
    "3,000 targets": (BASE + "targets:\n" + "".join(f"  t{n}: {{}}\n" for n in range(3_000)), f"there can be {MOST_TARGETS}"),
    "lists 20,000 deep": (parameters("[" * 20_000 + "]" * 20_000), TOO_DEEP),
    "lists that never end": (parameters("[" * 20_000), TOO_DEEP),
    "mappings 20,000 deep": (parameters("{a: " * 20_000 + "1" + "}" * 20_000), TOO_DEEP),
    "sequences of sequences": ("x:\n" + "- " * 20_000 + "1\n", TOO_DEEP),
    "a large comment": (BASE + "#" * LARGEST_FILE, "is larger than 1 MiB"),
    "a long key": (BASE + "k" * 400_000 + ": 1\n", "has a key without a colon"),
    "NUL": (BASE.encode() + b"\0", NOT_UTF8),
    "Latin-1": (parameters("{a: \u00e9}").encode("latin-1"), NOT_UTF8),
    "UTF-16 without a mark": (BASE.encode("utf-16-le"), NOT_UTF8),
    "UTF-32": (BASE.encode("utf-32"), NOT_UTF8),
    "half a pair": (parameters(r'{a: "\ud800"}'), NO_TEXT),
    "an escaped NUL": (parameters(r'{a: "\0"}'), NO_TEXT),
    "an escaped NUL as a key": (parameters(r'{"\0": 1}'), NO_TEXT),
    "an integer of 10,000 digits by its tag": (parameters("{a: !!int " + "9" * 10_000 + "}"), "!!int promises"),
    "an advertiser id of 10,000 digits": (BASE.replace('"7654321098765432109"', "9" * 10_000), "must be digits only"),
    "a number of 99 digits": (with_setting("max_age_days: " + "9" * 99), "must be a whole number from 1"),
    "not a number": (with_setting("requests_per_second: .nan"), "must be a whole number from 1"),
    "a line break in api_url": (with_setting(r'api_url: "https://a.example/\r\nX: y"'), "must be an https:// address"),
    "a blank in api_url": (with_setting('api_url: "https://a b.example"'), "must be an https:// address"),
    "a host that is too long": (with_setting(f"api_url: https://{'a' * 300}.example"), "must be an https:// address"),
    "a line break in proxy": (with_setting(r'proxy: "http://a.example:1\r\nX: y"'), "must be the address of an HTTP proxy"),
    "a line break in a warehouse": (BASE.replace("warehouse.duckdb", r"w\r\n.duckdb"), "must not hold line breaks"),
    "a line break in the ledger": (BASE + 'ledger: "sqlite:///l\\nx"\n', "must not hold line breaks"),
    "no such ca_file": (with_setting("ca_file: missing.pem"), "ca_file names a file that does not exist"),
    "a ca_file without a certificate": (with_setting("ca_file: queries/purchases.sql"), "holds no certificate in PEM"),
    "a deep placeholder": (parameters('{a: "{{ ' + "(" * 5_000 + ")" * 5_000 + ' }}"}'), "has a placeholder"),
}  # fmt: skip


def problems(directory: Path, content: str | bytes) -> list[str]:
    write(directory)
    (directory / "orchestrations.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError) as caught:
        load_project(directory, {}).orchestration("purchases")
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize("case", REFUSED)
def test_an_odd_file_is_refused_in_a_moment(tmp_path: Path, case: str) -> None:
    content, words = REFUSED[case]
    started = time.thread_time()
    (message,) = problems(tmp_path, content)
    assert time.thread_time() - started < 10
    assert words in message
    assert len(message) < 500
    assert message.isprintable()


@pytest.mark.parametrize("value", ["{{ 9 ** 9 ** 9 }}", "{{ 'a' * 9000000000 }}", "{{ '%9999999999d' % 1 }}"])
def test_a_placeholder_that_calculates_is_refused(tmp_path: Path, value: str) -> None:
    content = BASE.replace("token-that-never-prints", f'"{value}"')
    assert "cannot be filled in" in problems(tmp_path, content)[0]


@pytest.mark.parametrize(
    "content", [entries(MOST_ENTRIES - 1, "url"), BASE.encode("utf-8-sig"), BASE.encode("utf-16"),
                parameters("{a: " + "9" * 10_000 + "}"), parameters("{a: " * 20 + "1" + "}" * 20)],
    ids=["as many warehouses as there can be", "BOM", "UTF-16", "many digits", "deep"],
)  # fmt: skip
def test_what_is_only_unusual_is_read(tmp_path: Path, content: str | bytes) -> None:
    write(tmp_path)
    (tmp_path / "orchestrations.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    started = time.thread_time()
    assert load_project(tmp_path, {}).orchestration("purchases")
    assert time.thread_time() - started < 20


@pytest.mark.parametrize(
    "content", [entries(MOST_ENTRIES - 1, "urll"), BASE + "".join(f"k{n}: 1\n" for n in range(5_000)),
                "version: 1\n" * 5_000, entries(MOST_ENTRIES - 1, "url").replace("destination: stores", "destination: x")],
    ids=["wrong keys", "unknown keys", "the same key", "a name among many"],
)  # fmt: skip
def test_thousands_of_mistakes_are_found_in_a_moment(tmp_path: Path, content: str) -> None:
    started = time.thread_time()
    assert problems(tmp_path, content)
    assert time.thread_time() - started < 20


def _no_file(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("break_", [_no_file, _folder, _loop])
def test_a_file_that_cannot_be_read_is_wrong_configuration(tmp_path: Path, break_: Callable[[Path], None]) -> None:
    break_(write(tmp_path) / "orchestrations.yaml")
    outcome = inside("validate", project=tmp_path)
    assert outcome.code == 2
    assert "orchestrations.yaml" in outcome.sentence


@settings(deadline=None, max_examples=50)
@given(st.one_of(st.binary(max_size=200), st.text("[]{}:&*<!|>-?'\"%@`,# \n\ta1", max_size=80).map(str.encode)))
def test_any_bytes_are_yaml_or_a_list_of_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    read_anything(tmp_path_factory, content)


@pytest.mark.thorough
@settings(deadline=None, max_examples=20_000)
@given(st.one_of(st.binary(max_size=200), st.text("[]{}:&*<!|>-?'\"%@`,# \n\ta1", max_size=80).map(str.encode)))
def test_any_of_many_bytes_are_yaml_or_a_list_of_problems(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    read_anything(tmp_path_factory, content)


def read_anything(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    for whole in (content, BASE.encode() + content):
        file.write_bytes(whole)
        try:
            read_yaml(file)
        except ConfigurationError as error:
            assert error.problems


@pytest.mark.parametrize("targets", ["", "targets: {local: {}}\n", "targets: {local: {}, production: {}}\n"])
@pytest.mark.parametrize("value", ["[local]", "[]", "{a: b}", "true", "1.5", "''"])
def test_a_target_that_is_no_name_is_refused_in_one_sentence(tmp_path: Path, value: str, targets: str) -> None:
    (problem,) = problems(tmp_path, f"{BASE}target: {value}\n{targets}")
    assert "target is " in problem
    assert "Node(" not in problem


def test_a_problem_is_recorded_once() -> None:
    problems = ProblemList(Path("orchestrations.yaml"))
    for _ in range(2):
        problems.record(Problem("This is wrong.", problems.file, 1))
        problems.add(Node(1, 1, ("version",)), "must be 2")
    assert len(problems.items) == 2


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    path.write_text("SELECT 1 --" + "x" * LARGEST_QUERY)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_pipe, "is not a regular file"),
        (_link_to_pipe, "is not a regular file"),
        (_endless, "is not a regular file"),
        (Path.mkdir, "is not a regular file"),
        (_large, "is larger than 1 MiB"),
    ],
)
def test_a_query_that_may_never_end_is_not_read(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    query = write(tmp_path) / "queries" / "purchases.sql"
    query.unlink()
    make(query)
    for command in ("compile", "plan", "validate", "run"):
        outcome = inside(command, "purchases", project=tmp_path)
        assert outcome.code == 2
        assert f"names the query purchases.sql, which {words}" in outcome.stderr


def test_a_link_to_a_query_is_read(tmp_path: Path) -> None:
    query = write(tmp_path) / "queries" / "purchases.sql"
    query.rename(tmp_path / "elsewhere.sql")
    query.symlink_to(tmp_path / "elsewhere.sql")
    assert load_project(tmp_path, {}).orchestration("purchases").query_path == query
