"""The report as a Markdown page: targets first, then figures."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks import other_sections, run_sections
from benchmarks.cluster_section import more_machines
from benchmarks.console_section import console_pages
from benchmarks.results import Results
from benchmarks.source_section import sources
from benchmarks.tables import table
from benchmarks.targets import targets

_LIBRARIES = ("duckdb", "pyarrow", "numpy", "httpx", "orjson", "phonenumberslite")
_SECTIONS = (
    run_sections.stages,
    run_sections.shapes,
    run_sections.floor,
    run_sections.profile,
    run_sections.transform,
    run_sections.beside,
    run_sections.waiting,
    other_sections.simulator,
    other_sections.keys,
    other_sections.audience,
    lambda results: sources(results.sources),
    lambda results: console_pages(results.console),
    lambda results: more_machines(results.cluster),
)


def markdown(results: Results) -> str:
    """The page."""
    return "\n".join([*_head(results), *(line for section in _SECTIONS for line in section(results))]) + "\n"


def _head(results: Results) -> Iterator[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench` on {os.cpu_count()} cores ({platform.system()}, {_processor()}),"
    yield f"Python {platform.python_version()}, {libraries}."
    yield f"Unless a table says otherwise: {results.rows:,} rows, the lines of {results.usual.run.events:,} purchases"
    yield f"that can be sent; medians of {results.repetitions}. What did not pay is in [TRIED.md](TRIED.md)."
    yield ""
    yield from table(
        ("target", "measured", "met"),
        [(target.what, target.measured, "yes" if target.met else "**no**") for target in targets(results)],
    )


def _processor() -> str:
    """What the system calls it, and its kind."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return ", ".join([platform.machine(), *names[:1]])
