"""What is sent and shown of runs: names and counts, where it is asked for, and never at the run's cost."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connector.errors import UsageError
from connector.ledger.ledger import open_ledger
from connector.scheduler.daemon import StartOptions, open_scheduler
from connector.telemetry.otel_env import Signals, signals_from
from tests.cli.command import Outcome, environment, inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.postgres import Postgres
from tests.telemetry.collector import Collector, attributes, collecting

EMAIL = "jane.doe@example.com"
QUERY = f"SELECT 'e' || n AS event_id, now() AS timestamp, CASE WHEN n < 4 THEN '{EMAIL}' END AS email FROM range(5) AS t (n)"
"""Four good rows, and one that gives nobody."""

BLANK = dict.fromkeys(("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"), "")


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, QUERY, workflow="automatic", schedule={"every": "1h"})


def run(project: Shop, url: str, *command: str, **environ: str) -> Outcome:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ}
    return inside(*(command or ("run", NAME, "--json")), project=project.directory, environ=asked)


def test_a_run_is_a_span_and_adds_to_the_sums(project: Shop, collector: Collector) -> None:
    record = run(project, collector.url).record()
    (span,) = collector.spans()
    told = attributes(span)
    assert (span.name, span.status.code) == (f"run {NAME}", 1)
    assert told["connector.run_id"] == record["run_id"]
    assert {key: told[f"connector.rows.{key}"] for key in record["rows"]} == record["rows"]
    assert [span.start_time_unix_nano, span.end_time_unix_nano] == [
        int(datetime.fromisoformat(record[key]).timestamp() * 1000) * 1_000_000 for key in ("started_at", "finished_at")
    ]
    at = {"connector.orchestration": NAME, "connector.target": "default"}
    assert collector.sums("connector.runs") == [({**at, "connector.status": "completed_with_rejects"}, 1)]
    assert {key["connector.outcome"]: count for key, count in collector.sums("connector.rows")} == {
        "delivered": 4, "rejected": 1, "skipped": 0
    }  # fmt: skip
    assert collector.sums("connector.requests") == [(at, 1)]
    (duration,) = collector.metrics()["connector.run.duration"]
    assert duration.histogram.data_points[0].sum == pytest.approx(record["seconds"])
    assert EMAIL.encode() not in b"".join(body for _, body in collector.bodies)


def test_a_run_that_is_resumed_counts_its_rows_once(project: Shop, collector: Collector, tiktok: TikTok) -> None:
    tiktok.answer = lambda body: Reply(code=40105, message=f"Token of {EMAIL} revoked.")
    assert run(project, collector.url).code == 1
    assert [span.status.code for span in collector.spans()] == [2]
    assert "connector.rows" not in collector.metrics()
    tiktok.answer = lambda body: OK
    assert run(project, collector.url, "resume").code == 0
    assert sum(count for _, count in collector.sums("connector.rows")) == 5
    statuses = [key["connector.status"] for key, _ in collector.sums("connector.runs")]
    assert statuses == ["failed", "completed_with_rejects"]
    assert b"revoked" not in b"".join(body for _, body in collector.bodies)


def test_a_collector_that_cannot_be_reached_is_noted_and_changes_nothing(project: Shop) -> None:
    done = run(project, "http://127.0.0.1:9", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert (done.code, done.record()["status"]) == (0, "completed_with_rejects")
    assert "collector" in done.sentence


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (False, False)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, (True, True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, (True, False)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, (False, True)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, (False, True)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, (False, False)),
    ],
)
def test_the_variables_of_opentelemetry_decide(environ: dict[str, str], expected: tuple[bool, bool]) -> None:
    assert signals_from(environ) == Signals(*expected)


def test_another_protocol_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match='OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; only http/protobuf'):
        signals_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_prometheus_finds_the_sums_of_the_ledger(project: Shop, tiktok: TikTok) -> None:
    assert inside("run", NAME, project=project.directory).code == 0
    options = StartOptions(port=0, metrics=True)
    lines: list[str] = []
    with open_scheduler(project.directory, environment(None), None, options, lines.append) as loop:
        loop.apply_plan(datetime.now().astimezone())
        loop.tick(datetime.now().astimezone())
        url = lines[0].split("health=")[1].removesuffix("/healthz")
        answer = httpx.get(f"{url}/metrics")
        assert answer.status_code == 200
        assert httpx.get(f"{url}/nothing").status_code == 404
    found = {
        (sample.name, *(sample.labels.get(key, "") for key in ("status", "outcome"))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found.pop(("connector_run_seconds_total", "", "")) > 0
    assert 0 <= found.pop(("connector_seconds_since_success", "", "")) < 600
    assert found == {
        ("connector_runs", "completed_with_rejects", ""): 1,
        ("connector_rows_total", "", "delivered"): 4,
        ("connector_rows_total", "", "rejected"): 1,
        ("connector_rows_total", "", "skipped"): 0,
        ("connector_rows_pending", "", ""): 0,
        ("connector_requests_total", "", ""): 1,
        ("connector_waiting", "", ""): 0,
        ("connector_running", "", ""): 0,
    }


def test_the_figures_are_the_same_from_a_ledger_in_postgresql(project: Shop, postgres: Postgres) -> None:
    url = postgres.new_database()
    project.settings.write_text(f"ledger: {url}\n{project.settings.read_text()}")
    assert inside("run", NAME, project=project.directory).code == 0
    with open_ledger(url) as ledger:
        (runs,), (rows,) = ledger.totals.of_runs("default"), ledger.totals.of_rows("default")
        assert list(ledger.schedules.completed("default")) == [NAME]
    assert (runs.runs, runs.requests_sent, runs.rejected, runs.skipped) == (1, 1, 1, 0)
    assert (rows.delivered, rows.pending) == (4, 0)


def test_start_sends_what_waits_and_runs(project: Shop, collector: Collector) -> None:
    environ = {**environment(None), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with open_scheduler(project.directory, environ, None, StartOptions(port=0), lambda line: None) as loop:
            loop.apply_plan(datetime.now().astimezone())
            loop.tick(datetime.now().astimezone())
    metrics = collector.metrics()
    for name in ("connector.waiting", "connector.running"):
        assert [point.as_int for metric in metrics[name] for point in metric.gauge.data_points] == [0]


def test_an_installation_without_the_extra_says_so_in_a_sentence(
    project: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "prometheus_client"):
        monkeypatch.setitem(sys.modules, part, None)
    start = inside("start", "--metrics", "--port", "0", project=project.directory)
    assert (start.code, start.sentence) == (
        2,
        "/metrics needs prometheus_client: pip install 'sql-to-tiktok[metrics]'.",
    )
    ran = run(project, "http://127.0.0.1:9")
    assert (ran.code, ran.sentence) == (0, "OpenTelemetry is not installed: pip install 'sql-to-tiktok[metrics]'.")
