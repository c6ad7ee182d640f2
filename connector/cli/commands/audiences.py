"""`connector audiences`: list the audiences that runs sync, or show one."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import TargetOptions
from connector.cli.tables import table
from connector.core.secret_registry import without_secrets

if TYPE_CHECKING:
    from connector.inspection.audience_list import AudienceView

NameOrId = Annotated[str, typer.Argument(metavar="NAME", help="The name of the audience, or its id.")]


group = typer.Typer(
    help="List the audiences that runs sync, or show one.", invoke_without_command=True, rich_markup_mode=None
)


@group.callback()
@reported
def audiences(context: typer.Context, *, options: TargetOptions) -> None:
    """List the audiences that runs sync, or show one."""
    if context.invoked_subcommand is None:
        _print_audiences(options)


@group.command("list")
@reported
def list_(*, options: TargetOptions) -> None:
    """List the audiences that runs sync: ids, ad accounts, members by type, last sync. Asks no destination."""
    _print_audiences(options)


@group.command("show")
@reported
def show(name: NameOrId, *, options: TargetOptions) -> None:
    """Show one audience, with its size at the destination."""
    from connector.inspection.audience_list import show_audience

    views = show_audience(options.open_project().settings, name)
    if options.json_output:
        out_json({"audiences": [{**view.as_json(), "size": view.size, "why_not": view.why_not} for view in views]})
        return
    for view in views:
        for line in table(_lines(view)):
            out(line)


def _print_audiences(options: TargetOptions) -> None:
    from connector.inspection.audience_list import known_audiences

    opened = options.open_project().settings
    views = known_audiences(opened)
    if options.json_output:
        out_json({"target": opened.target, "audiences": [view.as_json() for view in views]})
        return
    if not views:
        say(f"No run has synced an audience yet, target {opened.target}.")
        return
    heading = ("audience", "id", "ad accounts", "members", "last sync")
    for line in table([heading, *map(_row, views)]):
        out(line)


def _row(view: "AudienceView") -> tuple[str, ...]:
    record = view.record
    by_type = ", ".join(f"{count:,} {kind}" for kind, count in record.members.items()) or "none"
    return record.name, record.audience_id, " ".join(record.advertiser_ids), by_type, record.synced_at or "never"


def _account_changes(view: "AudienceView") -> list[tuple[str, str]]:
    from connector.ledger.member_records import AccountState

    added, removed = view.accounts_in(AccountState.WAITING), view.accounts_in(AccountState.LEFT)
    lines = [("  added", f"{' '.join(added)}: the next run sends them who is in the audience")] if added else []
    return lines + ([("  taken away", f"{' '.join(removed)}: keep what they have, get no change")] if removed else [])


def _lines(view: "AudienceView") -> list[tuple[str, str]]:
    name, audience_id, accounts, members, synced = _row(view)
    size = f"{view.size:,} people, a day or two ago" if view.size is not None else without_secrets(view.why_not)
    size = size or f"{view.platform.subject} does not say"
    return [
        ("audience", name),
        ("id", audience_id),
        ("ad accounts", accounts),
        *_account_changes(view),
        ("target", view.record.target),
        ("members", members),
        ("last sync", synced),
        (f"size at {view.platform.platform}", size),
    ]
