"""`connector plan`: count what a run would send."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import Level, added_value, out, out_json, pluralize, say
from connector.cli.failures import reported
from connector.cli.options import EngineOption, FullOption, LimitOption, NameArgument, TargetOptions, TestEventOption
from connector.cli.output import ForceOption, check_output, output_file
from connector.cli.tables import table

if TYPE_CHECKING:
    from connector.inspection.plan import Plan

OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Also write the plan to a file, for `connector run --plan`."),
]


def _identifiers(members: dict[str, int]) -> list[tuple[str, str]]:
    counts = {change: count for change, count in members.items() if count or change != "sent_again"}
    return [(f"identifiers {change.replace('_', ' ')}", f"{count:,}") for change, count in counts.items()]


@reported
def plan(
    name: NameArgument,
    output: OutputOption = None,
    force: ForceOption = False,
    engine: EngineOption = None,
    full: FullOption = False,
    limit: LimitOption = None,
    test_event_code: TestEventOption = None,
    *,
    options: TargetOptions,
) -> None:
    """Read and check the whole result, and count what a run would send. Sends nothing."""
    project = options.open_project()
    if output is not None:
        check_output(output, project.settings, force=force)
    estimate = project.plan(name, engine=engine, full=full, limit=limit, test_event_code=test_event_code)
    if output is not None:
        with output_file(output) as sink:
            sink.write(estimate.file.as_text().encode())
    if options.json_output:
        out_json(estimate.as_json())
    else:
        print_plan(estimate)


def print_plan(estimate: "Plan") -> None:
    """Print the counts of a plan, and its notes."""
    counts = [
        ("rows read", f"{estimate.read:,}", ""),
        ("rows to send", f"{estimate.to_send:,}", ""),
        ("rows rejected", f"{sum(estimate.rejects.values()):,}", ""),
        ("rows skipped", f"{sum(estimate.skips.values()):,}", ""),
        *([("events", f"{estimate.events:,}", "")] if estimate.members is None else []),
        *((*cells, "") for cells in _identifiers(estimate.members or {})),
        ("requests", f"{estimate.requests:,}", ""),
        ("minutes at the rate limit", f"{estimate.minutes:.2f}", ""),
    ]
    remarks = added_value(estimate.identical_value)
    for kind, by_name in (
        ("rejected", estimate.rejects),
        ("skipped", estimate.skips),
        ("warning", estimate.warnings),
    ):
        counts += [
            (f"  {kind} {reason}", f"{count:,}", remarks.get(reason, "")) for reason, count in sorted(by_name.items())
        ]
    for line in table(counts, right=frozenset({1})):
        out(line)
    for note in (*(estimate.engine.sentences() if estimate.engine else ()), *estimate.notes):
        say(note)
    for change in estimate.changes:
        say(change)
    if estimate.would_fail:
        say(f"A run would fail with exit code 3: {estimate.would_fail}", Level.WARNING)
    first = f", the first {pluralize(estimate.limit, 'row')}" if estimate.limit else ""
    test = f", test events with the code {estimate.test_event_code}" if estimate.test_event_code else ""
    say(f"{estimate.orchestration} → {estimate.destination}, target {estimate.target}{first}{test}. Nothing was sent.")
