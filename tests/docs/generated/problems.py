"""The page of problems, from the docstrings of the rules."""

from connector.errors import Rule
from tests.docs.generated.tables import field_docs, table


def page() -> str:
    """Return the page."""
    docs = field_docs(Rule)
    rows = [(f"`{rule}`", docs[rule.name]) for rule in Rule]
    return (
        "# Problems\n\n"
        "`connector validate --json` lists the problems of the project file, the queries and the templates under "
        "[`problems`](json.md#connector-validate), all of them at once, each with file, line, column, message and rule. "
        "Lines and columns start at 1, and are null if they are not known. A rule is the kind of problem; its id never "
        f"changes its meaning, while messages may.\n\n{table(('rule', 'meaning'), rows)}"
    )
