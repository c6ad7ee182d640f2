"""`connector forget`: somebody is found in what was sent, and is sent no more."""

import json
import subprocess
import sys
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.config.project import load_project
from connector.ledger.project_ledger import ledger_of
from tests.cli.command import Outcome, checked, environment, inside
from tests.cli.people import People, everything_below
from tests.cli.shop import NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)
REFUSED = Reply(40002, "Invalid value for event_id: not a valid string.", 400)
JANE, PHONE = "Jane.Roe+x@Example.com", "+44 20 7946 0958"
EVENT_DIGEST = sha256(b"jane.roe+x@example.com").hexdigest()
AUDIENCE_DIGEST = sha256(b"janeroe@example.com").hexdigest()
PLUS_DIGEST = sha256(b"jane.roe@example.com").hexdigest()
PHONE_DIGEST = sha256(b"+442079460958").hexdigest()
QUERY = f"""
    SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, 2.5 AS value,
        CASE WHEN n IN (3, 7, 8) THEN '{JANE}' ELSE n || '@example.com' END AS email,
        CASE WHEN n = 5 THEN '{PHONE}' END AS phone,
        CASE WHEN n = 8 THEN 'EURO' ELSE 'USD' END AS currency
    FROM range(12) AS t (n)
"""
"""Jane is in e3 and e7, and in a row that is rejected; the number is in e5."""


class Shopkeeper:
    """A project, and what is typed in it."""

    def __init__(self, made: Shop, tiktok: TikTok) -> None:
        self.made, self.tiktok = made, tiktok

    def typed(self, *args: str) -> Outcome:
        return inside(*args, project=self.made.directory)

    def run(self, *args: str) -> dict[str, Any]:
        return checked(self.typed("run", NAME, "--json", *args).json)

    def forget(self, *args: str) -> dict[str, Any]:
        done = self.typed("forget", *args, "--json")
        assert done.code == 0, done
        return done.json

    def sent(self) -> list[str]:
        return sorted(event["event_id"] for event in self.tiktok.events)


@pytest.fixture
def keeper(tmp_path: Path) -> Any:
    with serving() as tiktok:
        yield Shopkeeper(shop(tmp_path / "shop", tiktok.url, QUERY), tiktok)


def key(event_id: str) -> str:
    """The 128 bits of an event's key, the lower half first."""
    return md5("\x1f".join(["offline", SOURCE_ID, "Purchase", event_id]).encode()).digest().hex()


def test_what_was_sent_is_found_and_nothing_is_sent_again(keeper: Shopkeeper) -> None:
    run = keeper.run()
    assert (run["rows"]["delivered"], run["rejects"]) == (11, {"invalid_currency": 1})
    receipt = keeper.forget("--email", JANE, "--phone", PHONE)
    audience = [("audience_email", PLUS_DIGEST), ("audience_email", AUDIENCE_DIGEST)]
    digests = [("email", EVENT_DIGEST), *audience, ("phone", PHONE_DIGEST)]
    assert [(one["kind"], one["digest"]) for one in receipt["digests"]] == digests
    (sent,) = receipt["sent"]
    assert (sent["run_id"], sent["orchestration"], sent["events"]) == (run["run_id"], NAME, 3)
    assert sorted(sent["event_keys"]) == sorted(map(key, ("e3", "e5", "e7")))
    assert receipt["left_out"] == [{"run_id": run["run_id"], "rows": 1}]
    assert "cannot delete events" in receipt["notes"][0]
    assert receipt["new_on_the_list"] == 4
    again = keeper.forget("--email", JANE.upper())
    assert (again["new_on_the_list"], again["sent"][0]["events"], again["left_out"]) == (0, 2, [])
    keeper.made.query.write_text(QUERY.replace("'e' ||", "'f' ||"))
    later = keeper.run()
    assert (later["rows"]["delivered"], later["skips"]) == (8, {"suppressed": 3})
    assert not {"f3", "f5", "f7"} & set(keeper.sent())


def test_every_way_to_send_or_to_look_leaves_them_out(keeper: Shopkeeper) -> None:
    keeper.forget("--email", JANE)
    assert keeper.typed("plan", NAME, "--json").json["skips"] == {"suppressed": 2}
    preview = keeper.typed("preview", NAME, "--rows", "20", "--json")
    assert sum(len(body["data"]) for body in preview.json["requests"]) == 9
    assert [row["reason"] for row in preview.json["left_out"]].count("suppressed") == 2
    assert EVENT_DIGEST not in preview.stdout
    assert keeper.run("--test-event-code", "TEST1")["skips"] == {"suppressed": 2}
    run = keeper.run()
    keeper.made.query.write_text(QUERY.replace("'EURO'", "'EUR'"))
    retried = checked(keeper.typed("retry", run["run_id"], "--json").json)
    assert (retried["rows"]["read"], retried["skips"]) == (1, {"suppressed": 1})
    assert not {"e3", "e7", "e8"} & set(keeper.sent())


def test_a_stage_that_was_made_before_goes_on_without_them(keeper: Shopkeeper) -> None:
    keeper.tiktok.answer = lambda body: REFUSED if '"e5"' in json.dumps(body) or len(body["data"]) > 3 else REVOKED
    stopped = keeper.run()
    assert stopped["rows"]["pending"] > 5
    receipt = keeper.forget("--email", JANE, "--phone", PHONE)
    (staged,) = receipt["staged"]
    assert staged["run_id"] == stopped["run_id"]
    keeper.tiktok.answer = lambda body: OK
    resumed = checked(keeper.typed("resume", stopped["run_id"], "--json").json)
    assert resumed["status"] == "completed_with_rejects"
    assert resumed["skips"] == {"suppressed": staged["events"]}
    assert not {"e3", "e5", "e7"} & set(keeper.sent())
    skipped = keeper.typed("rejects", stopped["run_id"], "--reason", "suppressed", "--format", "json").stdout
    assert len(json.loads(skipped)) == staged["events"]
    digests = (EVENT_DIGEST, PHONE_DIGEST)
    assert [one for one in digests if one in everything_below(keeper.made.state / "runs")] == []


def test_nothing_of_what_was_given_stays_but_digests(keeper: Shopkeeper, tmp_path: Path) -> None:
    keeper.run()
    receipt = tmp_path / "receipt.json"
    done = keeper.typed("forget", "--email", JANE, "--phone", PHONE, "-o", str(receipt))
    people = People([JANE, PHONE])
    kept = done.stdout + done.stderr + receipt.read_text() + everything_below(keeper.made.state)
    assert (done.code, people.found_in(kept)) == (0, [])
    assert EVENT_DIGEST in kept
    digests = {one["digest"] for one in json.loads(receipt.read_text())["digests"]}
    assert digests == {EVENT_DIGEST, PLUS_DIGEST, AUDIENCE_DIGEST, PHONE_DIGEST}


def test_both_are_read_from_stdin(keeper: Shopkeeper) -> None:
    command = [sys.executable, "-m", "connector", "forget", "--email", "-", "--phone", "-", "--json"]
    env = environment(keeper.made.directory, None)
    done = subprocess.run(
        command, input=f"{JANE}\n{PHONE}\n", env=env, cwd="/", capture_output=True, text=True, check=True
    )
    assert [one["digest"] for one in json.loads(done.stdout)["digests"]] == [
        EVENT_DIGEST,
        PLUS_DIGEST,
        AUDIENCE_DIGEST,
        PHONE_DIGEST,
    ]


WRONG = {
    (): "Specify --email",
    ("--email", "jane.example.com"): "Not a valid e-mail address",
    ("--email", ""): "Not a valid e-mail address",
    ("--phone", "12"): "Not a valid phone number in US",
    ("--phone", PHONE, "--region", "Germnay"): "it must be the code or name of a country, such as DE or Germany",
    ("--email", JANE, "--target", "prod"): 'There is no target "prod"',
}


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_what_names_nobody_is_refused_without_being_told(keeper: Shopkeeper, args: tuple[str, ...]) -> None:
    outcome = keeper.typed("forget", *args)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert WRONG[args] in outcome.sentence
    assert not (args and args[1] and args[1] in outcome.stderr)


def test_a_number_that_two_regions_read_differently_needs_one(keeper: Shopkeeper) -> None:
    settings = yaml.safe_load(keeper.made.settings.read_text())
    stores = settings["destinations"]["stores"]
    settings["destinations"] |= {
        "british": {**stores, "default_region": "GB"},
        "german": {**stores, "default_region": "DE"},
    }
    keeper.made.settings.write_text(yaml.safe_dump(settings))
    assert "--region" in keeper.typed("forget", "--phone", "020 7946 0958").sentence
    (one,) = keeper.forget("--phone", "020 7946 0958", "--region", "gb")["digests"]
    assert one["digest"] == PHONE_DIGEST
    for region in ("United Kingdom", "GBR", "UK"):
        assert keeper.forget("--phone", "020 7946 0958", "--region", region)["digests"] == [one]
    assert keeper.forget("--phone", PHONE)["digests"] == [one]


def test_receipts_are_kept_in_the_ledger(keeper: Shopkeeper) -> None:
    receipt = keeper.forget("--email", JANE)
    with ledger_of(load_project(keeper.made.directory, {})) as ledger:
        assert ledger.suppression.receipts() == [receipt]
        assert ledger.suppression.digests("audience_email", "phone") == sorted([PLUS_DIGEST, AUDIENCE_DIGEST])
    assert keeper.typed("runs", "audit", "--json").json["audit"][0]["command"] == "forget"
