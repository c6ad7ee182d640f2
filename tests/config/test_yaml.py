from pathlib import Path

import pytest

from connector.config.yaml import Document, read_yaml
from connector.errors import ConfigurationError


def read(directory: Path, text: str) -> Document:
    (directory / "a.yaml").write_text(text)
    return read_yaml(directory / "a.yaml")


def refused(directory: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigurationError) as caught:
        read(directory, text)
    return [(problem.line, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "word", ["NO", "yes", "on", "off", "Y", "n", "0123", "0x1F", "1e5", "1_000", "12:30", "2024-01-01", ".5"]
)
def test_what_yaml_1_1_would_turn_into_something_else_is_text(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, f"a: {word}").data == {"a": word}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("", None),
        ("~", None),
        ("-7", -7),
        ("1.50", 1.5),
        ("'5'", "5"),
        ("!!str 5", "5"),
    ],
)
def test_scalars(tmp_path: Path, written: str, value: object) -> None:
    assert read(tmp_path, f"a: {written}").data == {"a": value}


def test_a_long_id_keeps_its_digits(tmp_path: Path) -> None:
    assert str(read(tmp_path, "a: 7654321098765432109").data["a"]) == "7654321098765432109"


def test_lines_are_those_of_the_keys(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b:\n    c: 1\nd:\n  - 1\n  - e: 2\n")
    assert document.line(("a", "b", "c")) == 3
    assert document.line(("a", "b")) == 2
    assert document.line(("d", 1, "e")) == 6
    assert document.line(("a", "nothing", "there")) == 1


def test_merge_keys_are_followed(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}").data["d"] == {"b": 1, "c": 3}


def test_every_key_written_twice_is_told(tmp_path: Path) -> None:
    found = refused(tmp_path, "a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n")
    assert [line for line, _ in found] == [3, 4]
    assert '"a" was already written on line 1' in found[0][1]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a:\n\tb: 1", 2, "tab"),
        ("a: 1\nb: [1, 2", 2, "not closed"),
        ("a: 'x", 1, "quotation mark"),
        ("a: b: c", 1, "colon"),
        ("a: *x", 1, "&name"),
        ("cron: * * * * *", 1, "quotes"),
        ("a: @x", 1, "quotes"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a:\n  b: 1\n c: 2", 3, "indented"),
        ("a: 1\nurl: {{ env.X }}", 2, "quotation marks"),
        ("a: 1\nurl: {{ env.X }}/path", 2, "quotation marks"),
        ("a: &x [*x]", 1, "alias"),
        ("a: !env X", 1, "!env"),
        ("a: !!int secret", 1, "!!int"),
        ("<<: 3", 1, "<<"),
        ("? [a]\n: 1", 1, "single word"),
    ],
)
def test_broken_yaml_is_one_problem_with_its_line_and_advice(tmp_path: Path, text: str, line: int, word: str) -> None:
    ((found_line, message),) = refused(tmp_path, text)
    assert found_line == line
    assert word in message
    assert "secret" not in message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_yaml(tmp_path / "a.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")
