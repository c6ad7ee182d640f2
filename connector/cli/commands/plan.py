"""`connector plan`: what a run would do."""

import typer

from connector.cli.console import added_value, out, out_json, pluralize, say, table
from connector.cli.failures import reported
from connector.cli.options import (
    DebugOption,
    JsonOption,
    NameArgument,
    ProjectOption,
    TargetOption,
    open_project,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("plan")(plan)


def _identifiers(members: dict[str, int]) -> list[tuple[str, str]]:
    shown = {what: count for what, count in members.items() if count or what != "sent_again"}
    return [(f"identifiers {what.replace('_', ' ')}", f"{count:,}") for what, count in shown.items()]


@reported
def plan(
    name: NameArgument,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Read and check the whole result, and count what a run would send. Sends nothing."""
    from connector.inspection.plan import plan_orchestration

    planned = plan_orchestration(open_project(project, target), name)
    if json_output:
        out_json(planned.as_json())
        return
    counts = [
        ("rows read", f"{planned.read:,}", ""),
        ("rows to send", f"{planned.to_send:,}", ""),
        ("rows rejected", f"{sum(planned.rejects.values()):,}", ""),
        ("rows skipped", f"{sum(planned.skips.values()):,}", ""),
        *([("events", f"{planned.events:,}", "")] if planned.members is None else []),
        *((*one, "") for one in _identifiers(planned.members or {})),
        ("requests", f"{planned.requests:,}", ""),
        ("minutes at the rate limit", f"{planned.minutes:.2f}", ""),
    ]
    remarks = added_value(planned.identical_value)
    for kind, named in (
        ("rejected", planned.rejects),
        ("skipped", planned.skips),
        ("warning", planned.warnings),
    ):
        counts += [(f"  {kind} {word}", f"{count:,}", remarks.get(word, "")) for word, count in sorted(named.items())]
    for line in table(counts, right=frozenset({1})):
        out(line)
    for note in planned.notes:
        say(note)
    for change in planned.changes:
        say(change)
    if planned.would_fail:
        say(f"A run would fail with exit code 3: {planned.would_fail}")
    first = f", the first {pluralize(planned.limit, 'row')}" if planned.limit else ""
    test = f", test events with the code {planned.test_event_code}" if planned.test_event_code else ""
    say(f"{name} → {planned.destination}, target {planned.target}{first}{test}. Nothing was sent.")
