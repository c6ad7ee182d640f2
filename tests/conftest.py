"""Services that tests of several packages need."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test

from tests.crash.scene import Launcher, launching
from tests.databases import reuse_databases
from tests.forking import fork_commands
from tests.hypothesis_settings import is_thorough, load_profile
from tests.postgres import Postgres, postgres
from tests.ram_disk import use_ram_disk
from tests.snowflake.account import Account, snowflake_account
from tests.standins.process import StandIn, stand_in
from tests.statements import share_compiled_statements, share_composed_files, share_new_ledgers

if TYPE_CHECKING:
    from tests.clickhouse.server import ClickHouse
    from tests.mariadb import MariaDB


def pytest_configure(config: pytest.Config) -> None:
    """Draw all examples of long properties in `make thorough`; write what is not large into memory."""
    load_profile(config.option.markexpr)
    if config.option.markexpr != "slow":
        use_ram_disk()
    share_compiled_statements()
    share_new_ledgers()
    share_composed_files()
    reuse_databases()
    fork_commands()
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but never look through what stays: the modules and thousands of tests."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Let all objects be taken apart at the end: DuckDB complains of those that are left."""
    gc.unfreeze()


@pytest.fixture(scope="session", name="postgres")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; a test makes a database of its own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session", name="trino_server")
def trino_stand_in() -> Iterator[StandIn]:
    """A server that speaks the protocol of Trino's coordinator."""
    with stand_in("tests.standins.trino") as server:
        yield server


@pytest.fixture(scope="session", name="databricks_server")
def databricks_stand_in() -> Iterator[StandIn]:
    """A server that speaks the protocol of Databricks' SQL warehouses."""
    with stand_in("tests.standins.databricks") as server:
        yield server


@pytest.fixture(scope="session", name="bigquery_server")
def bigquery_stand_in() -> Iterator[StandIn]:
    """A server that speaks BigQuery's two protocols."""
    with stand_in("tests.standins.bigquery") as server:
        yield server


@pytest.fixture(scope="session", name="snowflake")
def snowflake_stand_in() -> Iterator[Account]:
    """One stand-in for Snowflake for all tests of this process."""
    with snowflake_account() as account:
        yield account


@pytest.fixture(scope="session", name="mariadb")
def mariadb_server() -> "Iterator[MariaDB]":
    """One MariaDB for all tests of this process."""
    from tests.mariadb import mariadb

    with mariadb() as server:
        yield server


@pytest.fixture(scope="session", name="clickhouse")
def clickhouse_server() -> "Iterator[ClickHouse]":
    """One ClickHouse for all tests of this process."""
    from tests.clickhouse.server import clickhouse

    with clickhouse() as server:
        yield server


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """One process that starts commands and kills them, for all tests of this process."""
    with launching() as process:
        yield process


ROOT = Path(__file__).parent
EVERY_NTH: dict[str, int | dict[str, int]] = {
    "audiences/test_accounts.py": {
        "test_a_further_business_gets_the_members_in_its_own_copy": 2,
        "test_what_was_half_sent_is_sent_to_its_end": 2,
    },
    "audiences/test_corrupt_stage.py": 5,
    "audiences/test_disk.py": 2,
    "audiences/test_doubtful.py": 4,
    "audiences/test_rivals.py": {"test_the_same_audience_of_the_same_people_for_several_accounts_is_refused": 2},
    "audiences/test_share_lookup.py": {"test_an_audience_of_any_size_is_compared_and_settled_alike": 2},
    "audiences/test_version_5.py": {"test_they_send_what_they_would_have_sent_then": 3},
    "audiences/test_words.py": {"test_whatever_stops_a_run_and_resumes_it": 5},
    "cases/test_identity.py": 3,
    "cases/test_types.py": {"test_a_date_that_is_no_time_is_rejected_alone": 3},
    "cli/test_closed_streams.py": {
        "test_a_full_disk_below_stdout_is_told_in_one_sentence": 3,
        "test_a_run_whose_readers_are_gone_ends_as_any": 2,
        "test_a_run_with_closed_descriptors_ends_as_any": 2,
        "test_every_command_ends_with_the_same_exit_code": 2,
    },
    "cli/test_cursor.py": {
        "test_a_column_of_any_name": 2,
        "test_a_value_that_no_calendar_has_stops_nothing": 3,
    },
    "cli/test_damaged_rejects.py": {"test_a_damaged_file_is_named_and_holds_up_nothing": 2},
    "cli/test_debug.py": {"test_the_stack_trace_is_a_field_of_json": 2},
    "cli/test_line_items.py": {"test_an_order_of_which_a_line_has_no_time_leaves_once_it_is_whole": 2},
    "cli/test_nothing_sent.py": 2,
    "cli/test_plan_files.py": {
        "test_counts_may_differ_a_little": 2,
        "test_how_much_counts_may_differ_is_a_setting": 2,
    },
    "cli/test_privacy.py": {
        "test_a_run_that_fails_while_sending_names_nobody": 3,
        "test_an_identifier_in_a_wrong_column_of_a_rejected_row_is_kept_nowhere": 2,
    },
    "cli/test_process_end.py": {"test_whoever_waits_for_the_end_is_told_and_the_code_is_the_commands": 2},
    "cli/test_query_tests.py": {
        "test_a_difference_is_shown_with_both_values_and_its_line": 2,
        "test_an_event_has_what_is_expected": 2,
        "test_only_earlier_results_are_replaced": 2,
        "test_rejected_rows_are_counted_or_listed": 2,
        "test_what_is_expected_may_stand_in_any_order": 5,
    },
    "cli/test_query_tests_sources.py": {
        "test_a_file_has_the_given_lines": 3,
        "test_the_members_of_an_audience_are_compared": 2,
    },
    "cli/test_recorded_tests.py": {
        "test_a_recorded_test_passes_and_names_nobody": 2,
        "test_what_could_identify_somebody_is_made_up_and_the_rest_is_kept": 3,
    },
    "cli/test_resume.py": {
        "test_a_run_that_was_killed_goes_on": 2,
        "test_a_run_that_was_stopped_when_all_was_delivered_comes_to_its_end": 2,
    },
    "cli/test_sending.py": {"test_a_service_that_takes_nothing_leaves_all_rows_pending": 2},
    "cli/test_shared_stage.py": 2,
    "cli/test_unreadable_rows.py": {"test_an_event_is_sent_whole_once_all_of_its_lines_can_be_read": 2},
    "cli/test_unused_parameters.py": 4,
    "cli/test_warehouses.py": {"test_a_warehouse_that_cannot_be_opened_exits_with_1_and_is_a_failed_run": 2},
    "cli/test_wrong_input.py": {
        "test_a_mistake_in_the_settings_is_told_in_one_sentence_before_anything_is_opened": 2,
        "test_a_wrong_column_is_named": 4,
    },
    "config/test_accounts.py": {"test_an_id_that_is_not_nineteen_digits_is_a_warning": 2},
    "config/test_destination_types.py": {"test_a_type_that_cannot_be_loaded_is_told_in_a_sentence": 2},
    "config/test_secret_sources.py": {
        "test_a_secret_that_is_an_ordinary_word_changes_no_object_and_no_data": 2,
        "test_log_lines_as_json_keep_their_keys_and_ids": 2,
    },
    "console/test_privacy.py": {"test_a_page_holds_no_person_and_no_secret": 3},
    "console/test_roles.py": {"test_a_page_is_for_those_with_its_right": 2},
    "console/test_stored_report.py": 3,
    "crash/test_audience_files.py": 3,
    "crash/test_early.py": {"test_a_run_that_is_killed_is_read_again_under_its_own_id": 2},
    "crash/test_event_files.py": 3,
    "crash/test_moments.py": 2,
    "crash/test_two_at_once.py": {"test_when_the_one_at_work_is_killed_the_next_goes_on_at_once": 2},
    "credentials/test_codes.py": {"test_a_run_that_meets_the_code_says_what_helps_and_how_to_go_on": 4},
    "credentials/test_refreshing.py": {
        "test_a_process_killed_during_a_refresh_leaves_what_the_next_one_goes_on_with": 2,
    },
    "dbt/test_query_tests.py": {
        "test_a_table_of_another_name_is_given_by_either": 2,
        "test_rows_are_given_by_the_name_of_the_model": 2,
    },
    "dbt/test_schedule.py": {"test_it_does_not_run_after_builds_that_are_not_good": 2},
    "destinations/test_event_files.py": {"test_the_lines_of_a_golden_case_are_the_events_of_the_requests": 12},
    "example/test_outcomes.py": {"test_rejects_stay_under_the_limit_of_the_example": 2},
    "files/test_places.py": {
        "test_a_damaged_file_elsewhere_is_refused_in_one_sentence": 2,
        "test_a_server_or_a_user_that_is_not_known_ends_the_run_with_1": 2,
        "test_files_elsewhere_are_read_in_splits_as_in_one": 2,
    },
    "files/test_runs.py": {"test_a_file_that_was_tried_only_is_read_again": 2},
    "files/test_splits.py": {"test_delimited_text_is_divided_at_ends_of_lines": 3},
    "files/test_variants.py": 2,
    "ledger/test_failures.py": {"test_a_url_that_leads_nowhere": 2},
    "reporting/test_figures.py": {"test_what_is_not_sent_to_tiktok_is_not_said_to_be_shown_later": 2},
    "simulator/test_hostile_clients.py": {"test_a_client_that_drips_is_given_up": 2},
    "sources/test_contract.py": {
        "test_memory_does_not_grow_with_the_result": 4,
        "test_splits_have_the_rows_of_one_reading_and_leave_nothing_open": 2,
    },
    "sources/test_types.py": 2,
    "staging/test_splits.py": {"test_a_damaged_file_of_a_split_is_noticed": 2},
    "transform/test_golden.py": 3,
    "transform/test_plain_texts.py": {
        "test_an_address_is_taken_out_of_a_text": 3,
        "test_an_id_that_is_the_rows_own_phone_number_becomes_a_digest": 4,
    },
}
"""Long tables of neighbours, each case of which takes a process, a file or a compiled query: of the cases that are not
marked themselves, `make test` takes every nth of each test, or of the named tests; CI and `make thorough` the others."""


def every_nth(path: str, test: str) -> int:
    """Tell how many cases of a test there are to one that `make test` takes."""
    nth = EVERY_NTH.get(path, 1)
    return nth if isinstance(nth, int) else nth.get(test, 1)


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A folder that is not in memory, as all others may be."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark all but every nth case of a test in EVERY_NTH as thorough, and properties where all examples are drawn."""
    seen: Counter[str] = Counter()
    for item in items:
        if is_thorough() and is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.thorough)
        if item.get_closest_marker("thorough") or item.get_closest_marker("warehouses"):
            continue
        name = item.nodeid.partition("[")[0]
        path, _, test = name.removeprefix(f"{ROOT.name}/").partition("::")
        if seen[name] % every_nth(path, test):
            item.add_marker(pytest.mark.thorough)
        seen[name] += 1
