"""A project whose orchestration reads a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.cli.shop import NAME, Shop, shop
from tests.docs.markdown import ROOT
from tests.files.written import write

TEMPLATE = yaml.safe_load((ROOT / "templates" / "liveramp_conversions.yaml").read_text("utf-8"))
CONVERSIONS = "liveramp_conversions"
HEADER = "email_1|transaction_category|transaction_timestamp|transaction_amount|phone_1|order_id"


def file_shop(directory: Path, api_url: str, file: str, **orchestration: Any) -> Shop:
    """A project of which `purchases` reads `file`, by the program's template unless it is Parquet."""
    template = None if file.endswith(".parquet") else TEMPLATE
    made = shop(directory, api_url, "SELECT 1", template=template, **orchestration)
    settings = yaml.safe_load(made.settings.read_text())
    entry = settings["orchestrations"][NAME]
    del entry["query"], entry["warehouse"]
    entry["file"] = file
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def conversions(rows: int, start: int = 0, **differing: str) -> list[str]:
    """The lines of a file with so many good rows; `differing` are lines in place of others, as r2="..."."""
    now = datetime.now(UTC)
    lines = [HEADER]
    for number in range(start, start + rows):
        at = f"{now - timedelta(hours=6 + number % 400):%Y-%m-%dT%H:%M:%SZ}"
        lines.append(f"customer.{number}@example.com|In Store|{at}|{number}.25||o{number}")
    for line, text in differing.items():
        lines[int(line[1:]) - 1] = text
    return lines


def put(made: Shop, name: str, lines: list[str]) -> None:
    """Writes a file of the project."""
    write(made.directory, name, "\n".join(lines) + "\n")
