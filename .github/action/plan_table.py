"""Print the plan files of a folder as Markdown: counts, and rejected rows by reason. They hold nothing of a row."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MARK = "<!-- the plan of connector -->"
"""Begins the comment, so that the next plan replaces it."""
HEADING = ("orchestration", "destination", "target", "rows read", "to send", "rejected", "skipped", "sends", "requests")


def markdown(plans: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table of plans, and of a list of reasons."""
    yield MARK
    yield "### What a run would send"
    yield ""
    yield _line(HEADING)
    yield _line("---" if number < 3 else "--:" for number in range(len(HEADING)))
    yield from (_line(_cells(plan)) for plan in plans)
    for plan in plans:
        for title, counts in (
            ("rejected", plan["rejects"]),
            ("skipped", plan["skips"]),
            ("warnings", plan["warnings"]),
        ):
            if counts:
                yield ""
                yield f"{_plain(plan['orchestration'])}, {title}: {_counts(counts)}"


def _cells(plan: Mapping[str, Any]) -> Iterator[str]:
    rows = plan["rows"]
    yield from (_plain(plan[name]) for name in ("orchestration", "destination", "target"))
    yield from (f"{rows[name]:,}" for name in ("read", "to_send", "rejected", "skipped"))
    members = plan["members"]
    yield (
        f"{plan['events']:,} events"
        if members is None
        else f"+{members['added']:,} −{members['removed']:,} identifiers"
    )
    yield f"{plan['requests']:,}"


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} `{reason}`" for reason, count in ordered)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(name: str) -> str:
    """Escape a name, so that it is a text in Markdown and not more."""
    return re.sub(r"([^\w ])", r"\\\1", "".join(character if character.isprintable() else " " for character in name))


if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).glob("*.json"))
    sys.stdout.write("\n".join(markdown([json.loads(path.read_text("utf-8")) for path in files])) + "\n")
