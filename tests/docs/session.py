"""Runs the `$ ` lines of a page's console blocks one after the other, as a reader would."""

import os
import re
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from shlex import split

from typer.testing import CliRunner

from connector.cli.app import app
from tests.docs.markdown import ROOT, blocks

RUN_ID = re.compile(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b")
EXCLUDED_ROW = "..."
ITS_OWN = ("CONNECTOR_", "TIKTOK_", "COLUMNS")
"""What the environment variables are called that the command reads."""


@dataclass(frozen=True)
class Step:
    """A command of a page, and the lines below it."""

    command: str
    shown: tuple[str, ...]
    place: str


def steps(page: Path) -> Iterator[Step]:
    """The commands of a page, in order."""
    for block in blocks(page):
        if block.language != "console":
            continue
        starts = [place for place, line in enumerate(block.lines) if line.startswith("$ ")]
        assert starts[0] == 0, f"{page.name}:{block.number}: begins without a command"
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            shown = block.lines[start + 1 : end]
            yield Step(block.lines[start][2:], shown, f"{page.name}:{block.number + start}")


@dataclass
class Session:
    """A shell of few words, in a folder of its own. Ids of runs that a page shows stand for those of real runs."""

    folder: Path
    exit_code: int = 0
    run_ids: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def run(self, step: Step) -> str:
        """What the command printed, stdout and stderr as they came."""
        word, *arguments = split(RUN_ID.sub(lambda found: self.run_ids[found[0]], step.command))
        before, self.exit_code = self.exit_code, 0
        if word == "make":
            return self._make(*arguments)
        if word == "connector":
            return self._connector(arguments)
        if (word, *arguments) == ("echo", "$?"):
            return f"{before}\n"
        assert word == "cd", f"{step.place}: a test cannot run {word}"
        self.folder = self.folder.joinpath(*arguments).resolve(strict=True)
        return ""

    def learn(self, step: Step, output: str) -> None:
        """Remembers which run the ids that a page shows for the first time stand for."""
        shown = [one for one in dict.fromkeys(RUN_ID.findall("\n".join(step.shown))) if one not in self.run_ids]
        new = [one for one in dict.fromkeys(RUN_ID.findall(output)) if one not in self.seen]
        self.seen += new
        self.run_ids.update(zip(shown, new, strict=False))

    def _make(self, target: str) -> str:
        makefile = (ROOT / "Makefile").read_text("utf-8").replace("$(BIN)", ".venv/bin")
        recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        assert recipe, f"the Makefile has no {target}"
        (command,) = recipe[1].splitlines()
        return f"{command.strip()}\n" + self._connector(split(command)[1:])

    def _connector(self, arguments: list[str]) -> str:
        unset: dict[str, str | None] = dict.fromkeys(name for name in os.environ if name.startswith(ITS_OWN))
        with chdir(self.folder):
            result = CliRunner().invoke(app, arguments, prog_name="connector", env=unset)
        self.exit_code = result.exit_code
        return result.output.replace(str(self.folder.parent), "…")


def unlike(step: Step, output: str) -> list[str]:
    """What a page shows of a command's output, and what of the output it does not show, each line once.

    Lines are compared whatever their order, since a pipe mixes stdout and stderr, and whatever their numbers,
    since the demo warehouse is another one every day. Below a line `...` anything may be left out.
    """
    actual = {_form(line) for line in output.splitlines()}
    shown = {_form(line) for line in step.shown}
    wrong = [f"not printed: {line}" for line in sorted(shown - actual - {_form(EXCLUDED_ROW)})]
    if EXCLUDED_ROW not in step.shown:
        wrong += [f"not shown: {line}" for line in sorted(actual - shown)]
    return wrong


def _form(line: str) -> str:
    line = RUN_ID.sub("RUN", line)
    line = re.sub(r"\b[0-9A-Fa-f]{16,}\b", "HEX", line)
    line = re.sub(r"\d[\d.,]*", "#", line)
    return " ".join(line.split())
