"""Print the problems in the JSON of `connector validate` as annotations, which GitHub shows at their lines."""

import json
import sys


def escaped(text: object, further: str = "") -> str:
    """Escape a text for a workflow command; `further` are characters that end a property."""
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{further}" else one for one in str(text))


def command(problem: dict[str, object]) -> str:
    """Return the workflow command of a problem."""
    places = (("file", "file"), ("line", "line"), ("col", "column"), ("title", "rule"))
    properties = [f"{name}={escaped(problem[key], ':,')}" for name, key in places if problem.get(key) is not None]
    return f"::error {','.join(properties)}::{escaped(problem['message'])}"


if __name__ == "__main__":
    for one in json.load(sys.stdin).get("problems", []):
        sys.stdout.write(f"{command(one)}\n")
