"""Characters that nobody sees are removed, but for the white space that separates values."""

import unicodedata

import duckdb

from connector.transform.invisible import INVISIBLE_BUT_SPACE_CLASS, INVISIBLE_CLASS, without_invisible

FIRST = 0x2100
"""All controls, and most format characters, lie before it."""
LETTERS_LIKE = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065}
"""Ignorable characters of other categories than Cc and Cf."""


def unseen(code: int) -> bool:
    return unicodedata.category(chr(code)) in {"Cc", "Cf"} or code in LETTERS_LIKE


def test_each_invisible_character_is_removed_and_no_other() -> None:
    for code in range(FIRST):
        text = f"a{chr(code)}b"
        expected = "ab" if unseen(code) and not chr(code).isspace() else text
        assert without_invisible(text) == expected, hex(code)


def test_sql_removes_the_same_characters() -> None:
    texts = [f"a{chr(code)}b" for code in range(1, FIRST)]
    query = "SELECT regexp_replace(unnest($texts), $class, '', 'g')"
    for pattern, keeps_space in ((INVISIBLE_CLASS, False), (INVISIBLE_BUT_SPACE_CLASS, True)):
        found = [row[0] for row in duckdb.execute(query, {"texts": texts, "class": pattern}).fetchall()]
        for code, text in enumerate(found, 1):
            is_removed = unseen(code) and not (keeps_space and chr(code).isspace())
            assert text == ("ab" if is_removed else f"a{chr(code)}b"), hex(code)
