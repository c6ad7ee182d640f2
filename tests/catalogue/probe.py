"""What the product does with the parameters of its catalogue: `python -m tests.catalogue.probe DIRECTORY` prints it.

Runs where `connector.catalogue` holds the entries of `tests.catalogue.entries`.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

from connector.catalogue import NUMBERS, Kind
from connector.simulator.recording import Recording
from connector.simulator.server import Simulator
from tests.catalogue.entries import ENTRIES, OF_ONE_SOURCE, WRONG
from tests.cli.command import inside
from tests.cli.shop import NAME, SOURCE_ID, TOKEN, shop
from tests.docs.generated.parameters import page
from tests.simulator.client import PIXEL, Caller, body

SOURCES = f"""
CASE n WHEN 1 THEN 'web' ELSE 'offline' END AS event_source,
CASE n WHEN 1 THEN '{PIXEL}' ELSE '{SOURCE_ID}' END AS event_source_id,
"""


def query(sources: str) -> str:
    """Two good rows, then one for each wrong value."""
    columns = [_column(one.columns[-1], example.given) for one, example in OF_ONE_SOURCE.items()]
    wrong = {one.name: (number, example.wrong or "") for number, (one, example) in enumerate(WRONG, 2)}
    columns += [_column(one.columns[-1], example.given, *wrong.get(one.name, ())) for one, example in ENTRIES.items()]
    return (
        f"SELECT {sources} 'e' || n AS event_id, 'Purchase' AS event, now() AS timestamp, 'a@example.com' AS email,"
        f" 'https://shop.example/' AS page_url, {', '.join(columns)} FROM range({len(WRONG) + 2}) AS t (n)"
    )


def _column(name: str, good: str, number: int | None = None, wrong: str = "") -> str:
    text = f"'{good.replace(chr(39), chr(39) * 2)}'"
    return f"{text} AS {name}" if number is None else f"CASE n WHEN {number} THEN '{wrong}' ELSE {text} END AS {name}"


def commands(directory: Path, sources: str) -> dict[str, Any]:
    """Run every command that shows or sends what an event carries."""
    recorded = directory / "recorded.jsonl"
    directory.mkdir(parents=True)
    with Recording(recorded) as recording, Simulator(recording=recording, tokens=[TOKEN]) as simulator:
        project = shop(directory / "shop", simulator.url, query(sources)).directory

        def printed(*args: str) -> str:
            done = inside(*args, project=project)
            assert done.code == 0, done
            return done.stdout

        validated = json.loads(printed("validate", NAME, "--connect", "--json"))
        compiled, preview = printed("compile", NAME), json.loads(printed("preview", NAME, "--rows", "2", "--json"))
        run = json.loads(printed("run", NAME, "--json"))
        rejects = json.loads(printed("rejects", run["run_id"], "--format", "json"))
    sent = [json.loads(line)["event"] for line in recorded.read_text().splitlines()]
    shown = {"validated": validated, "compiled": compiled, "preview": preview}
    return {**shown, "run": run, "rejects": rejects, "sent": {event["event_id"]: event for event in sent}}


def refused(event: dict[str, Any]) -> dict[str, int]:
    """Return, by parameter, the simulator's code for an event in which its value is of another type."""
    codes: dict[str, int] = {}
    with Simulator() as simulator:
        caller = Caller(simulator.url)
        for one in ENTRIES:
            changed = copy.deepcopy(event)
            holder = changed
            for name in one.path[:-1]:
                holder = holder[name][0] if name == "contents" else holder[name]
            holder[one.path[-1]] = "text" if one.kind in NUMBERS | {Kind.TIMESTAMP} else 1
            codes[one.name] = caller.send(body(changed))[1]
        caller.connection.close()
    return codes


def main(directory: Path) -> dict[str, Any]:
    mixed, offline = commands(directory / "mixed", SOURCES), commands(directory / "offline", "")
    return {"mixed": mixed, "offline": offline, "refused": refused(offline["sent"]["e0"]), "docs": page()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
