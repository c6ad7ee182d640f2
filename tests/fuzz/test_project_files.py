"""The files of a project: its settings, a query, a data template, and the variables that they name.

Whatever a file holds, the project is read, or is refused with a list of problems, each a sentence and all about files
of the project; there is no other exception, and it takes no longer than seconds. Where it is read, its query and the
transform of the result can be shown, or there is such a list for them.
"""

import re
from pathlib import Path

from hypothesis import strategies as st

from connector.config.project import load_project
from connector.config.query_test import load_query_tests
from connector.errors import ConfigurationError, ConnectorError
from connector.inspection.expectations import read_expectations
from connector.inspection.validate import compile_sql, validate_orchestrations
from tests.config.project import BASE
from tests.fuzz.conftest import Record
from tests.fuzz.fuzzing import Input, corpus, for_each, fuzz, within
from tests.fuzz.mutation import mutated

BORDER = "project_files"
SECONDS = 10.0
"""For a file of a few kilobytes, on a busy machine."""
PLACES = {
    ".yaml": "orchestrations.yaml",
    ".sql": "queries/purchases.sql",
    ".template": "templates/own.yaml",
    ".test": "tests/purchases.yaml",
}
"""Where in a project a file is put, by its suffix; `.env` is lines of variables."""
WORDS = (
    b"{{ ", b" }}", b"{% ", b" %}", b"{{ env.A }}", b"{{ parameters.since }}", b"{% set x = 1 %}", b"{% for i in range(9) %}", b"{% endfor %}", b"{% macro a() %}",
    b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"!!binary ", b"!!int ", b"---\n", b"? ", b"- ", b"|-\n", b"\n  ", b": ", b"~", b"[", b"]", b"{", b"}",
    b"warehouses:", b"targets:", b"roles:", b"notifications:", b"schedule: '0 5 * * *'", b"ledger: 'sqlite:///x.db'", b"extends: own", b"workflow: automatic",
    b"given:", b"expect:", b"events:", b"members:", b"contents:", b"rejects:", b"columns:", b"rows:", b"result:", b"lines:", b"started_at: 2026-11-20",
    b"SELECT ", b"COPY t TO 'x'", b";", b"--", b"/*", b"*/", b"$$", b"E'\\'", b" UNION ALL ", b"INSTALL httpfs;", b"ATTACH 'x'", b"{{ 9 ** 9 ** 9 }}", b"{{ 'a' * 10 ** 10 }}",
)  # fmt: skip


def write(folder: Path, case: Input) -> dict[str, str]:
    """Write a project in which one file holds the input; returns its variables."""
    for name, content in {
        "orchestrations.yaml": BASE.replace("query: purchases", "query: purchases\n    template: own\n    parameters: {since: 2026-11-01}"),
        "queries/purchases.sql": "SELECT 1 AS event_id",
        "templates/own.yaml": "extends: tiktok_events\n",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content.replace("///demo/warehouse.duckdb", "///:memory:"))
    suffix = Path(case.name).suffix
    if suffix in PLACES:
        (folder / PLACES[suffix]).parent.mkdir(exist_ok=True)
        (folder / PLACES[suffix]).write_bytes(case.content)
        return {}
    settings = (folder / "orchestrations.yaml").read_text()
    (folder / "orchestrations.yaml").write_text(
        settings.replace("token-that-never-prints", '"{{ env.A }}"').replace('"7654321098765432109"', '"{{ env.B }}"')
    )
    lines = case.content.decode(errors="surrogateescape").replace("\0", "").split("\n")
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name in {"A", "B"}}


def check(folder: Path, case: Input) -> None:
    """Validate a project with this file; where it is a query or a template, compile it too."""
    environ = write(folder, case)
    with within(SECONDS):
        try:
            project = load_project(folder, environ)
            names = [name for name in project.orchestrations if validate_orchestrations(project, [name], connect=False)]
            read_expectations(project, load_query_tests(project).tests)
            for name in names if Path(case.name).suffix in {".sql", ".template"} else ():
                assert compile_sql(project, name).transform
        except ConfigurationError as error:
            for problem in error.problems:
                assert problem.file is None or problem.file.is_relative_to(folder), problem
                assert re.search(r"[.?:)]$", problem.message) and len(problem.message) < 2_000, problem
        except ConnectorError as error:
            assert len(error.message.splitlines()) == 1, error.message


@for_each(BORDER)
def test_the_corpus_is_read_or_refused(case: Input, tmp_path: Path) -> None:
    check(tmp_path, case)


def inputs() -> st.SearchStrategy[Input]:
    """Draw files, each kind as often as the others."""
    seeds = corpus(BORDER)
    kinds = sorted({Path(one.name).suffix for one in seeds})
    return st.one_of([mutated([one for one in seeds if one.name.endswith(kind)], WORDS) for kind in kinds])


def test_any_file_is_read_or_refused(tmp_path: Path, record: Record) -> None:
    record(fuzz(BORDER, inputs(), lambda case: check(tmp_path, case)))
