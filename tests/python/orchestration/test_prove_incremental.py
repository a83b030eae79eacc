"""The proof itself: equal tables pass, a table that depends on arrival or a lost row does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ingest.contracts import load_contracts
from ingest.errors import StorehouseError
from ingest.home import HOME_VARIABLE, Home
from ingest.landing import land_paths
from ingest.simulator import simulate
from orchestration.cli import app
from orchestration.lib.rebuild import prove_incremental as proving
from orchestration.lib.rebuild.batches import Batch, Load, cut
from orchestration.lib.rebuild.prove_incremental import Proof, prove_incremental
from tests.python.conftest import run_storehouse

# Tables out of the lake alone, in place of the warehouse: one that is a function of the rows, and
# one that asks which row came last.
RIGHT = "select order_id, max(updated_at) as updated_at, count(distinct op) as ops"
WRONG = "select order_id, arg_max(order_status, _loaded_at) as last_status"


class LakeBuilder:
    """Publishes tables that one query each reads from the landed orders."""

    def __init__(self, **tables: str) -> None:
        self.tables = tables
        self.steps = 0

    def step(self, home: Home) -> None:
        """Counts the builds on the way."""
        self.steps += 1

    def publish(self, home: Home) -> None:
        """Writes the tables and what the comparison reads of ops."""
        home.published.mkdir(parents=True)
        orders = home.lake / "shop" / "orders" / "**" / "*.parquet"
        with duckdb.connect(str(home.published_file)) as connection:
            connection.execute("create schema core; create schema ops")
            for table, query in self.tables.items():
                connection.execute(
                    f"create table core.{table} as {query} "
                    f"from read_parquet('{orders}', hive_partitioning=false) group by order_id"
                )
            connection.execute("create table ops.findings as select 1 as finding")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the demo's orders and customers. Read-only."""
    home = Home(tmp_path_factory.mktemp("landed") / "home")
    delivered = tmp_path_factory.mktemp("extracts")
    simulate(scale="demo", seed=42, days=None, loads=3, out=delivered)
    for file in delivered.iterdir():
        if not file.name.startswith(("orders_", "customers_")):
            file.unlink()
    outcomes = land_paths(home, load_contracts(), "shop", delivered)
    assert len(outcomes) == 6
    return home


def prove(home: Home, folder: Path, builder: LakeBuilder, build_every: int = 1) -> Proof:
    return prove_incremental(
        home,
        load_contracts(),
        {"core.statuses": ["order_id"]},
        folder,
        batches=5,
        seed=3,
        build_every=build_every,
        builder=builder,
    )


def fingerprint(home: Home) -> dict[str, str]:
    """Digest of every file of a home but its locks."""
    return {
        str(path.relative_to(home.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and not path.is_relative_to(home.locks)
    }


def test_what_follows_from_the_rows_is_equal_and_the_home_is_only_read(
    landed: Home, tmp_path: Path
) -> None:
    before = fingerprint(landed)
    builder = LakeBuilder(orders=RIGHT)
    proof = prove(landed, tmp_path, builder)
    assert fingerprint(landed) == before
    assert builder.steps == 4
    assert (proof.is_equal, proof.is_vacuous) == (True, False)
    assert [table.name for table in proof.tables.tables] == ["core.orders", "ops.findings"]
    customers, orders = proof.landed
    assert (orders.lost, orders.added, customers.lost, customers.added) == (0, 0, 0, 0)
    assert orders.in_steps > orders.at_once > 5_000
    assert customers.in_steps == customers.at_once
    assert proof.late_rows > 1_000


def test_builds_follow_every_so_many_batches(landed: Home, tmp_path: Path) -> None:
    builder = LakeBuilder(orders=RIGHT)
    prove(landed, tmp_path, builder, build_every=2)
    assert builder.steps == 2


def test_a_table_that_depends_on_arrival_is_named(landed: Home, tmp_path: Path) -> None:
    proof = prove(landed, tmp_path, LakeBuilder(orders=RIGHT, statuses=WRONG))
    assert not proof.is_equal
    (statuses,) = proof.tables.differing
    assert statuses.name == "core.statuses"
    assert statuses.rows_before == statuses.rows_after
    assert statuses.rows_changed > 10


def test_a_lost_row_is_named(landed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def losing(loads: list[Load], batches: int, seed: int) -> list[Batch]:
        dealt = cut(loads, batches, seed)
        for batch in dealt:
            for piece in batch:
                if piece.rows is not None:
                    piece.rows[piece.rows == 7] = 8
        return dealt

    monkeypatch.setattr(proving, "cut", losing)
    proof = prove(landed, tmp_path, LakeBuilder(orders=RIGHT))
    assert not proof.is_equal
    assert proof.lost_or_added == ["shop.orders: 3 landed rows were lost, 0 were added."]


def test_nothing_of_a_source_is_an_error(landed: Home, tmp_path: Path) -> None:
    with pytest.raises(StorehouseError, match="Nothing of olist was landed"):
        prove_incremental(landed, load_contracts(), {}, tmp_path, batches=2, seed=1, source="olist")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"orders": RIGHT}, "are equal"),
        ({"statuses": WRONG}, "1 of 2 tables differ"),
        ({}, "proves nothing"),
    ],
)
def test_the_command_ends_with_status_1_on_a_difference_and_on_nothing(
    landed: Home,
    monkeypatch: pytest.MonkeyPatch,
    tables: dict[str, str],
    said: str,
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(landed.root))
    for name in ("console", "error_console"):  # of this test's streams, not those of the start
        monkeypatch.setattr(f"orchestration.commands.prove.{name}", Console(soft_wrap=True))
    monkeypatch.setattr(proving, "DbtBuilder", lambda: LakeBuilder(**tables))
    result = CliRunner().invoke(app, ["prove-incremental", "--batches", "2", "--seed", "3"])
    assert result.exit_code == (0 if said == "are equal" else 1), result.exception
    assert said in result.output


def test_the_demo_in_two_steps_equals_the_demo_at_once(tmp_path: Path) -> None:
    """In a home where nothing was ever landed, with the warehouse itself."""
    home = Home(tmp_path / "home")
    done = run_storehouse(home, "prove-incremental", "--batches", "2", "--seed", "1")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "Nothing was landed" in done.stdout
    for table in ("core.fact_sales", "insights.ml_anomaly_detection", "customers.ml_customer_rfm"):
        assert f"{table} " in done.stdout
    assert "differs" not in done.stdout
    assert not list(home.root.rglob("*.parquet"))
