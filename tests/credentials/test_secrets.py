"""No secret is to be found anywhere but in the file that is kept for it."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.simulator.fault_files import parse
from tests.cli.command import Outcome, connector, inside
from tests.cli.shop import Shop
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
from tests.credentials.secrets import Secrets, secret_settings
from tests.destinations.tls import HOST, authority, proxy, tiktok_behind_tls


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
        simulator.world.accounts.restrict_tokens([STARTING])
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


# Every setting that holds a secret --------------------------------------------------------------------------

ELSEWHERE = {"notifications", "secrets"}
"""Settings of which other tests hold that they show nothing."""


@dataclass
class Told:
    """All that the commands of a scenario wrote."""

    made: Shop
    said: list[Outcome] = field(default_factory=list)

    def run(self, *command: str, code: int) -> Outcome:
        """The command, which ends as it should; as a process of its own where it prints a stack trace."""
        way = connector if "--debug" in command else inside
        self.said.append(way(*command, project=self.made.directory))
        assert self.said[-1].code == code, self.said[-1].stderr
        return self.said[-1]

    def rewrite(self, change: Callable[[dict[str, Any]], object]) -> None:
        """The settings are written otherwise."""
        settings = yaml.safe_load(self.made.settings.read_text())
        change(settings)
        self.made.settings.write_text(yaml.safe_dump(settings))


def written(settings: dict[str, Any], secrets: Secrets, between: int, ca_file: Path) -> str:
    """Writes a secret wherever one can be; gives the password that the proxy wants."""
    password = secrets.new("proxy")
    settings["credentials"]["tiktok"] = {
        "app_id": "71",
        **{name: secrets.new(name) for name in ("access_token", "app_secret", "refresh_token")},
    }
    settings["credentials"]["other"] = {"access_token": secrets.new("access_token", of="other")}
    way = {"api_url": f"https://{HOST}", "ca_file": str(ca_file)}
    destinations, orchestrations = settings["destinations"], settings["orchestrations"]
    stores = {**destinations["stores"], **way}
    destinations["stores"] = {**stores, "proxy": f"http://jo:{password}@127.0.0.1:{between}"}
    wrong = f"http://jo:{secrets.new('proxy', of='wrong')}@127.0.0.1:{between}"
    destinations["closed"] = {**stores, "credential": "other", "event_source_id": "71", "proxy": wrong}
    settings["warehouses"]["away"] = {
        "url": f"postgresql://jo:{secrets.new('url')}@127.0.0.1:1/x",
        "options": {"application_name": secrets.new("options")},
    }
    settings["warehouses"]["cloud"] = {
        "url": "snowflake://jo@account/MARTS/PUBLIC",
        **{name: secrets.new(name) for name in ("password", "token", "private_key_passphrase")},
    }
    key = {"type": "service_account", "private_key": secrets.new("credentials_json")}
    settings["warehouses"]["queries"] = {"url": "bigquery://project/marts", "credentials_json": json.dumps(key)}
    settings["roles"] = {"everybody": {"users": ["*"], "admin": True}}
    settings["console"] = {
        "auth": "proxy",
        "header": "X-Forwarded-User",
        "trusted": ["10.0.0.7"],
        "origins": ["https://connector.example"],
        "secret_header": f"X-Console-Secret: {secrets.new('secret_header')}",
    }
    elsewhere = [(name, "warehouse") for name in ("away", "cloud", "queries")]
    for name, changed in (("closed", "destination"), *elsewhere):
        orchestrations[name] = {**orchestrations[NAME], changed: name}
    address = f"sftp://jo:{secrets.new('file')}@127.0.0.1:1/shop/*.psv"
    settings["notifications"] = {
        "team": f"json://jo:{secrets.new('url', of='service')}@127.0.0.1:1/",
        "board": {"webhook": f"http://127.0.0.1:1/{secrets.new('webhook')}"},
    }
    orchestrations[NAME] = {**orchestrations[NAME], "notify": {"team": ["completed"], "board": ["completed"]}}
    orchestrations["remote"] = {"destination": "stores", "file": address, "format": "liveramp_conversions"}
    return password


def test_no_setting_that_holds_a_secret_shows_it_in_any_file_log_or_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets, ours = Secrets(), authority(tmp_path)
    told = Told(selling(tmp_path / "shop", "simulator", rows=20))
    with tiktok_behind_tls(ours.served) as tiktok, proxy(tiktok.port) as between:
        told.rewrite(lambda settings: written(settings, secrets, between.port, ours.certificate))
        told.run("validate", "--json", code=0)
        told.run("run", NAME, "--json", code=0)
        assert secrets.found_in(*tiktok.requests) == ["access_token"]
        told.run("auth", "refresh", "tiktok", code=1)
        told.run("run", "away", code=1)
        told.run("run", "queries", code=1)
        told.run("destinations", "list", "--json", code=0)
    with proxy(1, user="somebody:else") as strict:
        told.rewrite(lambda settings: settings["destinations"]["closed"].update(proxy=_at(settings, strict.port)))
        assert "HTTP 407" in told.run("run", "closed", "--debug", code=1).stderr
    told.run("runs", "show", last_run(told.made.directory), "--json", code=0)
    told.rewrite(
        lambda settings: settings["destinations"]["stores"].update(proxy=f"ftp://{secrets.new('proxy', of='bad')}")
    )
    told.run("validate", code=2)
    told.rewrite(lambda settings: settings.update(ledger=f"postgresql://jo:{secrets.new('ledger')}@127.0.0.1:1/x"))
    told.rewrite(lambda settings: settings["destinations"]["stores"].update(proxy=None))
    told.run("runs", "list", code=1)
    assert secrets.settings == secret_settings() - ELSEWHERE
    printed = [text for one in told.said for text in (one.stdout, one.stderr)]
    assert secrets.found_in(caplog.text, *printed, everything(told.made.state, ".json")) == []
    assert len(told.said) == 10


def _at(settings: dict[str, Any], port: int) -> str:
    user = settings["destinations"]["closed"]["proxy"].rpartition("@")[0]
    return f"{user}@127.0.0.1:{port}"
