"""Print the problems in the JSON of `connector validate` or `connector test` as annotations, which GitHub shows."""

import json
import sys
from collections.abc import Iterator
from typing import Any


def escaped(text: object, further: str = "") -> str:
    """Escape a text for a workflow command; `further` are characters that end a property."""
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{further}" else one for one in str(text))


def command(problem: dict[str, object]) -> str:
    """Return the workflow command of a problem."""
    places = (("file", "file"), ("line", "line"), ("col", "column"), ("title", "rule"))
    properties = [f"{name}={escaped(problem[key], ':,')}" for name, key in places if problem.get(key) is not None]
    return f"::error {','.join(properties)}::{escaped(problem['message'])}"


def problems(found: dict[str, Any]) -> Iterator[dict[str, object]]:
    """Yield the problems of files, and those and the differences of tests."""
    yield from found.get("problems", [])
    for test in found.get("tests", []):
        yield from test["problems"]
        for one in test["differences"]:
            subject = ": ".join(filter(None, (one["subject"], one["key"])))
            message = f"{subject}: expected {one['expected']}, got {one['actual']}"
            place = {"file": test["file"], "line": one["line"] or test["line"]}
            yield {**place, "message": message, "rule": f"{test['orchestration']}/{test['name']}"}


if __name__ == "__main__":
    text = sys.stdin.read()
    for problem in problems(json.loads(text) if text.strip() else {}):
        sys.stdout.write(f"{command(problem)}\n")
