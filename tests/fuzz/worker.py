"""A process that carries commands out for a test, which goes on when it crashes.

It reads a JSON object a line: `{"args": [...], "project": "..."}` runs `connector`, `{"stage": "folder", "file": "name"}`
reads a staged file. It answers with one of them each.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connector.errors import CorruptStage
from connector.staging.storage.open_files import OpenFiles
from tests.cli.command import ROOT, Outcome, environment, inside
from tests.fuzz.fuzzing import within

SECONDS = 60.0


class Worker:
    """Asks such a process, and starts another one when it has crashed."""

    def __init__(self, **environ: str) -> None:
        self._environ = environ
        self._process: subprocess.Popen[str] | None = None

    def connector(self, *args: str, project: Path) -> Outcome:
        """Run a command. Raises AssertionError where the process crashes, TimeoutError where it takes too long."""
        return Outcome(**self._ask({"args": args, "project": str(project)}))

    def stage(self, folder: Path, file: str) -> list[str] | str:
        """Read a staged file: the digests of its batches, or the sentence on what is wrong. Raises as `connector`."""
        found: list[str] | str = self._ask({"stage": str(folder), "file": file})["found"]
        return found

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self._process = self._process or _started(self._environ)
        assert process.stdin and process.stdout
        try:
            with within(SECONDS):
                print(json.dumps(question), file=process.stdin, flush=True)
                line = process.stdout.readline()
        except BaseException:
            self._end()
            raise
        if not line:
            self._end()
            raise AssertionError(f"the process crashed ({process.returncode})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._end()


def _started(environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.worker"],
        env=environment(None, environ),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    if "stage" in question:
        return {"found": _read(Path(question["stage"]), question["file"])}
    done = inside(*question["args"], project=Path(question["project"]))
    return {"code": done.code, "stdout": done.stdout, "stderr": done.stderr}


def _read(folder: Path, file: str) -> list[str] | str:
    files = OpenFiles(folder)
    try:
        return [sha256(repr(batch.to_pydict()).encode()).hexdigest() for batch in files.batches(file)]
    except CorruptStage as error:
        return error.message
    finally:
        files.close()


def main() -> None:
    """Answer until there is no more question."""
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
