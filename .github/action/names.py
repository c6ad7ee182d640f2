"""Print the names of the orchestrations in the JSON of `connector validate`, one on a line."""

import json
import sys

for one in json.load(sys.stdin)["orchestrations"]:
    sys.stdout.write(f"{one['name']}\n")
