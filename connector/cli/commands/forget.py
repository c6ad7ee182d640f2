"""`connector forget`: suppress a person in all future runs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli.console import Level, out, out_json, pluralize, say
from connector.cli.failures import reported
from connector.cli.options import TargetOptions
from connector.cli.output import ForceOption, check_output, output_file
from connector.cli.process import allow_closed_output

EmailOption = Annotated[
    str | None, typer.Option("--email", metavar="E", help="The e-mail address; - reads it from stdin.")
]
PhoneOption = Annotated[
    str | None, typer.Option("--phone", metavar="P", help="The phone number; - reads it from stdin.")
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="R",
        help="The country of a number without a country code (default: `default_region` of the destinations).",
    ),
]
ReceiptOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="RECEIPT", help="Also write the receipt to this file, as JSON.")
]


@reported
def forget(
    email: EmailOption = None,
    phone: PhoneOption = None,
    region: RegionOption = None,
    output: ReceiptOption = None,
    force: ForceOption = False,
    *,
    options: TargetOptions,
) -> None:
    """Suppress a person in all future runs, find the events that were sent about them, and write a receipt."""
    opened = options.open_project()
    if output:
        check_output(output, opened.settings, force=force)
    address, number = _value(email, "e-mail address"), _value(phone, "phone number")
    allow_closed_output()
    receipt = opened.forget(email=address, phone=number, region=region)
    if output:
        with output_file(output) as sink:
            sink.write(json.dumps(receipt, ensure_ascii=False, indent=2).encode() + b"\n")
    if options.json_output:
        out_json(receipt)
        return
    _print_receipt(receipt)
    if output:
        say(f"The receipt is in {output}.")


def _value(value: str | None, label: str) -> str | None:
    """Return the value, or a line of stdin for `-`, so that it does not stay in the shell's history."""
    if value != "-":
        return value
    if sys.stdin.isatty():
        say(f"The {label}:", Level.WARNING)
    return sys.stdin.readline().strip()


def _print_receipt(receipt: dict[str, Any]) -> None:
    for digest in receipt["digests"]:
        out(f"{digest['kind']}  {digest['digest']}")
    new = receipt["new_on_the_list"]
    out(f"On the list of those who are not sent (target {receipt['target']}): {pluralize(new, 'new digest')}.")
    for run in receipt["sent"]:
        out(f"sent      {run['run_id']}  {run['orchestration']}, target {run['target']}: {_events(run)}")
    for run in receipt["staged"]:
        out(f"skipped   {run['run_id']}  {run['orchestration']}, target {run['target']}: {_events(run)}, if resumed")
    for run in receipt["left_out"]:
        out(f"left out  {run['run_id']}  {pluralize(run['rows'], 'row')}, now without digests")
    for audience in receipt["audiences"]:
        out(f"audience  {audience['audience_id']}  {audience['audience']}: {_removal(audience)}")
    for note in receipt["notes"]:
        say(note)


def _events(run: dict[str, Any]) -> str:
    return pluralize(run["events"], "event")


def _removal(audience: dict[str, Any]) -> str:
    identifiers = pluralize(audience["identifiers"], "identifier")
    return f"{identifiers} deleted" if audience["removed"] else f"{identifiers} not deleted: {audience['error']}"
