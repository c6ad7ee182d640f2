"""`connector auth`: authorize with TikTok, and show or refresh the grant of a credential."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_credential
from connector.cli.console import Level, out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import TargetOptions
from connector.cli.process import allow_closed_output
from connector.cli.tables import table

if TYPE_CHECKING:
    from pydantic import SecretStr

    from connector.destinations.tiktok.credential_status import Access, CredentialStatus
    from connector.destinations.tiktok.login import Login

PORT = 8789
"""Differs from the ports of `connector simulate` and `connector start`, 8787 and 8788."""

CredentialArgument = Annotated[
    str, typer.Argument(metavar="CREDENTIAL", help="The credential.", autocompletion=complete_credential)
]
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


group = typer.Typer(
    help="Authorize with TikTok, and show or refresh what was granted.", no_args_is_help=True, rich_markup_mode=None
)


@group.command("login")
@reported
def login(
    credential: CredentialArgument,
    code: CodeOption = None,
    port: PortOption = PORT,
    redirect_uri: RedirectOption = None,
    *,
    options: TargetOptions,
) -> None:
    """Authorize the credential's app on TikTok's page, store the grant, and list the ad accounts it may use."""
    from connector.destinations.tiktok.login import log_in

    allow_closed_output()
    access = _access(options, credential, changing="auth login")
    auth_code = _auth_code(access, code, port, redirect_uri)
    _print_login(log_in(access, auth_code), options.json_output)


@group.command("status")
@reported
def status(credential: CredentialArgument, *, options: TargetOptions) -> None:
    """Show the state of a credential: kind, source, last refresh, expiry. Shows no secret and does not ask TikTok."""
    from connector.destinations.tiktok.credential_status import credential_status

    _print_status(credential_status(_access(options, credential)), options.json_output)


@group.command("refresh")
@reported
def refresh(credential: CredentialArgument, *, options: TargetOptions) -> None:
    """Refresh a credential's grant now."""
    from connector.destinations.tiktok.login import refresh as refresh_grant

    allow_closed_output()
    _print_status(refresh_grant(_access(options, credential, changing="auth refresh")), options.json_output)


def _access(options: TargetOptions, credential: str, changing: str | None = None) -> "Access":
    from connector.destinations.tiktok.credential_status import access_of
    from connector.privacy.access import check_credential

    opened = options.open_project().settings
    access = access_of(opened, credential)
    if changing is not None:
        check_credential(opened, changing, credential)
    return access


def _auth_code(access: "Access", code: str | None, port: int, redirect_uri: str | None) -> "SecretStr":
    """Return the code of the option, else a pasted one if the browser cannot lead back here, else a received one."""
    from pydantic import SecretStr

    from connector.destinations.tiktok.login import pasted_code, received_code

    if code and code != "-":
        return SecretStr(code)
    if code or redirect_uri:
        return pasted_code(access, redirect_uri or f"http://127.0.0.1:{port}/", _ask_to_paste, sys.stdin.readline)
    return received_code(access, port, _ask_to_open)


def _ask_to_paste(page: str) -> None:
    _ask_to_open(page)
    say("Then paste the address that it leads back to, or the code in it:", Level.WARNING)


def _ask_to_open(page: str) -> None:
    say("Open this address as Ad Account Operator or Admin, and agree:", Level.WARNING)
    say(page, Level.WARNING)


def _print_login(login: "Login", json_output: bool) -> None:
    advertisers = login.advertisers
    if json_output:
        accounts = None
        if advertisers is not None:
            accounts = [{"advertiser_id": account.advertiser_id, "name": account.name} for account in advertisers]
        out_json({**login.status.as_json(), "advertisers": accounts})
    else:
        _print_status(login.status, json_output)
        for line in table(("advertiser", account.advertiser_id, account.name) for account in advertisers or ()):
            out(line)
    if advertisers is None:
        say(f"The grant is stored. Its ad accounts could not be listed. {login.why_not}", Level.WARNING)


def _print_status(status: "CredentialStatus", json_output: bool) -> None:
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
