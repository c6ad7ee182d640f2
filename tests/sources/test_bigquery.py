"""BigQuery's own clients, against a stand-in that speaks their protocols."""

import base64
import json
import threading
import time as time_module
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connector.errors import ConfigurationError, SourceError
from connector.sources.registry import open_source
from connector.sources.source import Source
from tests.sources.cloud import bigquery_options
from tests.sources.warehouses import opened, warehouse
from tests.standins.bigquery_values import LARGEST
from tests.standins.process import StandIn

pytestmark = pytest.mark.warehouses
URL = "bigquery://shop/main?location=EU"
NUMBERS = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS n"


@pytest.fixture(name="server", autouse=True)
def as_usual(bigquery_server: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    bigquery_server.set()
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return bigquery_server


@pytest.fixture(scope="module")
def key_text() -> str:
    key = generate_private_key(65_537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def key(server: StandIn, key_text: str) -> dict[str, str]:
    """The key of a service account whose tokens come from the stand-in."""
    return {
        "type": "service_account",
        "project_id": "shop",
        "client_email": "reader@shop.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": key_text,
        "token_uri": f"http://127.0.0.1:{server.ports['http']}/token",
    }


def rows_of(server: StandIn, sql: str, url: str = URL, directory: Path = Path(), **settings: Any) -> list[Any]:
    options = {**bigquery_options(server), **settings.pop("options", {})}
    with opened(url, directory, options=options, **settings) as source, source.execute(sql) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


def test_each_type_is_read_as_the_page_on_types_says(server: StandIn) -> None:
    options = bigquery_options(server)
    with opened(URL, Path(), options=options) as source, source.execute("SELECT * FROM every_type") as result:
        (batch,) = result.batches()
        assert batch.schema.equals(result.schema)
        assert source.describe("SELECT * FROM every_type").equals(result.schema)
    texts = [f"{LARGEST:f}", "0." + "0" * 37 + "1", "-12.3", "100", None]
    assert batch["bignumeric"].to_pylist() == texts
    assert batch["numeric"].to_pylist() == [Decimal("12.3"), Decimal("-1E-9"), Decimal(10**28), 0, None]
    assert batch["json"].to_pylist() == ["jo@example.com", None, '{"a": [1, 2]}', "7", None]
    assert batch["geography"][0].as_py() == "POINT(8.54 47.37)"
    assert batch["bytes"][0].as_py() == b"\x00\xff"
    assert batch["time"][0].as_py() == time(23, 59, 59, 999999)
    assert batch["datetime"].to_pylist()[1:3] == [
        datetime(1, 1, 1),  # noqa: DTZ001
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    ]
    assert batch["timestamp"][0].as_py() == datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
    assert batch["emails"].to_pylist()[:2] == [["jo@example.com", "al@example.com"], []]
    assert batch["items"][0].as_py() == [{"id": 1, "price": "9.9", "more": "a"}]
    assert batch["person"].to_pylist()[:2] == [{"name": "Zoë", "born": date(1990, 1, 2)}, None]
    assert batch["validity"][0].as_py() == {"start": date(2026, 1, 1), "end": None}
    assert batch.schema.field("interval").type == pa.month_day_nano_interval()


def account(server: StandIn) -> str:
    """Whose key was shown for a token."""
    (assertion,) = parse_qs(server.log("assertion")[0])["assertion"]
    return str(json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))["iss"])


@pytest.mark.parametrize("way", ["credentials_file", "credentials_json"])
def test_the_key_of_a_service_account_lets_in(server: StandIn, key: dict[str, str], way: str, tmp_path: Path) -> None:
    server.set(token="one of an hour")
    (tmp_path / "key.json").write_text(json.dumps(key))
    settings = {"credentials_file": "key.json", "credentials_json": json.dumps(key)}
    assert rows_of(server, "SELECT 1 AS n", directory=tmp_path, **{way: settings[way]}) == [{"n": 1}]
    assert account(server) == key["client_email"]


def test_without_settings_the_application_default_credentials_let_in(
    server: StandIn, key: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with opened("bigquery://", Path()):
        assert account(server) == key["client_email"]


def test_an_access_token_lets_in(server: StandIn) -> None:
    server.set(token="mine")
    assert rows_of(server, "SELECT 1 AS n", token="mine") == [{"n": 1}]
    with pytest.raises(SourceError, match="The access token is not valid") as caught:
        rows_of(server, "SELECT 1 AS n", token="so-secret")
    assert "so-secret" not in caught.value.message


def test_a_key_that_google_refuses_is_a_warehouse_that_cannot_be_opened(server: StandIn, key: dict[str, str]) -> None:
    server.set(key="deleted")
    with pytest.raises(SourceError, match="could not be opened: .*Invalid JWT Signature") as caught:
        rows_of(server, "SELECT 1 AS n", credentials_json=json.dumps(key))
    assert "PRIVATE KEY" not in caught.value.message


def test_no_credentials_at_all_are_told_with_what_to_do() -> None:
    with pytest.raises(SourceError, match="could not be opened: Your default credentials were not found"):
        with opened("bigquery://shop/main", Path()):
            pass


WRONG_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "option": ({"options": {"maximum_bytes": 5}}, 'unknown option "maximum_bytes".*"maximum_bytes_billed"'),
    "number": ({"options": {"maximum_bytes_billed": "ten"}}, "invalid literal.*'ten'"),
    "json": ({"credentials_json": "so-secret"}, "credentials_json of the warehouse"),
    "other json": ({"credentials_json": "[1]"}, "no key of Google"),
    "no file": ({"credentials_file": "nowhere.json"}, "nowhere.json: No such file"),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
def test_wrong_settings_are_told_before_anything_is_asked(server: StandIn, what: str) -> None:
    settings, told = WRONG_SETTINGS[what]
    with pytest.raises(ConfigurationError, match=told) as caught:
        rows_of(server, "SELECT 1 AS n", **settings)
    assert "so-secret" not in str(caught.value)
    assert server.log("job") == []


def test_a_url_without_a_project_takes_that_of_the_key(server: StandIn, key: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="bigquery://PROJECT/DATASET"):
        rows_of(server, "SELECT 1 AS n", url="bigquery://")
    assert rows_of(server, "SELECT 1 AS n", url="bigquery:///main", credentials_json=json.dumps(key)) == [{"n": 1}]


def test_jobs_have_labels_dataset_priority_and_a_limit_of_what_they_may_bill(server: StandIn) -> None:
    options = {**bigquery_options(server), "maximum_bytes_billed": 10**10, "priority": "batch"}
    shop = warehouse(URL, options=options)
    with open_source(shop, Path(), "connector:Store_Purchases:20261120T233412-c7af8b") as source:
        with source.execute("SELECT 1 AS n") as result:
            assert result.query_id is not None
            assert result.query_id.startswith("shop:EU.connector-")
    dry, job = server.log("job")
    assert (dry["dryRun"], "dryRun" in job) == (True, False)
    assert job["labels"] == {
        "application": "connector",
        "orchestration": "store_purchases",
        "run": "20261120t233412-c7af8b",
    }
    assert job["query"]["maximumBytesBilled"] == str(10**10)
    assert job["query"]["priority"] == "BATCH"
    assert job["query"]["defaultDataset"] == {"projectId": "shop", "datasetId": "main"}


def test_the_dataset_may_be_one_of_another_project(server: StandIn) -> None:
    assert rows_of(server, "SELECT 1 AS n", url="bigquery://payer/owner.marts") == [{"n": 1}]
    _, job = server.log("job")
    assert job["query"]["defaultDataset"] == {"projectId": "owner", "datasetId": "marts"}
    assert [session["table"].split("/")[1] for session in server.log("session")] == ["payer"]


def test_a_query_that_would_bill_too_much_is_refused_with_bigquerys_numbers(server: StandIn) -> None:
    with pytest.raises(SourceError, match="limit for bytes billed: 1 MB. 10.49 MB or higher required"):
        rows_of(server, "SELECT 1 AS n", url=f"{URL}&maximum_bytes_billed=1000000")


def test_what_bigquery_takes_for_no_select_never_runs(server: StandIn) -> None:
    """Whatever its words are: there is no session that can only read."""
    server.set(statement_type="SCRIPT")
    with pytest.raises(
        SourceError, match="has to be one SELECT statement and nothing else; BigQuery takes it for SCRIPT"
    ):
        rows_of(server, "SELECT 1 AS n")
    assert [job["dryRun"] for job in server.log("job")] == [True]


def test_nothing_is_billed_for_the_columns(server: StandIn) -> None:
    with opened(URL, Path(), options=bigquery_options(server)) as source:
        assert source.describe(NUMBERS) == pa.schema([("n", pa.int64())])
    assert [job["dryRun"] for job in server.log("job")] == [True]


def test_rows_stream_in_one_stream_as_they_are_read(server: StandIn) -> None:
    sql = NUMBERS.replace("100000", "500000")
    with opened(URL, Path(), options=bigquery_options(server)) as source, source.execute(sql) as result:
        batches = result.batches()
        assert next(batches).column(0)[0].as_py() == 1
        assert 0 < len(server.log("message")) < 50
    assert [session["streams"] for session in server.log("session")] == [1]
    assert server.is_idle()


def test_a_stream_that_breaks_goes_on_where_it_broke(server: StandIn) -> None:
    server.set(broken=7)
    assert [row["n"] for row in rows_of(server, NUMBERS)] == list(range(1, 100_001))


def test_a_login_that_may_not_read_as_arrow_is_told_which_role_it_lacks(server: StandIn) -> None:
    server.set(storage="denied")
    with pytest.raises(SourceError) as caught:
        rows_of(server, "SELECT 1 AS n")
    assert caught.value.message == (
        'The query failed: request failed: the user does not have "bigquery.readsessions.create" permission for '
        '"projects/shop". Grant the login the role BigQuery Read Session User, which reading results as Arrow takes.'
    )


def cancel_once_running(server: StandIn, source: Source) -> None:
    while len(server.log("job")) < 2:
        time_module.sleep(0.02)
    while not server.log("cancelled"):
        source.cancel()


def test_a_query_that_is_cancelled_ends_on_the_server(server: StandIn) -> None:
    ones = "UNNEST(GENERATE_ARRAY(1, 1000000))"
    busy = f"SELECT COUNT(*) AS n FROM {ones} AS a CROSS JOIN {ones} AS b"
    with opened(URL, Path(), options=bigquery_options(server)) as source:
        canceller = threading.Thread(target=cancel_once_running, args=(server, source))
        canceller.start()
        with pytest.raises(SourceError, match="was cancelled"), source.execute(busy):
            pass
        canceller.join()
    assert len(set(server.log("cancelled"))) == 1
    assert server.is_idle()


def test_a_result_that_is_cancelled_is_not_taken_for_a_whole_one(server: StandIn) -> None:
    with opened(URL, Path(), options=bigquery_options(server)) as source, source.execute(NUMBERS) as result:
        batches: Iterator[pa.RecordBatch] = result.batches()
        next(batches)
        source.cancel()
        with pytest.raises(SourceError, match="it was cancelled"):
            list(batches)
