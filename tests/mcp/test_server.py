"""An assistant sees and tries everything, and sends only where the project allows it: the real client over stdio."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import connector
from tests.cli.command import environment, inside
from tests.cli.shop import NAME, TOKEN, Shop, shop
from tests.cli.tiktok import TikTok, serving

if TYPE_CHECKING:
    from mcp import Client

MIXED = (
    "SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, "
    "CASE WHEN n % 4 = 0 THEN 'nobody-' || n ELSE n || '@example.com' END AS email, 2.5 AS value FROM range(12) AS t (n)"
)
LOOK = {
    "orchestrations", "validate", "compile", "preview", "plan", "runs", "run_details", "rejects", "search_docs", "read_doc",
}  # fmt: skip


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, MIXED)


@dataclass(frozen=True)
class Answer:
    """What a tool answered."""

    failed: bool
    text: str
    data: Any


def ask(made: Shop, *calls: tuple[str, dict[str, Any]], before: Callable[[], object] | None = None) -> list[Answer]:
    """Start the server, call its tools one after the other, and end it. `before` comes between start and calls."""

    from mcp.types import TextContent

    async def talk() -> list[Answer]:
        async with client_of(made) as client:
            await client.list_tools()
            if before:
                before()
            answers = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [
            Answer(
                bool(one.is_error),
                "".join(part.text for part in one.content if isinstance(part, TextContent)),
                one.structured_content,
            )
            for one in answers
        ]

    return asyncio.run(talk())


def client_of(made: Shop) -> "Client":
    # Loaded for these tests alone: it takes as long as all modules of tests of a package.
    from mcp import Client, StdioServerParameters

    return Client(
        StdioServerParameters(command=sys.executable, args=["-m", "connector", "mcp"], env=environment(made.directory))
    )


def tools(made: Shop) -> dict[str, Any]:
    async def talk() -> dict[str, Any]:
        async with client_of(made) as client:
            assert "send nothing" in (client.instructions or "")
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return asyncio.run(talk())


def allow(made: Shop, run: bool = True) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    made.settings.write_text(yaml.safe_dump({**settings, "mcp": {"run": run}}))


def test_the_tools_look_and_none_sends(made: Shop) -> None:
    found = tools(made)
    assert set(found) == LOOK
    assert all(tool.annotations.read_only_hint for tool in found.values())
    assert all(tool.description for tool in found.values())


def test_everything_can_be_seen_and_nothing_is_sent_or_identifies_anybody(made: Shop, tiktok: TikTok) -> None:
    listed, valid, compiled, preview, plan = ask(
        made,
        ("orchestrations", {}),
        ("validate", {"name": NAME}),
        ("compile", {"name": NAME}),
        ("preview", {"name": NAME, "rows": 2}),
        ("plan", {"name": NAME}),
    )
    entry = {"name": NAME, "valid": True, "destination": "stores", "sends": "offline"}
    assert listed.data["orchestrations"] == [entry]
    assert valid.data["valid"] is True
    assert "range(12)" in compiled.data["query"]
    assert plan.data["rows"] == {"read": 12, "to_send": 9, "rejected": 3, "skipped": 0}
    assert plan.data == inside("plan", NAME, "--json", project=made.directory).json
    (user, *_) = (event["user"] for body in preview.data["requests"] for event in body["data"])
    assert len(user["email"]) == 64
    for answer in (listed, valid, preview, plan):
        for secret in ("@example.com", "nobody-", TOKEN):
            assert secret not in answer.text
    assert not tiktok.requests


def test_runs_and_their_rejects_are_those_of_the_commands(made: Shop) -> None:
    run = connector.open_project(made.directory).run(NAME)
    runs, details, rejects, few = ask(
        made,
        ("runs", {}),
        ("run_details", {"run_id": "latest"}),
        ("rejects", {"run_id": run.run_id, "reason": "invalid_identity"}),
        ("rejects", {"run_id": "latest", "limit": 1}),
    )
    assert [one["run_id"] for one in runs.data["runs"]] == [run.run_id]
    assert details.data["rejects"] == {"invalid_identity": 3}
    assert [row["row"] for row in rejects.data["rows"]] == [1, 5, 9]
    assert len(few.data["rows"]) == 1
    assert all("nobody-" not in answer.text for answer in (runs, details, rejects))
    audit = inside("runs", "audit", "--json", project=made.directory).json["audit"]
    assert [line["command"] for line in audit].count("rejects") == 2


def test_the_manual_can_be_searched_and_read(made: Shop) -> None:
    found, page, nothing = ask(
        made,
        ("search_docs", {"query": "what does exit code 3 mean", "limit": 3}),
        ("read_doc", {"page": "how-to/notifications.md"}),
        ("search_docs", {"query": "xyzzy"}),
    )
    assert len(found.data["sections"]) == 3
    assert tuple(found.data["sections"][0][key] for key in ("page", "heading")) == (
        "reference/outcomes.md",
        "Exit codes",
    )
    assert page.data["text"].startswith("# Get notified")
    assert "how-to/queries.md" in nothing.data["pages"]


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "orchestration": ("plan", {"name": "purchase"}, 'There is no orchestration "purchase". Did you mean "purchases"?'),
    "run": ("run_details", {"run_id": "2026"}, 'There is no run "2026".'),
    "reason": ("rejects", {"run_id": "latest", "reason": "nope"}, "nope"),
    "page": ("read_doc", {"page": "../../pyproject.toml"}, 'There is no page "../../pyproject.toml".'),
    "absolute page": ("read_doc", {"page": "/etc/passwd"}, 'There is no page "/etc/passwd".'),
    "too many rows": ("preview", {"name": NAME, "rows": 1_000}, "20"),
    "too many rejects": ("rejects", {"run_id": "latest", "limit": 100_000}, "200"),
    "no name": ("plan", {}, "name"),
    "run that is not allowed": ("run", {"name": NAME}, "run"),
}


def test_what_is_wrong_is_answered_and_the_server_goes_on(made: Shop, tiktok: TikTok) -> None:
    answers = ask(made, *((tool, arguments) for tool, arguments, _ in WRONG.values()), ("runs", {}))
    for (_, _, told), answer in zip(WRONG.values(), answers, strict=False):
        assert answer.failed, answer
        assert told in answer.text
        assert "Traceback" not in answer.text
    assert not answers[-1].failed
    assert not tiktok.requests


NOT_ALLOWED: dict[str, tuple[str, dict[str, Any], str]] = {
    "misspelled": ("run", {"name": NAME, "Limit": 1}, 'run has no argument "Limit". Did you mean "limit"?'),
    "option of the command": (
        "run",
        {"name": NAME, "dry_run": True},
        'run has no argument "dry_run". Its arguments are name, limit, test_event_code.',
    ),
    "target": ("run", {"name": NAME, "target": "local"}, 'run has no argument "target"'),
    "confirmation": ("run", {"name": NAME, "yes": True}, 'run has no argument "yes"'),
    "several": ("run", {"name": NAME, "yes": True, "limit": 0}, "Invalid limit 0:"),
    "boolean for a number": (
        "run",
        {"name": NAME, "limit": True},
        "Invalid limit true: input should be a valid integer.",
    ),
    "text for a number": ("run", {"name": NAME, "limit": "1"}, 'Invalid limit "1":'),
    "text of null for a number": ("run", {"name": NAME, "limit": "null"}, 'Invalid limit "null":'),
    "fraction for a number": ("run", {"name": NAME, "limit": 1.5}, "Invalid limit 1.5:"),
    "number for a text": ("run", {"name": NAME, "test_event_code": 5}, "Invalid test_event_code 5:"),
    "list for a text": ("run", {"name": [NAME]}, f'Invalid name ["{NAME}"]:'),
    "no name": ("run", {}, 'run needs the argument "name".'),
    "tool without arguments": (
        "orchestrations",
        {"name": NAME},
        'orchestrations has no argument "name". It takes none.',
    ),
    "other tool": ("plan", {"name": NAME, "limit": 3}, 'plan has no argument "limit". Its arguments are name.'),
}


def test_arguments_that_a_tool_does_not_have_are_refused(made: Shop, tiktok: TikTok) -> None:
    """What is ignored or read otherwise would send more than was asked for."""
    allow(made)
    answers = ask(made, *((tool, arguments) for tool, arguments, _ in NOT_ALLOWED.values()))
    for (_, _, told), answer in zip(NOT_ALLOWED.values(), answers, strict=True):
        assert answer.failed, answer
        assert told in answer.text
        assert "pydantic" not in answer.text
    assert not tiktok.requests
    assert not (made.state / "ledger.sqlite").exists()


def test_a_text_that_is_json_stays_the_text_that_was_sent(made: Shop, tiktok: TikTok) -> None:
    allow(made)
    validated, ran = ask(
        made, ("validate", {"name": "null"}), ("run", {"name": NAME, "limit": None, "test_event_code": "null"})
    )
    assert validated.data["problems"][0]["message"].startswith('There is no orchestration "null".')
    assert ran.data["rows"]["read"] == 12
    assert {one.body["test_event_code"] for one in tiktok.requests} == {"null"}


def test_every_schema_allows_its_own_arguments_only(made: Shop) -> None:
    allow(made)
    found = tools(made)
    assert set(found) == {*LOOK, "run"}
    for tool in found.values():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.input_schema["type"] == "object"


def test_mistakes_in_the_files_are_answered_as_they_are_fixed(made: Shop) -> None:
    good = made.settings.read_text()
    made.settings.write_text(good.replace("event_source: offline", "event_source: shop"))
    refused, problems = ask(made, ("plan", {"name": NAME}), ("validate", {}))
    assert refused.failed
    assert problems.data["valid"] is False
    (problem,) = problems.data["problems"]
    assert problem["file"] == "orchestrations.yaml"
    assert problem["line"] > 1
    assert "event_source" in problem["message"]
    (fixed,) = ask(made, ("validate", {}), before=lambda: made.settings.write_text(good))
    assert fixed.data["valid"] is True


def test_a_project_may_allow_to_run(made: Shop, tiktok: TikTok) -> None:
    allow(made)
    tool = tools(made)["run"]
    assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (False, True)
    (ran,) = ask(made, ("run", {"name": NAME, "limit": 8}))
    assert (ran.data["rows"]["delivered"], len(tiktok.events)) == (6, 6)


def test_what_was_allowed_and_is_no_longer_is_refused(made: Shop, tiktok: TikTok) -> None:
    allow(made)
    (refused,) = ask(made, ("run", {"name": NAME}), before=lambda: allow(made, run=False))
    assert refused.failed
    assert "does not allow assistants to run" in refused.text
    assert not tiktok.requests


def test_a_target_may_allow_what_others_do_not(made: Shop) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    targets = {"local": {"mcp": {"run": True}}, "production": {}}
    made.settings.write_text(yaml.safe_dump({**settings, "target": "production", "targets": targets}))
    assert "run" not in tools(made)
    made.settings.write_text(yaml.safe_dump({**settings, "target": "local", "targets": targets}))
    assert "run" in tools(made)


TARGETS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another target": ({"target": "production"}, {"target": "local"}, "production"),
    "no target": ({"target": "production"}, {}, "production"),
    "mistakes elsewhere": ({"target": "production", "bogus": 1}, {"target": "local"}, "production"),
    "the first valid one": ({"target": "prduction"}, {"target": "local"}, "local"),
    "none before": ({}, {"target": "local"}, "local"),
}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=[] if what in {"another target", "the first valid one"} else pytest.mark.thorough)
        for what in TARGETS
    ],
)
def test_an_edit_of_the_file_does_not_change_the_target(made: Shop, tiktok: TikTok, what: str) -> None:
    """What may run under one target must not run under another that was never asked for."""
    before, after, target = TARGETS[what]
    settings = yaml.safe_load(made.settings.read_text())
    targets: dict[str, Any] = {"local": {}, "production": {}}

    def write(**changes: Any) -> None:
        made.settings.write_text(yaml.safe_dump({**settings, "mcp": {"run": True}, "targets": targets, **changes}))

    write(**before)
    listed, planned = ask(made, ("validate", {}), ("plan", {"name": NAME}), before=lambda: write(**after))
    assert (listed.data["target"], planned.data["target"]) == (target, target)


def test_the_target_stays_between_calls(made: Shop, tiktok: TikTok) -> None:
    allow(made)
    good = made.settings.read_text()
    made.settings.write_text(f"{good}target: production\ntargets: {{local: {{}}, production: {{}}}}\n")
    gone = f"{good}target: local\ntargets: {{local: {{}}}}\n"
    refused, ran = ask(
        made, ("plan", {"name": NAME}), ("run", {"name": NAME}), before=lambda: made.settings.write_text(gone)
    )
    for answer in (refused, ran):
        assert answer.failed
        assert 'There is no target "production".' in answer.text
    assert not tiktok.requests


def test_roles_hold_for_assistants(made: Shop) -> None:
    connector.open_project(made.directory).run(NAME)
    with made.settings.open("a") as file:
        file.write("\nroles:\n  team: {users: [nobody-here], admin: true}\n")
    preview, rejects = ask(made, ("preview", {"name": NAME}), ("rejects", {"run_id": "latest"}))
    assert preview.failed
    assert rejects.failed


def test_without_the_extra_the_command_says_how_to_get_it(made: Shop, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['mcp'] = None; from connector.cli import main; sys.argv = ['connector', 'mcp']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(made.directory), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'sql-to-tiktok[mcp]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_stdout_holds_messages_of_the_protocol_only(made: Shop) -> None:
    """Also when a run prints what it does."""
    allow(made)
    client = {"name": "t", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "run", "arguments": {"name": NAME}}},
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "mcp"],
        env=environment(made.directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages))
    process.stdin.flush()
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    rest, _ = process.communicate(timeout=30)
    assert {line["id"] for line in lines} == {1, 2}
    assert rest == ""
    assert process.returncode == 0
