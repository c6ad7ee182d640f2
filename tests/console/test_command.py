"""`connector console` as a command."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.architecture.test_start_up import loaded_by
from tests.cli.command import environment, inside
from tests.cli.shop import Shop, shop

OWN_PARTS = {"starlette", "uvicorn", "anyio", "python_multipart", "multipart", "h11", "pygments"}
COMMANDS = (["--help"], ["run", "--help"], ["validate"], ["runs", "list"], ["start", "--help"], ["console", "--help"])


def test_it_prints_a_link_and_ends_soon_with_a_browser_connected(project: Shop) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "console", "--port", "0"],
        env=environment(project.directory), cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    link = process.stdout.readline().strip()
    with httpx.Client() as client:
        assert client.get(link).status_code == 200
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - before < 4
    assert process.returncode == 0
    assert said.splitlines() == ["The link works once, within 5 minutes. Press Enter for a new one, Ctrl+C to stop."]


def test_a_port_that_is_taken_is_told_in_one_sentence(project: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = inside("console", "--port", str(port), project=project.directory)
    assert done.code == 2
    assert done.sentence == (
        f"127.0.0.1:{port} cannot be listened on: Address already in use. Choose another `--port`; 0 picks a free one."
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "connector.example"])
def test_it_listens_on_loopback_alone(project: Shop, host: str) -> None:
    done = inside("console", "--host", host, project=project.directory)
    assert done.code == 2
    assert f'--host "{host}" would open the console to other machines' in done.sentence


def test_the_scheduler_serves_it_too(tmp_path: Path) -> None:
    schedule = {"cron": "15 6 1 1 *"}
    made = shop(tmp_path / "shop", "simulator", "SELECT 1 AS x", workflow="automatic", schedule=schedule)
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "start", "--port", "0", "--console", "--console-port", "0"],
        env=environment(made.directory), cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    link = process.stdout.readline().strip()
    assert httpx.get(link).status_code == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


PROXY = {"auth": "proxy", "header": "X-Forwarded-User", "trusted": ["10.0.0.1"], "origins": ["https://c.example"]}
ROLES = {"team": {"users": ["anna"]}}


@pytest.mark.parametrize(
    ("console", "roles", "words"),
    [
        (PROXY, None, "everybody would be an admin"),
        ({**PROXY, "trusted": []}, ROLES, "needs trusted"),
        ({**PROXY, "trusted": ["0.0.0.0/0"]}, ROLES, "trusts everybody"),
        ({**PROXY, "trusted": "::/0"}, ROLES, "trusts everybody"),
        ({**PROXY, "trusted": "proxy"}, ROLES, "must be IP addresses or networks"),
        ({**PROXY, "header": None}, ROLES, "needs header"),
        ({**PROXY, "header": "Host"}, ROLES, "must be a header that the proxy alone sets"),
        ({**PROXY, "header": "X User"}, ROLES, "must be the name of an HTTP header"),
        ({**PROXY, "origins": None}, ROLES, "needs origins"),
        ({**PROXY, "origins": ["https://c.example/path"]}, ROLES, "must be origins without a path"),
        ({**PROXY, "origins": ["c.example"]}, ROLES, "must be origins without a path"),
        ({"header": "X-Forwarded-User"}, None, "has an effect only with auth: proxy"),
        ({"auth": "password"}, None, "must be link or proxy"),
        ({"password": "x"}, None, "is not a known key"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    project: Shop, tmp_path: Path, console: dict[str, object], roles: object, words: str
) -> None:
    settings = yaml.safe_load(project.settings.read_text())
    changed = {**settings, "console": console, **({"roles": roles} if roles else {})}
    (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump(changed))
    done = inside("console", "--port", "0", project=tmp_path)
    assert done.code == 2
    assert words in done.stderr


def test_no_other_command_loads_its_parts(project: Shop) -> None:
    script = f"""
import contextlib, os, sys
from connector.cli.app import app
for arguments in {COMMANDS}:
    with contextlib.suppress(SystemExit), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        app(arguments)
"""
    loaded = loaded_by(script, project.directory)
    assert {name.partition(".")[0] for name in loaded} & OWN_PARTS <= {"pygments"}
    assert not any(name.startswith("connector.console") for name in loaded)
