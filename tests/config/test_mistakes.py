"""Every mistake that is likely in orchestrations.yaml: the line, the key, the value, what is allowed."""

from pathlib import Path

import pytest

from tests.config.project import BASE, changed, line_of, load, problems

TYPE = "    type: tiktok_events\n"
SOURCE = "    event_source: offline\n"
QUERY = "    query: purchases\n"

# what is written instead of what, where it stands, and what the sentence has to say
MISTAKES = [
    ("version: 1", "version: 2", "version: 2", ["version is 2", "must be 1"]),
    *(("version: 1", f"version: {other}", "version:", ["must be 1"]) for other in ("true", "yes", '"1"', "[1]", "0")),
    ("version: 1", 'version: "one"', "version:", ['"one"', "must be 1"]),
    (
        "warehouses:",
        "warehoses:",
        "warehoses:",
        ["warehoses", "not a known key", 'Did you mean "warehouses"?'],
    ),
    ("advertiser_id:", "advertizer_id:", "advertizer_id", ["advertizer_id", 'Did you mean "advertiser_id"?']),
    (TYPE, TYPE + "    colour: red\n", "colour", ["colour is not a known key", "known are", "max_age_days"]),
    (TYPE, "    type: tiktok_event\n", "type:", ['"tiktok_event"', 'Did you mean "tiktok_events"?']),
    (TYPE, "", "  stores:", ["destinations.stores lacks type", "tiktok_audience"]),
    (TYPE, TYPE + "    name: shops\n", "name: shops", ["destinations.stores.name", "not a known key"]),
    ('"7654321098765432109"', "76543x", "76543x", ["advertiser_id", '"76543x"', "digits only"]),
    ('"7654321098765432109"', "[1]", "[1]", ["advertiser_id is a list", "must be text"]),
    (
        '    advertiser_id: "7654321098765432109"\n',
        "",
        "  stores:",
        ["destinations.stores lacks advertiser_id"],
    ),
    ('"7654321098765432109"', "", "advertiser_id:", ["advertiser_id is blank, and needed"]),
    ('"7654321098765432110"', "C4PIXEL", "C4PIXEL", ['"C4PIXEL"', "digits only", "offline"]),
    (SOURCE, "    event_source: web\n    auto_tracking: true\n", "auto_tracking", ["event_source: offline"]),
    (SOURCE, "    event_source: web\n    event_set_name: A\n", "event_set_name", ["event_source: offline"]),
    (SOURCE, SOURCE + "    custom_events: [Walk]\n", "custom_events", ["event_source: web"]),
    (SOURCE, "    event_source: online\n", "online", ['"online"', "web or offline"]),
    (
        SOURCE,
        SOURCE + "    default_region: UK\n",
        "default_region",
        ['"UK"', "two-letter", 'Did you mean "GB"?'],
    ),
    (SOURCE, SOURCE + "    default_region: Germany\n", "default_region", ['"Germany"', "two-letter"]),
    (SOURCE, SOURCE + "    timezone: America/NewYork\n", "timezone", ['Did you mean "America/New_York"?']),
    (SOURCE, SOURCE + "    timezone: ../UTC\n", "timezone", ["IANA time zone"]),
    (
        SOURCE,
        SOURCE + "    api_url: http://example.com\n",
        "api_url",
        ["http://example.com", "must be https://"],
    ),
    (SOURCE, SOURCE + "    api_url: simulated\n", "api_url", ['"simulated"', "https://", "simulator"]),
    (SOURCE, SOURCE + "    api_url: https://u:p@example.com\n", "api_url", ["user name or password"]),
    (SOURCE, SOURCE + "    requests_per_second: 1001\n", "requests_per_second", ["1001", "from 1 to 1000"]),
    (SOURCE, SOURCE + "    requests_per_second: fast\n", "requests_per_second", ['"fast"', "whole number"]),
    (SOURCE, SOURCE + "    max_in_flight: 0\n", "max_in_flight", ["max_in_flight is 0", "of at least 1"]),
    (SOURCE, SOURCE + "    max_in_flight: 1.5\n", "max_in_flight", ["1.5", "whole number"]),
    (SOURCE, SOURCE + "    max_in_flight: true\n", "max_in_flight", ["is true", "whole number"]),
    (SOURCE, SOURCE + "    limited_data_use: maybe\n", "limited_data_use", ['"maybe"', "true or false"]),
    (SOURCE, SOURCE + "    description: true\n", "description", ["is true", "put it in quotes"]),
    (SOURCE, SOURCE + "    custom_events: {a: b}\n", "custom_events", ["a mapping", "list of texts"]),
    (SOURCE, SOURCE + "    retry: 3\n", "retry: 3", ["retry is 3", "must be a mapping"]),
    (SOURCE, SOURCE + "    retry: {max_atempts: 3}\n", "retry", ["retry.max_atempts", '"max_attempts"?']),
    (
        SOURCE,
        SOURCE + "    retry: {max_attempts: 0}\n",
        "retry",
        ["retry.max_attempts is 0", "from 1 to 1000"],
    ),
    ("credential: tiktok", "credential: tikto", "tikto\n", ['"tikto"', 'Did you mean "tiktok"?']),
    ("    credential: tiktok\n", "", "  stores:", ["destinations.stores lacks credential"]),
    ("warehouse: demo", "warehouse: prod", "warehouse: prod", ['"prod"', "not in warehouses", "(demo)"]),
    ("    warehouse: demo\n", "", "  purchases:", ["needs warehouse"]),
    ("destination: stores", "destination: store", "destination: store", ['Did you mean "stores"?']),
    ("destination: stores", "destination: [stores]", "destination: [", ["a list", "name of one of"]),
    ("    destination: stores\n", "", "  purchases:", ["orchestrations.purchases lacks destination"]),
    (QUERY, "", "  purchases:", ["needs query, model or file"]),
    (QUERY, QUERY + "    file: a.csv\n", "  purchases:", ["both query and file"]),
    (QUERY, "    query: ../secrets\n", "query:", ['"../secrets"', "without a folder"]),
    (QUERY, "    query: sub\\dir\n", "query:", ["without a folder"]),
    (
        QUERY,
        "    query: queries/purchases.sql\n",
        "query:",
        ["purchases.query is the path of a file", "`query: purchases`"],
    ),
    (QUERY, "    query: ./queries/purchases\n", "query:", ["is the path of a file: write `query: purchases`"]),
    (QUERY, QUERY + "    template: templates/a.yml\n", "template:", ["is the path of a file: write `template: a`"]),
    (QUERY, "    query: select a/b from stays\n", "query:", ["is SQL: save it as queries/NAME.sql"]),
    ("token-that-never-prints", "{{ env.X }}", "tiktok: {", ["needs quotation marks"]),
    ("{access_token: token-that-never-prints}", "\n    access_token: {{ env.X }}", "access_token", ["quotation marks"]),
    ("token-that-never-prints", "${X}", "tiktok: {", ["A shell variable is not filled in", '"{{ env.X }}"']),
    (QUERY, QUERY + "    tags: [a, ${TAG}]\n", "tags:", ['"{{ env.TAG }}"']),
    (SOURCE, SOURCE.replace("    ", "   "), "   event_source: offline", ["indented by 3 blanks", "by 2 or 4."]),
    (QUERY, QUERY.replace("    ", " "), " query:", ["indented by 1 blank,", "by 0 or 2."]),
    ("credentials:", "  default_region: US\ncredentials:", "  default_region", ["must be a mapping of settings"]),
    (
        "orchestrations:\n",
        "  timezone: UTC\norchestrations:\n",
        "timezone",
        ["setting of a destination: indent it below"],
    ),
    ("credentials:", "  url: x\ncredentials:", "  url: x", ["warehouses.url is a setting of a warehouse: indent it"]),
    ("orchestrations:\n", "mine:\n  type: file\norchestrations:\n", "mine", ["indent it below `destinations`"]),
    ("orchestrations:\n", "more: {query: a, file: b}\norchestrations:\n", "more", ["indent it below `orchestrations`"]),
    ("orchestrations:\n", "more: {url: a}\norchestrations:\n", "more", ["more is not a known key", "`warehouses`"]),
    (QUERY, QUERY + "    template: a/b\n", "template:", ['"a/b"', "without a folder"]),
    (QUERY, QUERY + "    workflow: automatic\n", "  purchases:", ["needs schedule", "automatic"]),
    (QUERY, QUERY + "    workflow: automated\n", "workflow", ['"automated"', 'Did you mean "automatic"?']),
    (QUERY, QUERY + "    schedule: {}\n", "schedule", ["schedule", "one of cron, every and after"]),
    (QUERY, QUERY + "    schedule: {every: 1h, cron: '* * * * *'}\n", "schedule", ["it has cron and every"]),
    (QUERY, QUERY + "    schedule: {every: hourly}\n", "schedule", ['"hourly"', "15m, 2h or 1d"]),
    (QUERY, QUERY + '    schedule: {cron: "15 6 * *"}\n', "schedule", ['"15 6 * *"', "five fields"]),
    (QUERY, QUERY + '    schedule: {cron: "15 25 * * *"}\n', "schedule", ["hour from 0 to 23", '"25"']),
    (QUERY, QUERY + '    schedule: {cron: "* * * * funday"}\n', "schedule", ["day of the week", '"funday"']),
    (QUERY, QUERY + "    schedule: {after: purchase}\n", "schedule", ['Did you mean "purchases"?']),
    (QUERY, QUERY + "    schedule: {after: purchases}\n", "schedule", ["wait for itself"]),
    (
        QUERY,
        QUERY + "    schedule: {every: 1h, timezone: Mars}\n",
        "schedule",
        ["timezone", '"Mars"', "IANA"],
    ),
    (QUERY, QUERY + "    max_reject_percent: 101\n", "max_reject_percent", ["101", "from 0 to 100"]),
    (QUERY, QUERY + "    limit: 0\n", "limit", ["limit is 0", "of at least 1"]),
    (QUERY, QUERY + "    parameters: [days]\n", "parameters", ["a list", "must be a mapping"]),
    (QUERY, QUERY + "    tags: {a: b}\n", "tags", ["list of texts"]),
    ("url: ", "ulr: ", "ulr", ['Did you mean "url"?']),
    ('"duckdb:///demo/warehouse.duckdb"', "warehouse.duckdb", "demo:", ["url", "SQLAlchemy URL"]),
    ("access_token: token-that-never-prints", "app_id: 1", "tiktok: {", ["needs app_secret"]),
    (
        "access_token: token-that-never-prints",
        "",
        "tiktok: {",
        ["needs access_token", "app_id and app_secret"],
    ),
    ("access_token: token-that-never-prints", "access_token: ''", "tiktok: {", ["must not be empty"]),
    (
        "  tiktok: {access_token: token-that-never-prints}",
        "  tiktok: abc",
        "tiktok: abc",
        ["must be a mapping"],
    ),
    (
        "version: 1",
        "version: 1\nretention_days: 0",
        "retention_days",
        ["retention_days is 0", "from 1 to 36500"],
    ),
    ("version: 1", "version: 1\nledger: ledger.db", "ledger:", ["ledger", "SQLAlchemy URL"]),
    ("version: 1", "version: 1\nnotifications: x", "notifications", ["must be a mapping"]),
    ("version: 1", "version: 1\nnotifications: {a: slack}", "notifications", ["notifications.a must be an address"]),
    ("version: 1", "version: 1\nnotifications: {a: 5}", "notifications", ["notifications.a must be an address"]),
    ("version: 1", "version: 1\nnotifications: {a: }", "notifications", ["notifications.a must be an address, a list"]),
    ("version: 1", "version: 1\nnotifications: {a: {}}", "notifications", ["notifications.a needs url", "or webhook"]),
    (
        "version: 1",
        "version: 1\nnotifications: {a: {url: x://y, webhook: https://z}}",
        "notifications",
        ["notifications.a has both url and webhook"],
    ),
    (
        "version: 1",
        "version: 1\nnotifications: {a: {webhook: ftp://z}}",
        "notifications",
        ["notifications.a.webhook must be an http:// or https:// address"],
    ),
    (
        "version: 1",
        "version: 1\nnotifications: {a: {webhok: https://z}}",
        "notifications",
        ["notifications.a.webhok is not a known key", 'Did you mean "webhook"?'],
    ),
    (QUERY, QUERY + "    notify: 3.5\n", "notify", ["notify is 3.5", "must be a list of texts"]),
    (QUERY, QUERY + "    notify: slack\n", "notify", ['names the notification "slack"', "not in notifications"]),
    (
        "version: 1",
        "version: 1\nnotifications: {slack: slack://a/b/c}\ntargets: {t: {orchestrations: {purchases: {notify: [slak]}}}}",
        "targets",
        ['names the notification "slak"', 'Did you mean "slack"?'],
    ),
    (
        "version: 1",
        "version: 1\nnotifications: {slack: slack://a/b/c}\n"
        "targets: {t: {orchestrations: {purchases: {notify: {slack: [fail]}}}}}",
        "targets",
        [
            'notify.slack[0] is "fail"',
            "failed, too_many_rejects, completed, recovered or degraded",
            'Did you mean "failed"?',
        ],
    ),
    ("version: 1", "version: 1\ntargets: [local]", "targets", ["targets", "must be a mapping"]),
    ("version: 1", "version: 1\ntargets: {local: 3}", "targets", ["targets.local", "must be a mapping"]),
    (
        "version: 1",
        "version: 1\ntarget: lokal\ntargets: {local: {}}",
        "target: lokal",
        ['"lokal"', 'Did you mean "local"?'],
    ),
    (
        "version: 1",
        "version: 1\ntargets: {local: {destination: {}}}",
        "targets:",
        ["targets.local.destination is not", 'Did you mean "destinations"?'],
    ),
    ("version: 1", "version: 1\ntargets: {local: {version: 1}}", "targets:", ["version cannot differ"]),
    ("  purchases:", "  ../etc:", "  ../etc:", ["a name that cannot be used"]),
    (QUERY, QUERY + '    description: "{{ env.X"\n', "env.X", ["description", "{{ env.NAME }}"]),
    (
        QUERY,
        QUERY + '    description: "{{ parameters.x }}"\n',
        "{{ par",
        ['"parameters"', "only the environment"],
    ),
]


@pytest.mark.parametrize(("old", "new", "at", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, at: str, said: list[str]
) -> None:
    text = changed(old, new)
    found = problems(tmp_path, text)
    number = line_of(text + "\n", at.strip("\n")) if at.endswith("\n") is False else line_of_exact(text, at)
    mine = [problem for problem in found if all(word in problem for word in said)]
    assert mine, found
    assert mine[0].startswith(f"{number}: "), mine


def line_of_exact(text: str, at: str) -> int:
    (line,) = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith(at.strip("\n"))]
    return line


@pytest.mark.parametrize(("old", "new", "at", "said"), MISTAKES)
def test_a_mistake_is_told_in_our_own_words_and_without_the_token(
    tmp_path: Path, old: str, new: str, at: str, said: list[str]
) -> None:
    for problem in problems(tmp_path, changed(old, new)):
        assert not any(
            word in problem for word in ("Input", "input", "pydantic", "errors.pydantic", "Extra", "Field", "type=")
        )
        assert "token-that-never-prints" not in problem
        assert problem.endswith((".", "?", ")"))
        assert ".." not in problem.replace("../", "")


@pytest.mark.parametrize(("old", "new", "at", "said"), MISTAKES)
def test_one_mistake_is_one_problem(tmp_path: Path, old: str, new: str, at: str, said: list[str]) -> None:
    follow_on = 1 if new == "warehoses:" else 0
    assert len(problems(tmp_path, changed(old, new))) <= 1 + follow_on


def test_the_project_without_a_mistake_loads(tmp_path: Path) -> None:
    assert load(tmp_path).orchestrations == ("purchases",)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        BASE.replace("advertiser_id", "advertizer_id")
        .replace("event_source: offline", "event_source: shop")
        .replace("warehouse: demo", "warehouse: demmo\n    workflow: automatic\n    limit: none\n    limit: 5")
    )
    lines = [int(problem.partition(":")[0]) for problem in problems(tmp_path, text)]
    assert lines == sorted(lines)
    expected = [
        "advertizer_id",
        "event_source: shop",
        "  purchases:",
        "demmo",
        "limit: none",
        "limit: 5",
    ]
    assert set(lines) == {line_of(text, part) for part in expected}


def test_a_folder_without_the_file_is_sent_to_init(tmp_path: Path) -> None:
    from connector.config.project import load_project
    from connector.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"no orchestrations\.yaml in .*connector init") as caught:
        load_project(tmp_path, {})
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_lacks_its_version(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ["1: The file lacks version; write version: 1."]


@pytest.mark.parametrize("text", ["- a\n", "just words\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("1: ")
    assert "mapping" in problem


def test_blank_sections_are_empty(tmp_path: Path) -> None:
    assert load(tmp_path, "version: 1\nwarehouses:\norchestrations:\ntargets:\n").orchestrations == ()
