"""`connector validate`: check the project's files and list every mistake."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_orchestration
from connector.cli.console import Level, out, out_json, say
from connector.cli.failures import AlreadyPrinted, relative_to_here, reported
from connector.cli.options import TargetOptions, config_directory, say_project
from connector.cli.tables import table
from connector.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from connector.inspection.dbt_models import ModelDescription
    from connector.inspection.validate import Validation

NameOrAll = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="The orchestration (default: all).", autocompletion=complete_orchestration),
]
ConnectOption = Annotated[
    bool,
    typer.Option(
        "--connect",
        help="Also ask the warehouse for the columns, and the destination for ids that it has by name; write to the "
        "stage of an engine.",
    ),
]


@reported
def validate(name: NameOrAll = None, connect: ConnectOption = False, *, options: TargetOptions) -> None:
    """Check the project's files and list every mistake. Opens no connection without --connect."""
    from connector.cli.process import gc_paused

    with gc_paused():
        from connector.api import validate_project

        folder = options.project or Path.cwd()
        validation = validate_project(
            folder, name, target=options.target, connect=connect, config_directory=config_directory()
        )
    if validation.project:
        say_project(validation.project.directory, validation.project.target)
    problems = [*validation.problems, *_notification_problems(validation)]
    if options.json_output:
        _print_json(replace(validation, problems=[relative_to_here(problem) for problem in problems]))
    if problems:
        raise AlreadyPrinted(ConfigurationError(problems)) if options.json_output else ConfigurationError(problems)
    if not options.json_output:
        _print_valid(validation, name, connect=connect)


def _notification_problems(validation: "Validation") -> Sequence[Problem]:
    project, names = validation.project, [result.name for result in validation.orchestrations]
    if project is None or not any(project.node("orchestrations", name).child("notify") for name in names):
        return ()
    from connector.notifications.notifier import check_notifications

    try:
        check_notifications(project, names)
    except ConfigurationError as error:
        return error.problems
    return ()


def _print_json(validation: "Validation") -> None:
    error = ConfigurationError(validation.problems).message
    out_json({**({"error": error} if validation.problems else {}), **validation.as_json()})


def _print_model(model: "ModelDescription") -> None:
    out(f"\n{model.kind} {model.name} of dbt, {model.table}{f': {model.description}' if model.description else ''}")
    rows = [(column.name, ", ".join(column.parameters), column.description) for column in model.columns]
    if rows:
        for line in table([("column", "parameter", "description"), *rows], indent="  "):
            out(line)


def _print_valid(validation: "Validation", name: str | None, *, connect: bool) -> None:
    results = validation.orchestrations
    for result in results:
        content = "an audience in" if result.event_source == "audience" else f"{result.event_source} events to"
        out(f"{result.name}: ok ({content} {result.destination}, target {validation.target})")
        for change in result.changes:
            say(change)
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        say(warning, Level.WARNING)
    if name:
        heading = ("parameter", "from the column" if connect else "accepted columns", "goes to", "rule")
        for line in table([heading, *results[0].parameters], indent="  "):
            out(line)
        for model in results[0].models:
            _print_model(model)
        if engine := results[0].engine:
            say(f"Engine {engine.name}: {engine.type} at {engine.address}, stage {engine.stage}.")
        for note in results[0].notes:
            say(note)
        if not connect:
            columns = results[0].columns_to_check
            named = f"column{'s' * (len(columns) != 1)} {', '.join(columns)}" if columns else "columns above"
            say(f"Not checked: that the result has the {named}. `connector validate {name} --connect` looks for them.")
    elif not connect:
        say("The warehouses were not asked; `connector validate --connect` checks the columns too.")
