"""Whole runs on the demo: what they make, what they say, and what stops them from publishing."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetOut,
    Definitions,
    Output,
    asset,
    define_asset_job,
    multi_asset,
)
from typer.testing import CliRunner

from ingest.home import HOME_VARIABLE, Home
from orchestration.cli import app
from orchestration.lib import run as running
from orchestration.lib.publish import read_publish_record
from orchestration.lib.run import Refusal, RunOutcome, StepFailure, terminable

PROJECT = Path(__file__).resolve().parents[3]
Storehouse = Callable[..., subprocess.CompletedProcess[str]]


def statuses(home: Home) -> dict[str, str]:
    """The latest status of every node in the working file."""
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        rows = connection.execute(
            "select unique_id, node_status from ops.node_results "
            "qualify row_number() over (partition by unique_id order by invoked_at desc) = 1"
        ).fetchall()
    return dict(rows)


def test_a_full_run_makes_and_tests_everything(
    demo_home: Home, manifest: Mapping[str, Any]
) -> None:
    nodes = {
        unique_id: node["resource_type"]
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot", "test")
    }
    found = statuses(demo_home)
    assert found.keys() == nodes.keys()
    for kind, good in (("test", {"pass", "warn"}), ("model", {"success"}), ("seed", {"success"})):
        assert {found[name] for name, its_kind in nodes.items() if its_kind == kind} <= good


def test_a_full_run_says_what_it_made(demo_run: Any) -> None:
    record = read_publish_record(demo_run.home)
    assert record is not None
    rows = sum(table["rows"] for table in record["tables"])
    assert (
        f"Published {len(record['tables'])} tables with {rows:,} rows as {record['publish_id']}."
        in demo_run.output
    )
    assert str(demo_run.home.published_file) in demo_run.output
    assert re.search(r"^Data tests: \d+ pass\.$", demo_run.output, re.MULTILINE)
    assert re.search(r"^\d+ new loads; [\d.]+ s in all: land [\d.]+, build ", demo_run.output, re.M)
    timed = re.search(r"s in all: (.+)\.$", demo_run.output, re.MULTILINE)
    assert timed is not None
    stages = re.findall(r"([a-z]+) [\d.]+", timed[1])
    told = CliRunner().invoke(app, ["run", "--help"]).output.lower()
    assert "watch" in stages and [stage for stage in stages if stage not in told] == []
    for title in ("Loads", "Tables and their rows", "Quarantine"):
        assert f"\n{title}\n" in demo_run.output
    assert "Refused files" not in demo_run.output


class Webhook(HTTPServer):
    """Keeps the texts that are posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.texts: list[str] = []


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_failing_data_test_publishes_nothing_and_is_named(
    demo_copy: Home, storehouse: Storehouse
) -> None:
    served = demo_copy.published_file.read_bytes()
    lake = sorted((demo_copy.lake / "shop" / "orders").glob("load_date=2*/*.parquet"))[0]
    rows = pq.read_table(lake)
    pq.write_table(rows.slice(0, rows.num_rows - 3), lake)
    (demo_copy.extracts / "shop" / "nonsense.csv").write_text("a,b\n1,2\n")
    with Webhook() as webhook:
        Thread(target=webhook.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{webhook.server_port}/"
        done = storehouse(demo_copy, "run", STOREHOUSE_ALERT_WEBHOOK=address)
        webhook.shutdown()
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    _, _, failure = done.stdout.partition("build failed: ")
    lines = failure.splitlines()
    assert lines[0].startswith("1 test failed")
    assert lines[1].startswith(
        "  - assert_landed_rows_are_accounted_for "
        "(tests/assert_landed_rows_are_accounted_for.sql): 1 row should not be there"
    )
    assert "dbt show --limit 20 --select assert_landed_rows_are_accounted_for" in lines[2]
    assert lines[3].startswith("Nothing was published; the file served before stays as it is.")
    assert len(lines) == 4
    assert "3 unaccounted for" in done.stdout
    assert demo_copy.published_file.read_bytes() == served

    assert "Refused files\n  shop/nonsense.csv\n    The name nonsense.csv belongs" in done.stdout
    assert "Name the file after one of" in done.stdout

    refusal, text = webhook.texts
    assert refusal.startswith(f"storehouse refused files in {demo_copy.root}\n")
    assert "nonsense.csv belongs to no entity" in refusal
    assert text.startswith(f"storehouse run failed in {demo_copy.root}\nwarehouse: 1 test failed")
    assert "assert_landed_rows_are_accounted_for" in text

    refused = storehouse(demo_copy, "publish")
    assert refused.returncode == 1
    assert "Test assert_landed_rows_are_accounted_for is in state fail" in refused.stderr
    assert demo_copy.published_file.read_bytes() == served


@pytest.fixture
def of_the_copy(demo_copy: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    return demo_copy


def run_subset(*names: str) -> Any:
    from dagster import DagsterInstance

    from orchestration.definitions import defs

    with DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("storehouse_run").execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=[AssetKey(name.split("/")) for name in names],
        )


def test_publish_alone_publishes_what_is_fresh(
    of_the_copy: Home, manifest: Mapping[str, Any]
) -> None:
    before = read_publish_record(of_the_copy)
    assert run_subset("published/storehouse").success
    after = read_publish_record(of_the_copy)
    assert before is not None and after is not None
    assert after["publish_id"] > before["publish_id"]
    hashes = [
        [table for table in record["tables"] if table["schema"] != "ops"]
        for record in (before, after)
    ]
    assert hashes[0] == hashes[1]


def test_a_subset_runs_only_its_own_tests_and_is_not_published(
    of_the_copy: Home, manifest: Mapping[str, Any]
) -> None:
    served = of_the_copy.published_file.read_bytes()
    result = run_subset("core/dim_product", "published/storehouse")
    assert not result.success
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert made == {"core/dim_product"}
    with duckdb.connect(str(of_the_copy.warehouse_file), read_only=True) as connection:
        ran = connection.execute(
            "select unique_id from ops.node_results "
            "where invoked_at = (select max(invoked_at) from ops.node_results)"
        ).fetchall()
    names = {unique_id for (unique_id,) in ran}
    assert "model.storehouse.dim_product" in names
    for name in names - {"model.storehouse.dim_product"}:
        models = {key for key in manifest["parent_map"][name] if key.startswith("model.")}
        assert models == {"model.storehouse.dim_product"}, name
    assert len(names) > 1
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert failure.step_key == "published__storehouse"
    message = failure.step_failure_data.error.message
    assert "fact_sales is older than dim_product, its parent." in message
    assert of_the_copy.published_file.read_bytes() == served


def dbt(home: Home, *args: str) -> None:
    subprocess.run(
        [os.fspath(Path(sys.executable).with_name("dbt")), "--quiet", *args],
        cwd=PROJECT,
        env=os.environ
        | {
            HOME_VARIABLE: str(home.root),
            "DBT_TARGET_PATH": str(home.logs / "dbt" / "build"),
            "DBT_LOG_PATH": str(home.logs),
        },
        check=True,
        timeout=120,
    )


def test_what_a_bare_dbt_did_between_runs_is_known(demo_copy: Home, storehouse: Storehouse) -> None:
    dbt(demo_copy, "run", "--select", "payment_features", "--vars", "{}")
    dbt(demo_copy, "run", "--select", "dim_seller", "--empty")
    dbt(demo_copy, "build", "--select", "assert_every_customer_is_scored", "--empty")
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        ended = connection.execute(
            "select count(*) from ops.invocations where ended_at is null"
        ).fetchall()
        assert ended == [(0,)]
        # as dbt leaves it when it is killed
        connection.execute(
            "insert into ops.invocations values ('b', now()::timestamp, null, false)"
        )
    done = storehouse(demo_copy, "publish")
    assert done.returncode == 1
    for reason in (
        "UTC did not come to its end; nobody knows the state of",
        "dim_seller is in state partial.",
        "Test assert_every_customer_is_scored is in state partial",
        "ml_anomaly_detection is older than payment_features, its parent.",
        "The scores of payment_anomaly are older than features.payment_features",
    ):
        assert reason in done.stderr


def test_a_step_that_is_skipped_makes_the_run_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @multi_asset(outs={"made": AssetOut(), "left_out": AssetOut(is_required=False)})
    def first() -> Any:
        yield Output(1, "made")

    @asset(deps=["left_out"])
    def after() -> None:
        """Never comes to pass."""

    @asset(key=["landing", "loads"])
    def loads(context: AssetExecutionContext) -> None:
        refusal = {"file": "/a", "message": "No.", "remedy": "Yes."}
        context.add_output_metadata({"refusals": [refusal], "new_loads": 3})

    small = Definitions(
        assets=[first, after, loads], jobs=[define_asset_job(running.JOB, selection="*")]
    )
    module = type(sys)("orchestration.definitions")
    module.defs = small  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "orchestration.definitions", module)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    outcome = running.execute_graph(running_silently())
    assert not outcome.success
    assert outcome.failures == [StepFailure("run", "2 tables were left out: after, left_out.")]
    assert outcome.refusals == [Refusal("/a", "No.", "Yes.")]
    assert outcome.new_loads == 3


def running_silently() -> Any:
    from orchestration.lib.progress import SilentReporter

    return SilentReporter()


def test_a_failure_is_told_without_its_class_and_traced_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @asset
    def broken() -> None:
        raise ZeroDivisionError("out of paper: 1/0")

    module = type(sys)("orchestration.definitions")
    module.defs = Definitions(  # type: ignore[attr-defined]
        assets=[broken], jobs=[define_asset_job(running.JOB, selection="*")]
    )
    monkeypatch.setitem(sys.modules, "orchestration.definitions", module)
    home = Home(tmp_path / "home")
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    outcome = running.execute_graph(running_silently())
    (failure,) = outcome.failures
    assert failure.step == "broken"
    assert failure.message == "ZeroDivisionError: out of paper: 1/0"
    assert "Traceback" not in "".join(capsys.readouterr())
    log = (home.logs / "run.log").read_text()
    assert "test_run.py" in log and "ZeroDivisionError" in log


def test_the_alert_of_a_run_leaves_its_lines_in_the_log(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert running.alert_failure(home, "build: no") is False


def test_a_request_to_end_is_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_outcome_without_trouble_refuses_nothing() -> None:
    from datetime import datetime

    outcome = RunOutcome(True, "id", datetime(2024, 1, 1), 1.0, {}, [])
    assert (outcome.refusals, outcome.new_loads) == ([], 0)
