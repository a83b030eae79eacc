"""The lake built anew from the raw zone: the same loads, under the contracts of today."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from ingest.contracts import load_contracts
from ingest.errors import StorehouseError
from ingest.landing import land_paths
from ingest.landing.commit import replaced_lake
from ingest.landing.reread import reread_raw
from tests.python.ingest.conftest import CONTRACT, write_contract

PEOPLE = '[{"person_id": "1", "is_vip": "true"}, {"person_id": "2"}]'
SALES = "sale_id,amount,colour\n1,2,red\n2,3,blue\nbad\n"


def deliver(toy: Any) -> None:
    toy.land("people_20240105.json", PEOPLE)
    toy.land("sales_20240105.csv", SALES)
    toy.land(
        "sales_20240106.csv", "sale_id,remark\n9,caf\xe9\n".encode("latin-1"), encoding="latin-1"
    )


def state(toy: Any) -> tuple[Any, ...]:
    return toy.rows("people"), toy.rows("sales"), toy.rejects(), toy.records(), toy.files()


def test_a_lake_that_is_gone_comes_back_as_it_was(toy: Any) -> None:
    deliver(toy)
    before = state(toy)
    shutil.rmtree(toy.home.lake / "toy" / "sales")
    done = reread_raw(toy.home, toy.contracts)
    assert state(toy) == before
    assert (done.loads_reread, done.loads_kept, done.rows) == (3, 0, 5)
    assert {path.name for path in toy.home.root.iterdir()} == {"lake", "locks", "raw"}


def test_a_column_that_the_contract_learnt_is_read_from_old_files(toy: Any, tmp_path: Any) -> None:
    deliver(toy)
    remark = "          - {name: remark, data_type: varchar, config"
    assert CONTRACT.count(remark) == 1
    learnt = CONTRACT.replace(remark, f"          - {{name: colour, data_type: varchar}}\n{remark}")
    write_contract(tmp_path / "project", learnt)
    assert "colour" not in toy.rows("sales")[0]
    reread_raw(toy.home, load_contracts(tmp_path / "project"))
    assert [row["colour"] for row in toy.rows("sales")] == ["red", "blue", None]


def test_loads_keep_what_was_pruned_from_raw(toy: Any) -> None:
    deliver(toy)
    before = state(toy)[:4]
    pruned = next(row for row in toy.records() if row["entity"] == "people")
    shutil.rmtree(toy.home.root / pruned["raw_path"])
    done = reread_raw(toy.home, toy.contracts)
    assert (done.loads_reread, done.loads_kept) == (2, 1)
    assert state(toy)[:4] == before
    assert land_paths(toy.home, toy.contracts, "toy", toy.inbox)[0].status == "already landed"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw.write_bytes(b"sale_id,amount\n1,999\n"), "not what its manifest says"),
        (lambda raw: raw.with_name("manifest.json").write_text("{"), "cannot be read"),
    ],
)
def test_a_damaged_raw_zone_leaves_the_lake_alone(toy: Any, damage: Any, message: str) -> None:
    deliver(toy)
    rows = toy.rows("sales")
    record = next(row for row in toy.records() if row["file_name"] == "sales_20240105.csv")
    damage(toy.home.root / record["raw_path"] / record["file_name"])
    with pytest.raises(StorehouseError, match=message):
        reread_raw(toy.home, toy.contracts)
    assert toy.rows("sales") == rows
    assert not (toy.home.root / "rebuild").exists()


def test_a_file_that_the_contract_no_longer_takes_leaves_the_lake_alone(
    toy: Any, tmp_path: Any
) -> None:
    deliver(toy)
    rows = toy.rows("sales")
    required = '{name: amount, data_type: "decimal(18,2)", config: {meta: {required: true}}}'
    write_contract(
        tmp_path / "project",
        CONTRACT.replace('{name: amount, data_type: "decimal(18,2)"}', required),
    )
    with pytest.raises(StorehouseError, match="required column amount is missing"):
        reread_raw(toy.home, load_contracts(tmp_path / "project"))
    assert toy.rows("sales") == rows


def test_an_exchange_that_was_interrupted_is_undone_by_the_next_landing(toy: Any) -> None:
    deliver(toy)
    rows = toy.rows("sales")
    toy.home.lake.rename(replaced_lake(toy.home))
    toy.land("people_20240106.json", PEOPLE)
    assert toy.rows("sales") == rows
    assert not replaced_lake(toy.home).exists()
