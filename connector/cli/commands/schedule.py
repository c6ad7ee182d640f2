"""`connector schedule`: list, pause and unpause the schedules of automatic orchestrations."""

from typing import TYPE_CHECKING

import typer

from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import NameArgument, TargetOptions
from connector.cli.tables import table

if TYPE_CHECKING:
    from connector.scheduler.schedule_list import ListedSchedule

group = typer.Typer(
    help="List, pause and unpause the schedules of automatic orchestrations.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@group.callback()
@reported
def schedule(context: typer.Context, *, options: TargetOptions) -> None:
    """List, pause and unpause the schedules of automatic orchestrations."""
    if context.invoked_subcommand is None:
        _print_schedules(options)


@group.command("list")
@reported
def list_(*, options: TargetOptions) -> None:
    """List the automatic orchestrations: their schedules, when each is due next, and who paused it."""
    _print_schedules(options)


@group.command("pause")
@reported
def pause(name: NameArgument, *, options: TargetOptions) -> None:
    """Have `connector start` not start an orchestration until it is unpaused.

    A run that is under way goes on, and `connector run` still starts one. What is due during the pause is skipped.
    """
    from connector.scheduler.schedule_list import pause_schedule

    is_new = pause_schedule(options.open_project().settings, name)
    _say_state(name, options, is_paused=True, text=f"{name} is paused." if is_new else f"{name} was paused already.")


@group.command("unpause")
@reported
def unpause(name: NameArgument, *, options: TargetOptions) -> None:
    """Have `connector start` start an orchestration again, from the next time at which it is due."""
    from connector.scheduler.schedule_list import unpause_schedule

    was_paused = unpause_schedule(options.open_project().settings, name)
    text = f"{name} runs on its schedule again." if was_paused else f"{name} was not paused."
    _say_state(name, options, is_paused=False, text=text)


def _say_state(name: str, options: TargetOptions, *, is_paused: bool, text: str) -> None:
    if options.json_output:
        out_json({"orchestration": name, "paused": is_paused})
    else:
        out(text)


def _print_schedules(options: TargetOptions) -> None:
    from connector.scheduler.schedule_list import list_project_schedules

    opened = options.open_project().settings
    schedules = list_project_schedules(opened)
    if options.json_output:
        out_json({"target": opened.target, "schedules": [one.as_json() for one in schedules]})
        return
    if not schedules:
        say(f"No orchestration is automatic under the target {opened.target}: nothing runs by itself.")
        return
    header = ("ORCHESTRATION", "SCHEDULE", "NEXT DUE", "PAUSED")
    for line in table([header, *map(_row, schedules)]):
        out(line)


def _row(one: "ListedSchedule") -> tuple[str, str, str, str]:
    values = one.as_json()
    paused = f"since {values['paused_since']} by {values['paused_by']}" if one.is_paused else "-"
    due = "-" if one.is_paused else values["next_due"] or "-"
    return one.orchestration, one.schedule or "not valid", str(due), paused
