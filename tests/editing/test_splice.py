"""Edits of a YAML text change the values that are meant, and no other line, whatever the file looks like."""

import difflib
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.yaml import parse_content
from connector.editing.marked_text import CannotSplice
from connector.editing.proposal import FileVersion, propose
from connector.editing.splice import REMOVED, Edit
from connector.editing.value_text import flow_text
from tests.hypothesis_settings import scaled
from tests.packaging.test_distribution import ROOT

SHIPPED = (ROOT / "orchestrations.yaml").read_bytes()
STORE = ("orchestrations", "store_purchases")


def edited(content: bytes | str, *edits: Edit) -> str:
    """The content with the edits made."""
    content = content.encode() if isinstance(content, str) else content
    return propose(FileVersion(content), edits).after.content.decode()


def changes(before: str, after: str) -> list[str]:
    """The lines that were removed and added, with their ends."""
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line for line in lines if line[:2] in ("- ", "+ ")]


SIX = [
    (Edit((*STORE, "workflow"), "automatic"), "workflow: automatic"),
    (Edit((*STORE, "limit"), 10), "    limit: 10"),
    (Edit((*STORE, "tags"), ["stores", "eu"]), "tags: [stores, eu]"),
    (Edit((*STORE, "schedule", "timezone"), "Asia/Kathmandu"), "timezone: Asia/Kathmandu}"),
    (Edit((*STORE, "max_reject_percent"), REMOVED), "max_reject_percent"),
    (Edit(("targets", "sandbox", "orchestrations", "store_purchases", "limit"), 7), "limit: 7"),
]


@pytest.mark.parametrize(("edit", "sign"), SIX, ids=[".".join(map(str, edit.path)) for edit, _ in SIX])
@pytest.mark.parametrize("form", ["lf", "crlf", "bom", "no-end"])
def test_an_edit_of_the_shipped_file_changes_one_line(form: str, edit: Edit, sign: str) -> None:
    content = SHIPPED
    if form == "crlf":
        content = content.replace(b"\n", b"\r\n")
    if form == "bom":
        content = b"\xef\xbb\xbf" + content
    if form == "no-end":
        content = content.rstrip(b"\n")
    before, after = content.decode(), edited(content, edit)
    changed = changes(before, after)
    assert 1 <= len(changed) <= 2 and all(str(edit.path[-1]) in line for line in changed)
    assert sign in changed[-1]
    assert {line[-2:] == "\r\n" for line in changed} == {form == "crlf"}


AS_IT_IS = {
    "double quotes": 'a: "x"\nb: 1\n',
    "single quotes": "a: 'x'\nb: 1\n",
    "long text": f"a: {'word ' * 40}end\nb: 1\n",
    "cr lf": "a: 1\r\nb: 1\r\n",
    "byte order mark": "\ufeffa: 1\nb: 1\n",
    "start of a document": "---\na: 1\nb: 1\n",
    "end of a document": "a: 1\nb: 1\n...\n",
    "no line end": "a: 1\nb: 1",
    "list with an indent": "a:\n    - 1\n    - 2\nb: 1\n",
    "list without an indent": "a:\n- 1\n- 2\nb: 1\n",
    "value on the next line": "a:\n  value\nb: 1\n",
    "blanks": "a:    1   # x\nb: 1   \n",
    "text over lines": "a: one\n  two\nb: 1\n",
    "quoted text over lines": 'a: "one\n  two"\nb: 1\n',
    "literal text": "a: |\n  one\n\n  two\n\nb: 1\n",
    "folded text": "a: >-\n  one\n  two\nb: 1\n",
    "escapes": 'a: "\\u00e9"\nb: 1\n',
    "tilde": "a: ~\nb: 1\n",
    "comment of the next key": "a: 1\n\n# about b\nb: 1\n",
    "comments at the end": "a: 1\nb: 1\n# the end\n",
    "anchor elsewhere": "x: &n {y: 1}\nz: *n\nb: 1\n",
    "merge key": "x: &n {y: 1}\nz:\n  <<: *n\n  q: 2\nb: 1\n",
    "text that others read as a number": "a: 0123\nc: 1_000\nd: 0x1F\ne: 1e5\nf: NO\nb: 1\n",
}
EDITS: dict[str, tuple[Edit, dict[str, Any]]] = {
    "set": (Edit(("b",), 2), {"b": 2}),
    "set text": (Edit(("b",), "NO"), {"b": "NO"}),
    "set a mapping": (Edit(("b",), {"c": {"d": [1, None, True]}}), {"b": {"c": {"d": [1, None, True]}}}),
    "add": (Edit(("new",), "x"), {"new": "x"}),
    "add below": (Edit(("new", "deep", "er"), 1), {"new": {"deep": {"er": 1}}}),
    "remove": (Edit(("b",), REMOVED), {"b": REMOVED}),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("form", AS_IT_IS)
def test_other_lines_stay_byte_equal(form: str, edit: str) -> None:
    before = AS_IT_IS[form]
    after = edited(before, EDITS[edit][0])
    expected = {**data(before), **EDITS[edit][1]}
    assert data(after) == {key: value for key, value in expected.items() if value is not REMOVED}
    removed = [line for line in changes(before, after) if line[0] == "-" and line.strip("\r\n") not in ("- b: 1",)]
    assert not [line for line in removed if not line.startswith("- b: 1")]


def data(text: str) -> Any:
    """The values of a YAML text."""
    document, problems = parse_content(text.encode(), ROOT / "file.yaml")
    assert document is not None and not problems, problems
    return document.data


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("a: # why\n  - x\n  - y # of y\n", Edit(("a",), ["x", "z"]), "a: # why\n  - x\n  - z # of y\n"),
        ("a:\n- x\n- y\n", Edit(("a",), ["y"]), "a:\n- y\n"),
        ("a:\n- x\n- y\n", Edit(("a",), ["x", "w", "y", "z"]), "a:\n- x\n- w\n- y\n- z\n"),
        ("a:\n- x\nb: 1\n", Edit(("a",), []), "a: []\nb: 1\n"),
        ("a:\n  b: 1\nc: 1\n", Edit(("a", "b"), REMOVED), "a: {}\nc: 1\n"),
        ("a:\n  b: 1 # b\n  # of c\n  c: 2\n", Edit(("a",), {"b": 1, "d": 3}), "a:\n  b: 1 # b\n  # of c\n  d: 3\n"),
        ("a:\n  b: 1\nc: 1\n", Edit(("a",), "text"), "a: text\nc: 1\n"),
        ("a: {b: 1, c: 2}\n", Edit(("a", "b"), REMOVED), "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", Edit(("a", "c"), REMOVED), "a: {b: 1}\n"),
        ("a: {b: 1,}\n", Edit(("a", "d"), [1]), "a: {b: 1, d: [1],}\n"),
        ("a: {}\n", Edit(("a", "d"), 1), "a: {d: 1}\n"),
        ("a:\nb: 1\n", Edit(("a",), "x"), "a: x\nb: 1\n"),
        ("a:  # nothing yet\nb: 1\n", Edit(("a", "c"), 1), "a:  # nothing yet\n  c: 1\nb: 1\n"),
        ("a: ~\nb: 1\n", Edit(("a", "c"), 1), "a: {c: 1}\nb: 1\n"),
        ("a: |\n  one\nb: 1\n", Edit(("a",), "two\nlines"), 'a: "two\\nlines"\nb: 1\n'),
        ('{"a": 1}', Edit(("b",), "x"), '{"a": 1, b: x}'),
    ],
)
def test_the_text_afterwards(before: str, edit: Edit, after: str) -> None:
    assert edited(before, edit) == after


@pytest.mark.parametrize(
    ("text", "edit", "line"),
    [
        ("x: &n\n  y: 1\nz: *n\n", Edit(("x", "y"), 2), 2),
        ("x: &n 1\nz: *n\n", Edit(("x",), 2), 1),
        ("x: &n {y: 1}\nz:\n  <<: *n\n", Edit(("x", "y"), 2), 1),
        ("a: &q\n  y: 1\nb: 1\n", Edit(("a",), 1), 1),
        ("a:\n- - 1\n  - 2\n", Edit(("a", 0, 0), REMOVED), 2),
        ("a:\n- b: 1\n  c: 2\n", Edit(("a", 0, "b"), REMOVED), 2),
        ("? a\n: 1\nb: 1\n", Edit(("c",), 1), 1),
        ("b: 1\na: |+\n  x\n\n", Edit(("c",), 1), 1),
    ],
)
def test_what_would_touch_other_lines_or_values_is_refused(text: str, edit: Edit, line: int) -> None:
    with pytest.raises(CannotSplice, match=rf"Edit line {line} of the file by hand"):
        edited(text, edit)


SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc: -#'\"é", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES | st.floats(-1e15, 1e15))
def test_a_value_is_read_as_it_was(value: Any) -> None:
    assert data(f"a: {flow_text(value)}\nb: [x, {flow_text(value)}, y]") == {"a": value, "b": ["x", value, "y"]}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Any]:
    """A file in some style with comments and blank lines between its lines, and its values."""
    keys = st.sampled_from(["a", "b", "c", "NO", "key with blanks", "é"])
    values = draw(
        st.dictionaries(
            keys,
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(0, 99)
                | st.sampled_from(["x", "a: b", "# no", "", "on", "l1\nl2\n", " "]),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
                max_leaves=10,
            ),
            min_size=1,
            max_size=4,
        )
    )
    text = yaml.safe_dump(
        values,
        default_flow_style=draw(st.sampled_from([False, None])),
        indent=draw(st.integers(2, 5)),
        sort_keys=False,
        allow_unicode=True,
        explicit_start=draw(st.booleans()),
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
    )
    return text, values


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Edit]:
    """A file, and an edit of a value in it or of one that is not there."""
    text, value = draw(files())
    path: tuple[str | int, ...] = ()
    while isinstance(value, dict | list) and value and (not path or draw(st.booleans())):
        key = draw(st.sampled_from(sorted(value, key=str) if isinstance(value, dict) else range(len(value))))
        path, value = (*path, key), value[key]
    if isinstance(value, dict) and draw(st.booleans()):
        path = (*path, "new")
    return text, Edit(path, draw(st.just(REMOVED) | VALUES))


@scaled(settings(deadline=None), 1_000)
@given(cases())
def test_edits_of_any_file_change_their_values_and_lines_only_or_are_refused(case: tuple[str, Edit]) -> None:
    text, edit = case
    try:
        after = edited(text, edit)
    except CannotSplice:
        return
    assert data(after) == with_edit(data(text), edit.path, edit.value)


def with_edit(values: Any, path: Sequence[str | int], value: Any) -> Any:
    """The values with one edit made."""
    if not path:
        return value
    copy: Any = dict(values) if isinstance(values, dict) else list(values)
    if len(path) == 1 and value is REMOVED:
        copy.pop(path[0]) if not isinstance(copy, dict) else copy.pop(path[0], None)
        return copy
    below = copy.get(path[0]) if isinstance(copy, dict) else copy[path[0]]
    copy[path[0]] = with_edit(below if below is not None else {}, path[1:], value)
    return copy
