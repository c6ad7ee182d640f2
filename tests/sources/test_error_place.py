"""The places that warehouses name in their errors."""

import pytest

from connector.sources.error_place import Place, named_place

SQL = "\n".join(f"line {number}" for number in range(1, 10))

MESSAGES: dict[str, Place | None] = {
    "SQL compilation error: error line 3 at position 5\ninvalid identifier 'X'": (3, 6),
    "SQL compilation error:\nsyntax error line 1 at position 0 unexpected 'SELEC'.": (1, 1),
    "[UNRESOLVED_COLUMN] A column cannot be resolved. SQLSTATE: 42703; line 2 pos 7": (2, 8),
    "[PARSE_SYNTAX_ERROR] Syntax error (line 2, pos 7)": (2, 8),
    "line 3:5: Column 'x' cannot be resolved": (3, 5),
    "Syntax error: failed at position 20 ('y') (line 3, col 7): y": (3, 7),
    "400 Unrecognized name: guestmail at [3:2]": (3, 2),
    "(1064, \"You have an error in your SQL syntax near 'FRM stays' at line 4\")": (4, None),
    "Incorrect syntax near 'x'. Line 3": (3, None),
    "(1054, \"Unknown column 'x' in 'field list'\")": None,
    "no such column: x": None,
    'near "FRM": syntax error': None,
    "the value at line 4 is odd": None,
    "error line 300 at position 5": None,
    "syntax near 'x' at line 0": None,
    "line": None,
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_place_in_words_is_read(message: str) -> None:
    assert named_place(SQL, message) == MESSAGES[message]
