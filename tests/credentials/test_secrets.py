"""No secret is to be found anywhere but in the file that is kept for it."""

import logging
from pathlib import Path

import pytest

from connector.simulator.fault_files import parse
from tests.cli.command import Outcome, connector, inside
from tests.credentials.grants import (
    APP_ONLY,
    CODE,
    GRANT,
    NAME,
    REFRESH,
    SECRET,
    STARTING,
    Folder,
    rewrite,
    selling,
    simulating,
)


def everything(folder: Path, but: str) -> bytes:
    """All files below the state folder, byte by byte, with their names; but those that end so."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(but)]
    assert {"ledger.sqlite"} <= {path.name for path in files}
    return b"\n".join(str(path).encode() + path.read_bytes() for path in files)


def test_no_secret_is_in_the_ledger_the_stage_a_log_or_an_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[Outcome] = []
    secrets = {SECRET, REFRESH, CODE, STARTING}
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url, {**GRANT, "access_token": STARTING}, rows=2_500)

        def run(*command: str, fault: str | None = None) -> Outcome:
            """The command; as a process of its own where it prints a stack trace."""
            if fault:
                simulator.world.faults.add([parse(fault)])
            way = connector if "--debug" in command else inside
            said.append(way(*command, project=made.directory))
            kept = made.state / "tokens"
            for name in ("access_token", "refresh_token") if kept.exists() else ():
                secrets.update(one for one in [Folder(made).kept.get(name)] if one)
            return said[-1]

        assert run("run", NAME, fault=f"revoked_token:times=1,message=Bad {STARTING}").code == 1
        simulator.world.accounts.list_tokens([STARTING])
        refusal = f"code:path=/oauth2/refresh_token/,code=40101,message=Bad {SECRET} {REFRESH},times=1"
        assert run("auth", "refresh", "tiktok", "--debug", fault=refusal).code == 1
        assert run("resume", "--debug", fault="expired_token:skip=1,times=1").code == 0
        refusal = f"code:path=/oauth2/access_token/,code=40113,message=Bad {SECRET} {CODE},times=1"
        assert run("auth", "login", "tiktok", "--code", CODE, "--debug", fault=refusal).code == 1
        refusal = f"code:path=/oauth2/advertiser/get/,code=40001,message=Bad {SECRET},times=1"
        assert run("auth", "login", "tiktok", "--code", CODE, fault=refusal).code == 0
        assert run("auth", "refresh", "tiktok").code == 2
        run("auth", "status", "tiktok")
        run("auth", "status", "tiktok", "--json")
        run("runs", "show", last_run(made.directory), "--json")
        dead = Folder(made).kept["access_token"]
        simulator.world.accounts.tokens[dead].revoked = True
        assert run("run", NAME, "--test-event-code", "T1").code == 1
    stage = everything(made.state, ".json")
    assert b"events.arrow" in stage
    output = "".join(one.stdout + one.stderr for one in said)
    assert output.count("Traceback") == 2
    assert len(secrets) >= 7
    for secret in secrets:
        assert secret not in output
        assert secret not in caplog.text
        assert secret.encode() not in stage


def last_run(directory: Path) -> str:
    """The id of the last run."""
    listed = inside("runs", "list", "--json", project=directory).json["runs"]
    return str(listed[0]["run_id"])


def test_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        assert inside("run", NAME, project=made.directory).code == 0
    assert Folder(made).kept["access_token"].encode() in everything(made.state, ".lock")


def test_a_refresh_token_without_an_app_is_refused_without_being_shown(tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", "simulator", APP_ONLY)
    rewrite(made, {"access_token": STARTING, "refresh_token": REFRESH})
    refused = inside("auth", "status", "tiktok", project=made.directory)
    assert refused.code == 2
    assert "needs app_id and app_secret" in refused.stderr
    assert REFRESH not in refused.stderr
