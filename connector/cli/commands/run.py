"""`connector run`: read, check, hash and send the result, and report every row."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.failures import reported
from connector.cli.options import JsonOptions, NameArgument, ResendOption, TargetOption, YesOption, open_project
from connector.cli.process import gc_paused

if TYPE_CHECKING:
    from connector.cli.progress import QuietObserver
    from connector.ledger.run_records import RunRecord

LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Read only the first N rows of the result.")
]
TestEventOption = Annotated[
    str | None,
    typer.Option("--test-event-code", metavar="C", help="Send test events, with the code of TikTok's Test Events tab."),
]
AllowEmptyOption = Annotated[bool, typer.Option("--allow-empty", help="Let an empty result empty the audience.")]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Send only if query, template, settings and, nearly, the counts are those of this file of `plan -o`.",
    ),
]


@reported
def run(
    name: NameArgument,
    target: TargetOption = None,
    limit: LimitOption = None,
    test_event_code: TestEventOption = None,
    resend_unknown: ResendOption = False,
    allow_empty: AllowEmptyOption = False,
    plan: PlanOption = None,
    yes: YesOption = False,
    *,
    options: JsonOptions,
) -> None:
    """Run an orchestration: finish earlier runs, then read, check, hash and send the result, and report every row."""
    with gc_paused():
        from connector.cli.running import run_and_report

    opened = open_project(options.project, target)

    def work(observer: "QuietObserver", stop: threading.Event) -> "RunRecord":
        return opened.run(
            name,
            limit=limit,
            test_event_code=test_event_code,
            resend_unknown=resend_unknown,
            allow_empty=allow_empty,
            plan=plan,
            confirm=yes or (lambda text: observer.asked(text, stop)),
            on_progress=observer,
            stop=stop,
        ).record

    run_and_report(opened.settings, work, options.json_output)
