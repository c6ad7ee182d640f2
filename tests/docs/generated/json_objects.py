"""The page of JSON output. Tests compare its keys with what the commands print."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.docs.generated.tables import table

Keys = Mapping[str, str]
"""What each key means. A key of an object in a list follows `[]`; a word in capitals stands for several keys."""


@dataclass(frozen=True)
class Printed:
    """The object that a command prints."""

    command: str
    keys: Keys
    sometimes: Keys = field(default_factory=dict)
    """Keys that are there in some cases, which their meanings say."""
    introduction: str = ""


def below(path: str, keys: Keys) -> Keys:
    """Return keys as they are below another one."""
    return {f"{path}.{key}": meaning for key, meaning in keys.items()}


ROW_COUNTS = {
    "rows": "rows by outcome; `read = delivered + rejected + skipped + pending`",
    "rows.read": "rows of the result",
    "rows.delivered": "rows whose events were delivered",
    "rows.rejected": "rows that were rejected",
    "rows.skipped": "rows that were skipped",
    "rows.pending": "rows that are still to be sent",
}
EXCLUDED = {
    "rejects": "rejected rows by [reason](outcomes.md#reasons)",
    "rejects.REASON": "rows",
    "skips": "skipped rows by [skip](outcomes.md#skips)",
    "skips.SKIP": "rows",
    "warnings": "rows by [warning](outcomes.md#warnings)",
    "warnings.WARNING": "rows",
}
IDENTICAL = {
    "identical_value": "the value that identical rows add, if there are any",
    "identical_value.CURRENCY": "decimal number as text",
    "cursor": "the rows that were read, of an orchestration with a cursor",
    "cursor.column": "the cursor column",
    "cursor.since": "the lowest value that was read; null: all rows were",
    "cursor.reached": "the highest value that was read, by this run or earlier ones",
}
MEMBERS = {
    "members": "of an audience: identifiers",
    "members.added": "identifiers that were added, or would be",
    "members.removed": "identifiers that were deleted, or would be",
    "members.unchanged": "identifiers that were in the audience and stay",
    "members.sent_again": "identifiers that were sent again because an ad account was added",
}
PROBLEM = {
    "file": "path, relative to the current folder, or null",
    "line": "line, from 1, or null",
    "column": "column, from 1, or null",
    "message": "sentence for people",
    "rule": "[rule](problems.md)",
}
RUN = {
    "run_id": "the id of the run",
    "orchestration": "its name",
    "target": "its target",
    "workflow": "`manual` or `automatic`",
    "engine": "the engine whose machines worked on it, or null",
    "status": "[status](outcomes.md#statuses-of-a-run)",
    **ROW_COUNTS,
    "events": "events",
    "events.built": "events that were staged",
    "events.delivered": "events that TikTok accepted",
    "events.refused": "events that TikTok refused",
    "requests": "requests",
    "requests.sent": "requests that left",
    "requests.retried": "requests that were retries",
    **EXCLUDED,
    "started_at": "time, ISO 8601, UTC",
    "finished_at": "time, or null while it runs",
    "seconds": "duration",
    "error": "the message of the error that stopped it, or null",
}
TREND = {
    "trend": "comparison with earlier runs, or null if there is none",
    "trend.runs": "how many earlier runs are compared",
    "trend.rows": "rows read",
    "trend.seconds": "duration",
    **{
        f"trend.{of}.{key}": meaning
        for of in ("rows", "seconds")
        for key, meaning in {
            "now": "of this run",
            "median": "of the earlier runs",
            "percent": "change in percent, or null",
        }.items()
    },
}
REQUEST = {
    "batch": "number of the batch, from 0",
    "first_event": "number of the first event of the request, from 0",
    "events": "events of the request",
    "attempt": "number of the attempt, from 1",
    "verdict": "what the answer means",
    "http_status": "HTTP status, or null",
    "code": "the code of the answer, or null",
    "message": "the message of the answer, without identifiers",
    "request_id": "the platform's id of the request, or null",
    "seconds": "time until the answer",
}
COVERAGE = ("email", "phone", "external_id", "tiktok_click_id", "cookie_id", "ip")
DETAILS = {
    "destination": "name of the destination",
    "retry_of": "the run that this one retries, or null",
    "query_id": "the warehouse's id of the query, or null",
    "by": "users who started and resumed it",
    "shown_by": "when the platform shows the events at the latest, or null",
    "timeline": "steps of the run",
    "timeline[].at": "time",
    "timeline[].what": "step",
    "reject_examples": "by reason, the first three rows",
    "reject_examples.REASON": "rows",
    "reject_examples.REASON[].row": "number of the row in the result, from 1",
    "reject_examples.REASON[].columns": "columns that identify nobody",
    "reject_examples.REASON[].code": "the code of the answer, or null",
    "reject_examples.REASON[].message": "TikTok's message, or null",
    "request_log": "every request",
    **below("request_log[]", REQUEST),
    "request_summary": "totals of the requests",
    "request_summary.sent": "requests that left",
    "request_summary.retried": "requests that were retries",
    "request_summary.throttled": "requests that TikTok throttled",
    "request_summary.verdicts": "requests by verdict",
    "request_summary.verdicts.VERDICT": "requests",
    "request_summary.seconds": "time until the answer",
    "request_summary.seconds.median": "seconds",
    "request_summary.seconds.percentile_95": "seconds",
    "request_summary.slowest": "the slowest requests",
    **below("request_summary.slowest[]", REQUEST),
    "match_coverage": "of delivered events; null for an audience",
    "match_coverage.events": "delivered events",
    **{f"match_coverage.{name}": f"events with `{name}`" for name in COVERAGE},
    **{f"match_coverage.{name}.{key}": key for name in COVERAGE for key in ("events", "percent")},
    "freshness": "delivered events by age when they were sent; null for an audience",
    "freshness[].age": "range of ages",
    "freshness[].events": "events",
    "value": "value of delivered events by currency and day; null for an audience",
    "value[].currency": "currency code",
    "value[].day": "day of the event, UTC",
    "value[].events": "events",
    "value[].value": "decimal number as text, or null",
}
PLAN = {
    "orchestration": "its name",
    "destination": "name of the destination",
    "target": "the target",
    "limit": "the row limit, or null",
    "test_event_code": "the code of test events, or null",
    "rows": "rows by outcome",
    "rows.read": "rows of the result",
    "rows.to_send": "rows that a run would send",
    "rows.rejected": "rows that would be rejected",
    "rows.skipped": "rows that would be skipped",
    "events": "events that a run would send",
    "requests": "requests that a run would send",
    **EXCLUDED,
    "minutes": "minutes at the rate limit",
    "too_many_rejects": "whether more rows are rejected than `max_reject_percent` allows",
    "would_fail": "why a run would send nothing, or null",
    "notes": "sentences for people",
    "changes": "changes at TikTok that a run would make",
}
SIDE = {
    "target": "its name",
    "plan": "the object of `connector plan`, or null if it cannot run",
    "problems": "messages",
}
AUDIENCE = {
    "name": "name at TikTok",
    "audience_id": "id at TikTok",
    "advertiser_ids": "ad accounts that have it",
    "waiting_advertiser_ids": "ad accounts that were added and are not filled yet",
    "left_advertiser_ids": "ad accounts that were removed",
    "target": "the target",
    "api_url": "where it is",
    "members": "identifiers by type",
    "members.TYPE": "identifiers; `total` is their sum",
    "synced_at": "time of the last sync, or null",
}
TARGET = {"target": "the target"}
NODES: Keys = {
    "nodes": "machines of the engine, with one",
    "nodes[].host": "name of the machine",
    "nodes[].read": "what it read",
    "nodes[].read.splits": "splits",
    "nodes[].read.rows": "rows",
    "nodes[].read.seconds": "seconds of its processes, added up",
    "nodes[].sent": "what it sent",
    "nodes[].sent.batches": "batches",
    "nodes[].sent.rows": "rows of events that were delivered",
    "nodes[].sent.seconds": "seconds of its processes, added up",
}

ENGINE: Keys = {
    "engine": "the [engine](../how-to/scale.md), with one",
    "engine.name": "its name",
    "engine.type": "`ray`",
    "engine.address": "the cluster",
    "engine.stage": "the folder that all machines write to",
}

TASKS: Keys = {
    "engine.splits": "tasks that would read the result",
    "engine.split_note": "why it is one task, or null",
    "engine.senders": "tasks that would send",
}

OBJECTS = (
    Printed(
        "connector run",
        {**RUN, "resumed": "ids of earlier runs that it finished first"},
        {**IDENTICAL, **MEMBERS},
        "`connector resume` and `connector retry` print the same object. If there is no run, because the command cannot be "
        "right, the object has the key `error` alone. With several names or `--tag`, `connector run` prints "
        '`{"runs": [...], "exit_code": N}`: such an object for each run, in their order, and the worst exit code. A run that '
        "could not begin has the keys `run_id` (null), `orchestration`, `target` and `error`. With `--dry-run`, it prints the "
        'object of `connector plan`, or `{"plans": [...]}`.',
    ),
    Printed(
        "connector runs list",
        {"runs": "latest first", **below("runs[]", {**RUN, **TREND})},
        below("runs[]", {**IDENTICAL, **MEMBERS}),
        "`connector runs` prints the same object.",
    ),
    Printed("connector runs show", {**RUN, **DETAILS, **TREND}, {**IDENTICAL, **MEMBERS, **NODES}),
    Printed(
        "connector runs audit",
        {
            "audit": "lines, latest first",
            "audit[].at": "time",
            "audit[].os_user": "user of the operating system",
            "audit[].host": "name of the machine",
            "audit[].command": "the command",
            "audit[].orchestration": "name of the orchestration, or null",
            "audit[].target": "the target",
            "audit[].run_id": "the run, or null",
            "audit[].allowed": "`true`, or `false` if it was refused",
        },
        {
            "audit[].actor": "the user who asked for it in the console",
            "audit[].via": "`console`",
            "audit[].peer": "the address from which that user asked",
            "audit[].detail": "further facts, such as the names of changed settings; never their values",
        },
    ),
    Printed(
        "connector runs export",
        {"runs": "exported runs", "rows": "rows by table", "rows.TABLE": "rows"},
    ),
    Printed(
        "connector schedule list",
        {**TARGET, "schedules": "automatic orchestrations, in the order of the file"},
        {
            "schedules[].orchestration": "its name",
            "schedules[].schedule": "the schedule in words; null if the orchestration is not valid",
            "schedules[].next_due": "when it is due next; null for one that follows another",
            "schedules[].state": "`idle`, `waiting` or `running`; null if `connector start` has not read it yet",
            "schedules[].paused_since": "time of the pause, or null",
            "schedules[].paused_by": "who paused it, or null",
        },
        "`connector schedule` prints the same object. `connector schedule pause` and `unpause` print the keys `orchestration` "
        "and `paused`.",
    ),
    Printed("connector plan", PLAN, {**IDENTICAL, **MEMBERS, **ENGINE, **TASKS}),
    Printed(
        "connector preview",
        {
            "orchestration": "its name",
            "target": "the target",
            "rows_read": "rows that were read",
            "requests": "bodies of requests, as TikTok would get them",
            "left_out": "the first rows that would be excluded",
            "left_out[].row": "number of the row in the result, from 1",
            "left_out[].outcome": "`rejected` or `skipped`",
            "left_out[].reason": "reason or skip",
            "left_out[].columns": "columns that identify nobody",
            "warnings": EXCLUDED["warnings"],
            "warnings.WARNING": "rows",
            "would_fail": "why a run would send nothing, or null",
            "notes": "sentences for people",
        },
        IDENTICAL,
    ),
    Printed(
        "connector test",
        {
            **TARGET,
            "passed": "tests that passed",
            "failed": "tests that failed",
            "errors": "tests that could not be executed",
            "seconds": "duration",
            "tests": "the tests, in the order of their files",
            "tests[].orchestration": "name of the orchestration",
            "tests[].name": "its name",
            "tests[].file": "path of its file",
            "tests[].line": "line, from 1",
            "tests[].outcome": "`passed`, `failed` or `error`",
            "tests[].rows": "rows of the result",
            "tests[].seconds": "duration",
            "tests[].differences": "differences between what is expected and what came out",
            "tests[].differences[].subject": "what differs, such as an event, `rejects` or `warnings`",
            "tests[].differences[].key": "the parameter or reason; empty if the event is missing or unexpected",
            "tests[].differences[].expected": "text for people; identifiers as digests",
            "tests[].differences[].actual": "text for people; identifiers as digests",
            "tests[].differences[].line": "line of the expected value, or null",
            "tests[].problems": "[problems](problems.md) for which it could not be executed",
            **below("tests[].problems[]", PROBLEM),
        },
        {},
        "If a test did not pass, the exit code is 1. With `--record`, it prints the keys `file` (the path of the new file), `rows` "
        "(the number of recorded rows) and `notes` (sentences for people).",
    ),
    Printed(
        "connector promote",
        {
            "orchestration": "its name",
            "differences": "settings that differ",
            "differences[].setting": "path of the setting",
            "differences[].from": "value under the first target, as text",
            "differences[].to": "value under the second target, as text",
            "from": "the first target",
            **below("from", SIDE),
            "to": "the second target",
            **below("to", SIDE),
            "command": "the command to run next",
        },
    ),
    Printed(
        "connector validate",
        {
            **TARGET,
            "orchestrations": "orchestrations that were checked",
            "orchestrations[].name": "its name",
            "orchestrations[].destination": "name of the destination",
            "orchestrations[].event_source": "`web`, `offline` or `audience`",
            "orchestrations[].parameters": "parameters that can be filled",
            "orchestrations[].parameters[].parameter": "its name",
            "orchestrations[].parameters[].columns": "columns that fill it",
            "orchestrations[].parameters[].goes_to": "its place in the request",
            "orchestrations[].parameters[].rule": "how a value is read",
            "orchestrations[].changes": "changes at TikTok that a run would make",
            "orchestrations[].notes": "sentences for people",
            "orchestrations[].warnings": "sentences for people",
            "orchestrations[].columns_to_check": "columns that the template names, unless `--connect` looks for them",
            "problems": "[problems](problems.md) of all files; with any, no orchestration runs",
            **below("problems[]", PROBLEM),
        },
        {
            "error": "the problems in one text, if there are any",
            **below("orchestrations[]", ENGINE),
            "orchestrations[].models": "dbt models and sources that the query names",
            "orchestrations[].models[].name": "its name, as dbt selects it",
            "orchestrations[].models[].kind": "`model`, `seed`, `snapshot` or `source`",
            "orchestrations[].models[].table": "its table or view in the warehouse",
            "orchestrations[].models[].description": "its description in dbt",
            "orchestrations[].models[].columns": "columns that are documented in dbt",
            "orchestrations[].models[].columns[].name": "its name",
            "orchestrations[].models[].columns[].description": "its description in dbt",
            "orchestrations[].models[].columns[].type": "its type as documented in dbt, or null",
            "orchestrations[].models[].columns[].parameters": "parameters that it can fill",
        },
    ),
    Printed(
        "connector compile",
        {
            **TARGET,
            "query": "SQL for the warehouse, or null if files are read",
            "files": "files that are read",
            "transform": "SQL of the transform",
        },
    ),
    Printed(
        "connector destinations list",
        {
            **TARGET,
            "destinations": "in the order of the file",
            "destinations[].name": "its name",
            "destinations[].type": "its type",
            "destinations[].goes_to": "event source or audience",
            "destinations[].credential": "name of the credential",
            "destinations[].api_url": "where requests go",
            "destinations[].destination_account_name": "text, or null",
        },
    ),
    Printed(
        "connector destinations test",
        {
            "destination": "its name",
            "type": "its type",
            "target": "the target",
            "api_url": "where requests go",
            "outcome": "`passed`, `failed` or `inconclusive`",
            "checks": "checks, in their order",
            "checks[].check": "name of the check",
            "checks[].outcome": "`passed`, `failed` or `inconclusive`",
            "checks[].sentence": "a sentence for people",
            "changes": "changes at TikTok that a run would make",
        },
    ),
    Printed(
        "connector audiences list",
        {**TARGET, "audiences": "audiences that runs sync", **below("audiences[]", AUDIENCE)},
        introduction="`connector audiences` prints the same object.",
    ),
    Printed(
        "connector audiences show",
        {
            "audiences": "the audience, once for each business",
            **below("audiences[]", AUDIENCE),
            "audiences[].size": "TikTok's size of the audience, or null",
            "audiences[].why_not": "why the size is unknown, or null",
        },
    ),
    Printed(
        "connector auth status",
        {
            "credential": "its name",
            "target": "the target",
            "api_url": "where it is used",
            "kind": "`long_term`, `refreshed` or `none`",
            "source": "where the token comes from",
            "kept_at": "time at which the grant was stored, or null",
            "expires_at": "time, or null if TikTok did not say",
            "refreshed_at": "time of the last refresh, or null",
            "refresh_expires_at": "time at which the refresh token expires, or null",
            "unfinished_refresh": "time of a refresh that did not finish, or null",
        },
        introduction="`connector auth refresh` prints the same object. `connector auth login` adds `advertisers`: objects of "
        "`advertiser_id` and `name`, or null if TikTok does not list them.",
    ),
    Printed(
        "connector forget",
        {
            "at": "time",
            "by": "who typed the command",
            "by.user": "user of the operating system",
            "by.host": "name of the machine",
            "target": "the target",
            "digests": "digests of the person",
            "digests[].kind": "`email`, `audience_email` or `phone`",
            "digests[].digest": "SHA-256",
            "new_on_the_list": "digests that were not on the list before",
            "sent": "runs that sent events about the person",
            "staged": "runs that have events about the person staged",
            "left_out": "runs whose excluded rows were about the person",
            "audiences": "audiences that had the person",
            "notes": "sentences for people",
        },
    ),
    Printed(
        "connector usage-report",
        {"month": "the month, as YYYY-MM", "lines": "objects with the columns of the CSV"},
    ),
)  # fmt: skip

INTRODUCTION = """\
# JSON output

What each command prints to stdout with `--json`: one object. `a.b` is the key `b` of the object `a`, and `a[].b` the key `b`
of each object in the list `a`. A word in capitals stands for several keys. A command that fails prints an object with the key
`error`, its message, and the [exit code](outcomes.md#exit-codes) tells what to do.

`connector simulate --json` prints the counts of its requests and events when it ends.

"""


def page() -> str:
    """Return the page."""
    return INTRODUCTION + "\n".join(map(_section, OBJECTS))


def _section(printed: Printed) -> str:
    text = f"{printed.introduction}\n\n" if printed.introduction else ""
    return f"## {printed.command}\n\n{text}{table(('key', 'meaning'), _rows(printed))}"


def _rows(printed: Printed) -> Iterator[tuple[str, ...]]:
    yield from ((f"`{key}`", meaning) for key, meaning in printed.keys.items())
    yield from ((f"`{key}` (not always)", meaning) for key, meaning in printed.sometimes.items())
