"""The page of statuses, reasons, skips, warnings and exit codes, from the docstrings of their words."""

from enum import StrEnum

from connector.core.outcomes import Reason, RowWarning, RunStatus, Skip
from tests.docs.generated.tables import field_docs, table

EXIT_CODES = {
    0: "Done. Of a run: `completed` or `completed_with_rejects`. Nothing to do.",
    1: "Failed; the message says why. Fix the cause and run the command again: a run continues where it stopped. A run does "
    "not fail because its output cannot be written, for example to a full disk.",
    2: "The command, or one of the project's files, is not valid, or the roles do not allow it. Nothing was sent. Fix it.",
    3: "Nothing was sent because of the rows: every row was rejected, more rows than `max_reject_percent` allows, or fewer "
    "rows were read than `min_rows` requires, or the counts are not those of the plan; or a dbt model is not "
    "ready. Fix the data, the limit, the plan or the model.",
    130: "Interrupted by Ctrl-C or a signal. `connector resume` continues.",
}
LINKS = {
    "invalid_timestamp": "timestamps.md",
    "suppressed": "../how-to/forget.md",
    "refused_by_tiktok": "../explanation/security.md",
    "answer_lost": "../explanation/delivery.md#batches",
    "invalid_amount": "../explanation/delivery.md#events-and-line-items",
    "identical_rows": "../explanation/delivery.md#events-and-line-items",
}


def page() -> str:
    """Return the page."""
    statuses = [(f"`{word}`", word.label, field_docs(RunStatus)[word.name]) for word in RunStatus]
    codes = [(str(code), meaning) for code, meaning in EXIT_CODES.items()]
    return (
        f"# Outcomes\n\n"
        "Every row that a run reads has one outcome: `read = delivered + rejected + skipped + pending`.\n\n"
        f"## Exit codes\n\n{table(('exit code', 'meaning'), codes)}\n"
        f"## Statuses of a run\n\n{table(('status of a run', 'shown as', 'meaning'), statuses)}\n"
        "## Reasons\n\nA rejected row has the first of these reasons that applies. An event is sent whole or not at all.\n\n"
        f"{_words('reason', Reason)}\n"
        f"## Skips\n\nA skipped row is valid, and not sent.\n\n{_words('skip', Skip)}\n"
        "## Warnings\n\nA row with a warning is sent, unless it is rejected for another reason.\n\n"
        f"{_words('warning', RowWarning)}"
    )


def _words(heading: str, words: type[StrEnum]) -> str:
    docs = field_docs(words)
    rows = [(f"`{word}`", docs[word.name] + _link(word)) for word in words]
    return table((heading, "meaning"), rows)


def _link(word: StrEnum) -> str:
    return f" [More]({LINKS[word]})." if word in LINKS else ""
