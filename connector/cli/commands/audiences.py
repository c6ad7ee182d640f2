"""`connector audiences`: who is in the audiences that runs keep."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say, table
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, TargetOption, open_project

if TYPE_CHECKING:
    from connector.destinations.tiktok.audience.status import AudienceView

NameOrId = Annotated[str, typer.Argument(metavar="NAME", help="The name of the audience, or its id.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    audiences = typer.Typer(
        help="List the audiences that runs sync, or show one.", invoke_without_command=True, rich_markup_mode=None
    )
    audiences.callback()(audiences_without_command)
    audiences.command("list")(list_)
    audiences.command("show")(show)
    app.add_typer(audiences, name="audiences")


@reported
def audiences_without_command(
    context: typer.Context,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the audiences that runs sync, or show one."""
    if context.invoked_subcommand is None:
        _list(project, target, json_output)


@reported
def list_(
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the audiences that runs sync: ids, ad accounts, members by type, last sync. Does not ask TikTok."""
    _list(project, target, json_output)


@reported
def show(
    name: NameOrId,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one audience, with its size at TikTok."""
    from connector.destinations.tiktok.audience.status import show_audience

    found = show_audience(open_project(project, target), name)
    if json_output:
        out_json({"audiences": [{**one.as_json(), "size": one.size, "why_not": one.why_not} for one in found]})
        return
    for one in found:
        for line in table(_lines(one)):
            out(line)


def _list(project: ProjectOption, target: TargetOption, json_output: bool) -> None:
    from connector.destinations.tiktok.audience.status import known_audiences, sent_to_simulator

    opened = open_project(project, target)
    found = known_audiences(opened)
    if json_output:
        out_json({"target": opened.target, "audiences": [one.as_json() for one in found]})
        return
    if not found:
        say(f"No run has synced an audience yet, target {opened.target}.")
        if names := sent_to_simulator(opened):
            say(f"Audiences that {', '.join(names)} sends to the simulator during a run are not stored.")
        return
    heading = ("audience", "id", "ad accounts", "members", "last sync")
    for line in table([heading, *map(_row, found)]):
        out(line)


def _row(one: "AudienceView") -> tuple[str, ...]:
    record = one.record
    by_type = ", ".join(f"{count:,} {kind}" for kind, count in record.members.items()) or "none"
    return record.name, record.audience_id, " ".join(record.advertiser_ids), by_type, record.synced_at or "never"


def _further_accounts(one: "AudienceView") -> list[tuple[str, str]]:
    from connector.ledger.records import AccountState

    waiting, left = one.standing(AccountState.WAITING), one.standing(AccountState.LEFT)
    told = [("  added", f"{' '.join(waiting)}: the next run sends them who is in the audience")] if waiting else []
    return told + ([("  taken away", f"{' '.join(left)}: keep what they have, get no change")] if left else [])


def _lines(one: "AudienceView") -> list[tuple[str, str]]:
    name, audience_id, accounts, members, synced = _row(one)
    size = f"{one.size:,} people, a day or two ago" if one.size is not None else one.why_not or "TikTok does not say"
    return [
        ("audience", name),
        ("id", audience_id),
        ("ad accounts", accounts),
        *_further_accounts(one),
        ("target", one.record.target),
        ("members", members),
        ("last sync", synced),
        ("size at TikTok", size),
    ]
