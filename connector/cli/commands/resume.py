"""`connector resume`: finishes what an interrupted run left."""

from typing import Annotated

import typer

from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, open_project

RunOrLast = Annotated[
    str | None, typer.Argument(metavar="[RUN_ID]", help="The run; without it, the last that can be resumed.")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("resume")(resume)


@reported
def resume(
    run_id: RunOrLast = None,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Finish what an interrupted run left: send what is staged, without asking the warehouse again."""
    from connector.cli.running import carry_out
    from connector.pipeline.resume import resumable_run, resume_run

    found = resumable_run(open_project(project), run_id)
    opened = open_project(project, found.target)
    carry_out(opened, lambda observer, stop: resume_run(opened, found, observer, stop), json_output)
