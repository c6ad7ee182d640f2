"""Inputs made from those of a corpus by some edits of their bytes."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.fuzzing import Input

MOST_BYTES = 1 << 20
WHOLE = 1 << 16
"""Places in an input are parts of this."""
ODD = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\r", b"\n", b"\r\n", b"\t", b"\x1b",
    b"\xe2\x80\xa8", b"\xc2\x85", b"\\", b'"', b"'", b"%", b"$", b"{{", b"}}", b"-1", b"0", b"9" * 40, b"1e999", b"a" * 300, b"(" * 300,
)  # fmt: skip

Edit = tuple[str, int, int, bytes, int]
KINDS = ("insert", "insert", "replace", "delete", "repeat", "flip", "cut", "join", "move")
FLIPS = ("flip",)


def edits(words: Sequence[bytes], kinds: Sequence[str] = KINDS) -> st.SearchStrategy[list[Edit]]:
    """Draw edits: what is done, where, over how many bytes, with which bytes, and with which other input."""
    data = st.one_of(st.sampled_from([*words, *ODD]), st.binary(max_size=4))
    length = st.one_of(st.integers(0, 8), st.integers(0, WHOLE))
    one = st.tuples(st.sampled_from(kinds), st.integers(0, WHOLE - 1), length, data, st.integers(0, 255))
    return st.lists(one, min_size=1, max_size=5)


def edited(content: bytes, changes: Sequence[Edit], others: Sequence[bytes]) -> bytes:
    """Carry the edits out, one after the other."""
    for kind, part, length, data, other in changes:
        place, end = len(content) * part // WHOLE, 0
        end = min(place + length, len(content))
        before, found, after = content[:place], content[place:end], content[end:]
        if kind == "insert":
            content = before + data + found + after
        elif kind == "replace":
            content = before + data + after
        elif kind == "delete":
            content = before + after
        elif kind == "repeat":
            content = before + found * (2 + other % 30) + after
        elif kind == "flip" and place < len(content):
            content = before + bytes([content[place] ^ (1 << other % 8)]) + content[place + 1 :]
        elif kind == "cut":
            content = before
        elif kind == "join":
            joined = others[other % len(others)]
            content = before + joined[len(joined) * (length % WHOLE) // WHOLE :]
        elif kind == "move":
            content = before + after + found
        content = content[:MOST_BYTES]
    return content


def mutated(inputs: Sequence[Input], words: Sequence[bytes], kinds: Sequence[str] = KINDS) -> st.SearchStrategy[Input]:
    """Draw an input of the corpus with edits; `words` are of the language that it is written in."""
    contents = [one.content for one in inputs]

    def change(case: Input, changes: Sequence[Edit]) -> Input:
        return Input(case.name, edited(case.content, changes, contents))

    return st.builds(change, st.sampled_from(inputs), edits(words, kinds))
