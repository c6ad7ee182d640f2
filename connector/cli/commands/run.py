"""`connector run`: read, check, hash and send the result, and report every row."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_orchestration, complete_tag
from connector.cli.console import out, out_json
from connector.cli.failures import reported
from connector.cli.options import (
    EngineOption,
    FullOption,
    JsonOptions,
    LaunchOption,
    LimitOption,
    ResendOption,
    TargetOption,
    TestEventOption,
    YesOption,
    open_project,
)
from connector.cli.process import gc_paused
from connector.errors import ConnectorError, UsageError

if TYPE_CHECKING:
    from connector.api import Project
    from connector.cli.progress import QuietObserver
    from connector.destinations.confirmation import Confirmation
    from connector.inspection.plan import Plan
    from connector.ledger.run_records import RunRecord

AllowEmptyOption = Annotated[bool, typer.Option("--allow-empty", help="Let an empty result empty the audience.")]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Send only if query, template, settings and, nearly, the counts are those of this file of `plan -o`.",
    ),
]


NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="The orchestrations, which run one after another.",
        autocompletion=complete_orchestration,
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Also run every orchestration with this tag; can be repeated.",
        autocompletion=complete_tag,
    ),
]
FreshOption = Annotated[
    bool,
    typer.Option("--fresh", help="First forget what earlier runs, of all orchestrations, sent to the simulator."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Send nothing: print the plan, as `connector plan` does.")
]


@reported
def run(
    names: NamesArgument = None,
    tag: TagOption = None,
    target: TargetOption = None,
    limit: LimitOption = None,
    test_event_code: TestEventOption = None,
    engine: EngineOption = None,
    full: FullOption = False,
    resend_unknown: ResendOption = False,
    allow_empty: AllowEmptyOption = False,
    plan: PlanOption = None,
    dry_run: DryRunOption = False,
    fresh: FreshOption = False,
    yes: YesOption = False,
    launch: LaunchOption = None,
    *,
    options: JsonOptions,
) -> None:
    """Run orchestrations: finish earlier runs, then read, check, hash and send the result, and report every row.

    Several run one after another, in the order of their names here, then in the order of the file. One that fails does
    not stop the next; the exit code is the worst: 130, else 1, else 2, else 3. With several, or with --tag, --json
    prints {"runs": […], "exit_code": N}.
    """
    if not names and not tag:
        raise UsageError(_nameless(options.project, target))
    is_several = len(names or ()) > 1 or bool(tag)
    _check_usage(names, tag, plan, is_several=is_several, dry_run=dry_run, fresh=fresh)
    if launch and (is_several or dry_run):
        raise UsageError("--launch executes one run: name one orchestration, without --tag and --dry-run.")
    opened = open_project(options.project, target)
    selected = opened.select(*(names or ()), tags=tag or ()) if is_several else tuple(names or ())
    if dry_run:
        _print_plans(
            [
                opened.plan(name, limit=limit, test_event_code=test_event_code, engine=engine, full=full)
                for name in selected
            ],
            json_output=options.json_output,
            is_several=is_several,
        )
        return
    with gc_paused():
        from connector.cli.running import SeveralRuns, executing, run_and_report

    # What the first run sends must not be forgotten by the next.
    fresh_names = selected[: int(fresh)]

    def work(
        project: "Project", agreed: "Confirmation | None", name: str, observer: "QuietObserver", stop: threading.Event
    ) -> "RunRecord":
        return project.run(
            name,
            limit=limit,
            test_event_code=test_event_code,
            engine=engine,
            full=full,
            resend_unknown=resend_unknown,
            allow_empty=allow_empty,
            plan=plan,
            fresh=name in fresh_names,
            confirm=agreed or yes or (lambda text: observer.asked(text, stop)),
            on_progress=observer,
            stop=stop,
        ).record

    if is_several:
        works = {name: partial(work, opened, None, name) for name in selected}
        SeveralRuns(opened.settings, options.json_output, options.debug).run(works)
        return
    with executing(opened, launch, "run", selected[0]) as (project, agreed):
        run_and_report(project.settings, partial(work, project, agreed, selected[0]), options.json_output)


def _nameless(folder: Path | None, target: str | None) -> str:
    """Say that a name is needed, and which there are if the project can be read."""
    sentence = "Name the orchestrations to run (`connector run NAME`), or select them with --tag."
    with suppress(ConnectorError):
        names = open_project(folder, target).orchestrations
        sentence += f" The names are {', '.join(names)}." if names else ""
    return sentence


def _check_usage(
    names: Sequence[str] | None,
    tags: Sequence[str] | None,
    plan: Path | None,
    *,
    is_several: bool,
    dry_run: bool,
    fresh: bool,
) -> None:
    """Refuse options that do not go together. Raises UsageError."""
    if plan and is_several:
        raise UsageError("--plan holds one run to its plan: name one orchestration, without --tag.")
    if plan and dry_run:
        raise UsageError("--plan and --dry-run exclude each other: --dry-run sends nothing.")
    if fresh and dry_run:
        raise UsageError("--fresh and --dry-run exclude each other: --dry-run forgets nothing.")


def _print_plans(plans: "Sequence[Plan]", *, json_output: bool, is_several: bool) -> None:
    from connector.cli.commands.plan import print_plan

    entries = [plan.as_json() for plan in plans]
    if json_output:
        out_json({"plans": entries} if is_several else entries[0])
        return
    for number, plan in enumerate(plans):
        if number:
            out()
        print_plan(plan)
