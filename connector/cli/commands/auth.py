"""`connector auth`: what opens a TikTok account is asked for, looked at and refreshed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say, table
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, TargetOption, open_project

if TYPE_CHECKING:
    from pydantic import SecretStr

    from connector.destinations.tiktok.credential_status import Access, CredentialStatus
    from connector.destinations.tiktok.login import Login

PORT = 8789
"""Beside those of `connector simulate`, `connector start` and `connector console`: 8787, 8788, 8790."""

CredentialArgument = Annotated[str, typer.Argument(metavar="CREDENTIAL", help="The credential.")]
PortOption = Annotated[
    int,
    typer.Option(
        "--port", metavar="P", min=0, max=65535, help="The port to wait on for the code; 0 takes any free port."
    ),
]
CodeOption = Annotated[
    str | None,
    typer.Option(
        "--code", metavar="C", help="The code from TikTok's page; - reads the code, or the page's address, from stdin."
    ),
]
RedirectOption = Annotated[
    str | None,
    typer.Option(
        "--redirect-uri", metavar="URL", help="The redirect address registered with the app, if it is a different one."
    ),
]

_KINDS = {
    "long_term": "a long-term access token",
    "refreshed": "a grant that is refreshed",
    "none": "nothing yet: connector auth login",
}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    auth = typer.Typer(
        help="Authorize with TikTok, and show or refresh what was granted.", no_args_is_help=True, rich_markup_mode=None
    )
    auth.command("login")(login)
    auth.command("status")(status)
    auth.command("refresh")(refresh)
    app.add_typer(auth, name="auth")


@reported
def login(
    credential: CredentialArgument,
    code: CodeOption = None,
    port: PortOption = PORT,
    redirect_uri: RedirectOption = None,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Authorize the credential's app on TikTok's page, store the grant, and list the ad accounts it may use."""
    from connector.destinations.tiktok.login import log_in

    access = _access(project, target, credential, changing="auth login")
    given = _code(access, code, port, redirect_uri)
    _tell_login(log_in(access, given), json_output)


@reported
def status(
    credential: CredentialArgument,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the state of a credential: kind, source, last refresh, expiry. Shows no secret and does not ask TikTok."""
    from connector.destinations.tiktok.credential_status import credential_status

    _tell(credential_status(_access(project, target, credential)), json_output)


@reported
def refresh(
    credential: CredentialArgument,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Refresh a credential's grant now."""
    from connector.destinations.tiktok import login as authorisation

    _tell(authorisation.refresh(_access(project, target, credential, changing="auth refresh")), json_output)


def _access(project: Path | None, target: str | None, credential: str, changing: str | None = None) -> "Access":
    from connector.destinations.tiktok.credential_status import access_of
    from connector.privacy.access import check_credential

    opened = open_project(project, target)
    access = access_of(opened, credential)
    if changing is not None:
        check_credential(opened, changing, credential)
    return access


def _code(access: "Access", code: str | None, port: int, redirect_uri: str | None) -> "SecretStr":
    """As it was given; else as it is pasted, where the browser cannot lead back here; else as it arrives."""
    from pydantic import SecretStr

    from connector.destinations.tiktok.login import pasted_code, received_code

    if code and code != "-":
        return SecretStr(code)
    if code or redirect_uri:
        return pasted_code(access, redirect_uri or f"http://127.0.0.1:{port}/", _ask_to_paste, sys.stdin.readline)
    return received_code(access, port, _ask_to_open)


def _ask_to_paste(page: str) -> None:
    _ask_to_open(page)
    say("Then paste the address that it leads back to, or the code in it:")


def _ask_to_open(page: str) -> None:
    say("Open this address as Ad Account Operator or Admin, and agree:")
    say(page)


def _tell_login(done: "Login", json_output: bool) -> None:
    listed = done.advertisers
    if json_output:
        ids = [{"advertiser_id": one.advertiser_id, "name": one.name} for one in listed] if listed is not None else None
        out_json({**done.status.as_json(), "advertisers": ids})
    else:
        _tell(done.status, json_output)
        for line in table(("advertiser", one.advertiser_id, one.name) for one in listed or ()):
            out(line)
    if listed is None:
        say(f"The grant is stored. Its ad accounts could not be listed. {done.why_not}")


def _tell(status: "CredentialStatus", json_output: bool) -> None:
    if json_output:
        out_json(status.as_json())
        return
    rows = [("credential", f"{status.credential} (target {status.target}, {status.api_url})")]
    rows.append(("kind", _KINDS[status.kind]))
    rows += [("from", status.source)] if status.source else []
    times = {
        "kept since": status.kept_at,
        "last refresh": status.refreshed_at,
        "expires": status.expires_at,
        "refresh token expires": status.refresh_expires_at,
        "refresh without an end": status.unfinished_refresh,
    }
    rows += [(name, f"{at:%Y-%m-%d %H:%M:%S} UTC") for name, at in times.items() if at]
    for line in table(rows):
        out(line)
