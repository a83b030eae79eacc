"""Queries: what they see, what they must not see, and that they change nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from small_project import SmallProject

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import Format
from orchestration.lib.publish import publish
from orchestration.lib.query.prompt import SqlPrompt
from orchestration.lib.query.session import QueryError, SqlSession

Storehouse = Callable[..., subprocess.CompletedProcess[str]]


def cells(session: SqlSession, query: str) -> list[tuple[str | None, ...]]:
    return [row for answer in session.run(query) for row in answer.cells()]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_lake_and_the_published_file_are_queried_together(demo_home: Home) -> None:
    session = SqlSession(demo_home)
    ((facts,),) = cells(session, "select count(*) from core.fact_orders")
    ((same,),) = cells(session, "select count(*) from published.core.fact_orders")
    ((landed,),) = cells(
        session, "select count(distinct order_id) from shop.orders where order_status <> ''"
    )
    assert facts == same == "2000"
    assert 1900 < int(landed or 0) <= 2000
    ((loads,),) = cells(session, "select count(*) from landing.loads")
    records = (demo_home.lake / "landing" / "loads").glob("[!_]*.parquet")
    assert loads == str(sum(pq.read_metadata(path).num_rows for path in records))
    assert cells(session, "select count(*) from olist.orders") == [("0",)]


def test_no_query_reaches_personal_data(demo_home: Home) -> None:
    """All text of every view, and every way around the views that DuckDB knows."""
    session = SqlSession(demo_home)
    last = max((demo_home.extracts / "shop").glob("customers_*.json"))
    customers = json.loads(last.read_text(encoding="utf-8"))
    secrets = {c["contact"]["email"] for c in customers} - {None}
    secrets |= {address["line1"] for c in customers for address in c["addresses"]}
    assert len(secrets) > 400
    for view in session.views:
        text = "\n".join(answer for a in session.run(f"from {view.name}") for answer in a.json())
        assert not [secret for secret in secrets if secret in text], view.name
        scan = f"lake__{view.source}__{view.entity}"
        assert cells(session, f"select count(*) from {scan}") == cells(
            session, f"select count(*) from {view.name}"
        )
    for contract in (e for s in load_contracts().values() for e in s.entities.values()):
        for column in contract.columns:
            if column.name in column.pii:
                with pytest.raises(QueryError):
                    cells(session, f"select {column.name} from {contract.source}.{contract.entity}")
    with pytest.raises(QueryError) as refusal:
        cells(session, "select addresses[1].line1 from shop.customers")
    assert refusal.value.remedy == "Personal data is left out: shop.customers.addresses.line1."
    for query in (
        f"from read_parquet('{demo_home.lake}/shop/customers/**/*.parquet')",
        f"from read_text('{last}')",
        "set enable_external_access = true",
        f"set allowed_directories = ['{demo_home.root}']",
    ):
        with pytest.raises(QueryError):
            cells(session, query)


@pytest.mark.parametrize(
    "query",
    [
        "delete from core.fact_orders",
        "create table published.core.mine as select 1",
        "drop table published.core.fact_orders",
        "copy (select 1) to '{served}'",
        "copy (select 1) to '{served}.wal'",
        "from read_blob('{served}')",
        "attach '{served}' as mine",
        "detach published; attach '{served}' as mine",
        "detach published; attach '{served}' as mine (read_only)",
        "detach published; copy (select 1) to '{served}'",
        "copy (select 1) to '{home}/lake/shop/orders/x.parquet' (format parquet)",
        "set temp_directory = '{home}/tmp'",
        "export database '{home}/out'",
    ],
)
def test_a_query_writes_nothing(working: SmallProject, query: str) -> None:
    publish(working.home, working.manifest)
    before = files_in(working.home.root)
    session = SqlSession(working.home)
    with pytest.raises(QueryError):
        cells(session, query.format(served=working.home.published_file, home=working.home.root))
    session.close()
    assert files_in(working.home.root) == before


def test_only_an_allowed_folder_is_open(working: SmallProject, tmp_path: Path) -> None:
    publish(working.home, working.manifest)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "rates.csv").write_text("a\n7\n")
    (folder / "home").symlink_to(working.home.root)
    session = SqlSession(working.home, folder)
    assert cells(session, f"select * from '{folder}/rates.csv'") == [("7",)]
    cells(session, f"copy (select 1 as a) to '{folder}/out.csv'")
    assert (folder / "out.csv").read_text() == "a\n1\n"
    for path in (f"{folder}/../manifest.json", f"{folder}/home/x.csv", f"{tmp_path}/mine2.csv"):
        with pytest.raises(QueryError, match="Permission Error"):
            cells(session, f"copy (select 1) to '{path}'")
    for wrong in (working.home.published, tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError):
            SqlSession(working.home, wrong)


def test_an_empty_home_opens_and_is_left_empty(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    session = SqlSession(home)
    assert session.says()[0] == "Published: nothing yet. Run `storehouse run`."
    assert "Lake, shop: 0 of 11 entities landed." in session.says()
    for view in session.views:
        assert cells(session, f"select count(*) from {view.name}") == [("0",)]
    assert not home.root.exists()


def test_a_damaged_published_file_is_said_and_the_lake_still_opens(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.published.mkdir(parents=True)
    home.published_file.write_bytes(b"no database" * 1000)
    session = SqlSession(home)
    assert "not a valid DuckDB database file" in session.says()[0]
    assert cells(session, "select count(*) from shop.orders") == [("0",)]


def typed(session: SqlSession, *lines: str) -> str:
    """What the prompt answers to lines typed one after the other."""
    screen = io.StringIO()
    asking = SqlPrompt(session, Format.CSV, Console(file=screen, width=100))
    for line in lines:
        asking.push(line)
    return screen.getvalue()


def test_a_statement_may_span_lines_and_hold_semicolons(working: SmallProject) -> None:
    session = SqlSession(working.home)
    assert typed(session, "select 1 as a,", "'x;", "y' as b;") == 'a,b\n1,"x;\ny"\n'
    assert typed(session, "selec;").startswith("Parser Error: syntax error")
    assert "shop.orders" in typed(session, ".tables")
    with pytest.raises(SystemExit):
        typed(session, ".quit")


def test_a_new_publish_is_read_at_once_unless_own_tables_would_be_lost(
    working: SmallProject,
) -> None:
    first = publish(working.home, working.manifest).publish_id
    session = SqlSession(working.home)
    ask = "select publish_id from published.ops.publish;"
    assert first in typed(session, ask)
    second = publish(working.home, working.manifest).publish_id
    assert typed(session, ask).endswith(f"publish_id\n{second}\n")
    typed(session, "create table mine as select 7 as a;")
    third = publish(working.home, working.manifest).publish_id
    said = typed(session, ask)
    assert f"open is {second}" in said
    assert said.endswith(f"publish_id\n{second}\n")
    assert typed(session, "from mine;").endswith("a\n7\n")
    typed(session, ".reopen")
    assert typed(session, ask) == f"publish_id\n{third}\n"


def test_an_interrupt_ends_the_statement_and_not_the_session(working: SmallProject) -> None:
    session = SqlSession(working.home)

    def interrupt() -> None:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    # A process started in the background ignores Ctrl-C, and so would this one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        Thread(target=interrupt).start()
        started = time.monotonic()
        said = typed(session, "select count(*) from range(100000000000) as t(a) where a % 7 = 3;")
    finally:
        signal.signal(signal.SIGINT, before)
    assert said == "Interrupted.\n"
    assert time.monotonic() - started < 30
    assert typed(session, "select 1 as a;") == "a\n1\n"


def test_formats_keep_every_digit(storehouse: Storehouse, demo_home: Home) -> None:
    query = (
        "select cast('1234567890123456.10' as decimal(18,2)) as m, null as n, true as b, "
        "timestamp '2024-01-02 03:04:05' as t, 'a,\"b' as s, [1, 2] as l"
    )
    as_csv = storehouse(demo_home, "sql", query, "--format", "csv")
    rows = list(csv.reader(io.StringIO(as_csv.stdout)))
    expected = ["1234567890123456.10", "", "true", "2024-01-02 03:04:05", 'a,"b', "[1, 2]"]
    assert rows == [["m", "n", "b", "t", "s", "l"], expected]
    as_json = storehouse(demo_home, "sql", query, "--format", "json").stdout
    assert json.loads(as_json, parse_float=str)[0]["m"] == "1234567890123456.10"
    assert json.loads(as_json)[0]["l"] == [1, 2]


def test_the_command_prints_rows_and_fails_in_one_line(
    storehouse: Storehouse, demo_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "query.sql"
    file.write_text("select 1 as one; select count(*) as orders from fact_orders;")
    done = storehouse(demo_home, "sql", "--file", str(file))
    assert done.returncode == 0
    assert "one" in done.stdout and "2000" in done.stdout
    wrong = storehouse(demo_home, "sql", "select nothing from core.fact_orders")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith('Binder Error: Referenced column "nothing" not found')
    assert len(wrong.stderr.splitlines()) == 1
    late = storehouse(demo_home, "sql", "select cast(order_id as integer) from shop.orders")
    assert late.returncode == 1
    assert "Traceback" not in late.stderr
    wide = storehouse(demo_home, "sql", "select * from core.fact_orders limit 2").stdout
    assert wide.count("row ") == 2 and "reporting_currency" in wide
    many = storehouse(demo_home, "sql", "select range as number from range(5000)")
    assert "The first 200 rows" in many.stdout
