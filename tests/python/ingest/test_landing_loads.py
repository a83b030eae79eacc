"""Loads as a whole: identity, time, order, guard, atomicity, folders, stubs."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingest.errors import ConfigError, LockedError, StorehouseError
from ingest.landing import land, land_paths, write_stubs
from ingest.landing.commit import Pending
from ingest.landing.delivery import load_id, name_time, parse_time
from ingest.landing.sink import Sink

SALES = "sale_id,amount\n1,2\n2,3\nbad\n"


def people(count: int, first: int = 0) -> str:
    return json.dumps([{"person_id": str(number)} for number in range(first, first + count)])


def test_same_delivery_twice_changes_nothing_and_says_so(toy: Any) -> None:
    first = toy.land("sales_20240105.csv", SALES)
    before = {name: (toy.home.root / name).stat().st_mtime_ns for name in toy.files()}
    second = toy.land("sales_20240105.csv", SALES)
    assert (first.status, second.status) == ("landed", "already landed")
    assert (second.load_id, second.rows, second.rejected) == (first.load_id, 2, 1)
    assert {name: (toy.home.root / name).stat().st_mtime_ns for name in toy.files()} == before


def test_same_bytes_under_another_name_and_time_of_arrival_are_the_same_load(toy: Any) -> None:
    toy.land("sales_20240105.csv", SALES)
    assert toy.land("sales-eu_2024-01-05.csv", SALES).status == "already landed"
    assert len(toy.records()) == 1


def test_same_bytes_with_a_later_time_are_a_new_load(toy: Any) -> None:
    toy.land("sales_20240105.csv", SALES)
    assert toy.land("sales_20240106.csv", SALES).status == "landed"
    assert [row["sale_id"] for row in toy.rows("sales")] == ["1", "2", "1", "2"]


def test_load_id_is_what_the_interface_says(toy: Any) -> None:
    outcome = toy.land("sales_20240105T060000Z.csv", SALES)
    content = hashlib.sha256(SALES.encode()).hexdigest()
    identity = f"toy\nsales\n20240105T060000Z\n{content}".encode()
    assert outcome.load_id == f"20240105T060000Z-{hashlib.sha256(identity).hexdigest()[:12]}"


def test_load_id_differs_by_source_entity_time_and_content(toy: Any) -> None:
    sales, plan = (toy.contracts["toy"].entities[name] for name in ("sales", "sales_plan"))
    moment = datetime(2024, 1, 5)
    ids = {
        load_id(sales, moment, "a"),
        load_id(plan, moment, "a"),
        load_id(sales, None, "a"),
        load_id(sales, moment, "b"),
    }
    assert len(ids) == 4


def test_raw_holds_the_bytes_and_a_manifest(toy: Any) -> None:
    outcome = toy.land("sales_20240105.csv", SALES)
    (record,) = toy.records()
    folder = toy.home.root / record["raw_path"]
    assert folder == toy.home.raw / "toy" / "sales" / outcome.load_id
    assert (folder / "sales_20240105.csv").read_text() == SALES
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["content_sha256"] == hashlib.sha256(SALES.encode()).hexdigest()
    assert (manifest["rows_landed"], manifest["rows_rejected"]) == (2, 1)
    assert manifest["extracted_at"] == "2024-01-05T00:00:00Z"
    assert manifest["extracted_at_from"] == "file name"
    assert manifest["column_mapping"] == {"sale_id": "sale_id", "amount": "amount"}
    assert manifest["notes"] == ["missing columns, landed as NULL: remark"]
    assert manifest["contract"]["amount"] == "decimal(18,2)"


def test_record_holds_what_the_interface_says(toy: Any) -> None:
    outcome = toy.land("sales_plan_20240105.csv", "plan_id\n1\n")
    (record,) = toy.records()
    received_at = record.pop("received_at")
    assert isinstance(received_at, datetime)
    assert record == {
        "load_id": outcome.load_id,
        "source_system": "toy",
        "entity": "sales_plan",
        "load_kind": "append",
        "file_name": "sales_plan_20240105.csv",
        "format": "csv",
        "encoding": "utf-8",
        "bytes": 10,
        "content_sha256": hashlib.sha256(b"plan_id\n1\n").hexdigest(),
        "rows_landed": 1,
        "rows_rejected": 0,
        "extracted_at": datetime(2024, 1, 5),
        "load_date": datetime(2024, 1, 5).date(),
        "contract_hash": toy.contracts["toy"].entities["sales_plan"].hash,
        "column_mapping": '{"plan_id": "plan_id"}',
        "notes": json.dumps(
            ["missing columns, landed as NULL: happened_at", "landed and counted, not modelled"]
        ),
        "is_modelled": False,
        "raw_path": f"raw/toy/sales_plan/{outcome.load_id}",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales_20240105T060708Z.csv.gz", datetime(2024, 1, 5, 6, 7, 8)),
        ("sales_2024-01-05.csv", datetime(2024, 1, 5)),
        ("sales_20240105.ndjson", datetime(2024, 1, 5)),
        ("sales_eu_20240105.csv", datetime(2024, 1, 5)),
        ("sales_2024-01-05T06:07:08Z.csv", datetime(2024, 1, 5, 6, 7, 8)),
        ("sales_00000012.csv", None),
        ("sales.csv", None),
        ("sales_20240105_part1.csv", None),
    ],
)
def test_time_in_the_name(name: str, expected: datetime | None) -> None:
    assert name_time(Path(name)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-05T06:00:00Z", datetime(2024, 1, 5, 6)),
        ("2024-01-05T06:00:00+02:00", datetime(2024, 1, 5, 4)),
        ("2024-01-05 06:00", datetime(2024, 1, 5, 6)),
        ("20240105T060000Z", datetime(2024, 1, 5, 6)),
        ("2024-01-05", datetime(2024, 1, 5)),
    ],
)
def test_declared_times_are_utc(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


def test_unreadable_time_names_the_remedy() -> None:
    with pytest.raises(ConfigError, match="not a time"):
        parse_time("yesterday")


def test_option_beats_sidecar_beats_name(toy: Any) -> None:
    toy.deliver("sales_20240101.csv", SALES)
    assert toy.land("sales_20240101.csv").extracted_at == datetime(2024, 1, 1)
    toy.deliver("sales_20240101.csv.meta.json", '{"extracted_at": "2024-01-02T00:00:00Z"}')
    assert toy.land("sales_20240101.csv").extracted_at == datetime(2024, 1, 2)
    moment = datetime(2024, 1, 3)
    assert toy.land("sales_20240101.csv", extracted_at=moment).extracted_at == moment


@pytest.mark.parametrize("sidecar", ["{", "[]", '{"extracted_at": "soon"}', "{}"])
def test_unreadable_sidecar_refuses_the_file(toy: Any, sidecar: str) -> None:
    toy.deliver("sales_20240101.csv.meta.json", sidecar)
    outcome = toy.land("sales_20240101.csv", SALES)
    assert outcome.status == "refused"
    assert "sales_20240101.csv.meta.json" in outcome.message


def test_a_file_of_unknown_time_holds_up_what_is_new_and_nothing_landed(toy: Any) -> None:
    toy.deliver("people_20240101T000000Z.json", '[{"person_id": 1}]')
    assert [outcome.status for outcome in toy.land_all()] == ["landed"]
    toy.deliver("people_02-01-2024.json", '[{"person_id": 2}]')
    toy.deliver("people_20240103T000000Z.json", '[{"person_id": 3}]')
    outcomes = {outcome.path.name: outcome for outcome in toy.land_all()}
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "people_20240101T000000Z.json": "already landed",
        "people_02-01-2024.json": "refused",
        "people_20240103T000000Z.json": "refused",
    }
    assert "people_02-01-2024.json" in outcomes["people_20240103T000000Z.json"].message


def test_full_extract_needs_a_time_and_others_do_not(toy: Any) -> None:
    refused = toy.land("people.json", people(1))
    assert (
        refused.message == "people.json is a full extract of people and declares no extract time."
    )
    assert "--extracted-at" in refused.remedy
    landed = toy.land("sales.csv", SALES)
    assert landed.extracted_at is None
    assert landed.load_id.startswith("undated-")
    assert any("load_date=1970-01-01" in name for name in toy.files())


def test_longest_stem_wins_and_a_stem_is_a_whole_word(toy: Any) -> None:
    assert toy.land("sales_plan_20240105.csv", "plan_id\n1\n").entity == "sales_plan"
    assert toy.land("SALES_20240105.csv", SALES).entity == "sales"
    assert toy.land("persons_2024-01-05.json", people(1)).entity == "people"
    refused = toy.land("salesplan.csv", SALES)
    assert refused.remedy == "Name the file after one of: people, persons, sales, sales_plan."


class TestVolumeGuard:
    def test_full_extract_under_half_of_the_one_before_is_refused(self, toy: Any) -> None:
        toy.land("people_20240101.json", people(10))
        files = toy.files()
        refused = toy.land("people_20240102.json", people(4))
        assert refused.status == "refused"
        assert "has 4 keys, under half of the 10 of 2024-01-01T00:00:00Z" in refused.message
        assert "--force" in refused.remedy
        assert toy.files() == files

    def test_half_is_enough_and_force_lands_it(self, toy: Any) -> None:
        toy.land("people_20240101.json", people(10))
        assert toy.land("people_20240102.json", people(5)).status == "landed"
        assert toy.land("people_20240103.json", people(2), force=True).status == "landed"
        # From now on 2 rows are the measure.
        assert toy.land("people_20240104.json", people(1)).status == "landed"

    def test_compares_with_the_load_before_it_in_time(self, toy: Any) -> None:
        toy.land("people_20240110.json", people(10))
        assert toy.land("people_20240101.json", people(2)).status == "landed"
        assert toy.land("people_20240105.json", people(1)).status == "landed"

    def test_lost_keys_are_refused_however_many_rows_there_are(self, toy: Any) -> None:
        toy.land("people_20240101.json", people(10))
        repeated = toy.land("people_20240102.json", json.dumps([{"person_id": "0"}] * 10))
        assert repeated.status == "refused"
        assert "has 1 keys, under half of the 10 of 2024-01-01T00:00:00Z" in repeated.message
        respelt = json.dumps([{"person_id": f"x{number}"} for number in range(10)])
        renamed = toy.land("people_20240102.json", respelt)
        assert "has 0 of the 10 keys of 2024-01-01T00:00:00Z" in renamed.message
        padded = json.dumps([{"person_id": f" {number} "} for number in range(10)])
        assert toy.land("people_20240102.json", padded).status == "landed"

    def test_the_files_of_one_extract_are_judged_and_landed_together(self, toy: Any) -> None:
        toy.land("people_20240101.json", people(10))
        toy.deliver("people_a_20240102.json", people(4))
        toy.deliver("people_b_20240102.json", people(3, first=5))
        toy.deliver("people_c_20240103.json", people(3))
        toy.deliver("people_d_20240103.json", "[")
        toy.deliver("people_e_20240103.json", people(5, first=4))
        outcomes = {outcome.path.name: outcome for outcome in toy.land_all()}
        assert {name: outcome.status for name, outcome in outcomes.items()} == {
            "people_20240101.json": "already landed",
            "people_a_20240102.json": "landed",
            "people_b_20240102.json": "landed",
            "people_c_20240103.json": "refused",
            "people_d_20240103.json": "refused",
            "people_e_20240103.json": "refused",
        }
        assert "malformed" in outcomes["people_d_20240103.json"].message
        assert "people_d_20240103.json" in outcomes["people_c_20240103.json"].message
        assert len(toy.records()) == 3
        assert not [name for name in toy.files() if "/." in name]

    def test_a_copy_beside_a_file_is_landed_once(self, toy: Any) -> None:
        toy.deliver("people_a_20240102.json", people(4))
        toy.deliver("people_a copy_20240102.json", people(4))
        toy.deliver("people_b_20240102.json", people(3, first=4))
        statuses = sorted(outcome.status for outcome in toy.land_all())
        assert statuses == ["already landed", "landed", "landed"]
        assert len(toy.rows("people")) == 7

    @pytest.mark.parametrize("name", ["people_b_20240102.json.part", "people_b_20241302.json"])
    def test_a_file_that_is_refused_by_its_name_holds_its_extract(
        self, toy: Any, name: str
    ) -> None:
        toy.deliver("people_a_20240102.json", people(4))
        toy.deliver(name, people(3, first=4))
        toy.deliver("sales_20240102.csv", SALES)
        outcomes = {outcome.path.name: outcome for outcome in toy.land_all()}
        assert outcomes["people_a_20240102.json"].status == "refused"
        assert name in outcomes["people_a_20240102.json"].message
        assert outcomes["sales_20240102.csv"].status == "landed"

    @pytest.mark.parametrize("step", range(6))
    def test_an_extract_that_was_killed_while_it_was_committed_is_undone(
        self, toy: Any, monkeypatch: pytest.MonkeyPatch, step: int
    ) -> None:
        toy.deliver("people_a_20240102.json", people(4))
        toy.deliver("people_b_20240102.json", people(3, first=4))
        TestCrash.break_replace(monkeypatch, step)
        monkeypatch.setattr(Pending, "roll_back", lambda self: None)
        with pytest.raises(StorehouseError):
            toy.land_all()
        monkeypatch.undo()
        written = toy.home.lake / "landing" / "loads"
        assert len(list(written.glob("2024*.parquet"))) < 2
        toy.land("sales_20240105.csv", SALES)
        assert len(toy.records()) == 1
        assert toy.rows("people") == []
        assert [outcome.status for outcome in toy.land_all() if outcome.entity == "people"] == [
            "landed",
            "landed",
        ]

    def test_the_same_extract_twice_does_not_raise_the_bar(self, toy: Any) -> None:
        toy.land("people_20240101.json", people(10))
        toy.land("people_again_20240101.json", people(10) + "\n")
        assert toy.land("people_20240102.json", people(9)).status == "landed"

    def test_an_earlier_extract_is_held_against_the_later_one(self, toy: Any) -> None:
        toy.land("people_20240102.json", people(1))
        refused = toy.land("people_20240101.json", people(6))
        assert refused.status == "refused"
        assert "has 1 keys, under half of the 6 of this earlier one" in refused.message
        assert toy.land("people_20240101.json", people(6), force=True).status == "landed"

    def test_other_kinds_are_not_guarded(self, toy: Any) -> None:
        toy.land("sales_20240101.csv", "sale_id\n" + "1\n" * 10)
        assert toy.land("sales_20240102.csv", "sale_id\n1\n").status == "landed"

    def test_files_of_a_folder_are_landed_by_time(self, toy: Any) -> None:
        toy.deliver("a/people_20240102.json", people(4))
        toy.deliver("b/people_20240101.json", people(10))
        outcomes = land_paths(toy.home, toy.contracts, "toy", toy.inbox)
        assert [(o.path.name, o.status) for o in outcomes] == [
            ("people_20240101.json", "landed"),
            ("people_20240102.json", "refused"),
        ]


class TestCrash:
    """A landing that dies at any step leaves no half-landed load behind."""

    @pytest.mark.parametrize("step", range(4), ids=["raw", "lake", "rejects", "record"])
    @pytest.mark.parametrize("killed", [False, True], ids=["error", "killed"])
    def test_at_each_rename(
        self, toy: Any, monkeypatch: pytest.MonkeyPatch, step: int, killed: bool
    ) -> None:
        toy.land("sales_20240101.csv", "sale_id\n0\n")
        before = toy.files()
        self.break_replace(monkeypatch, step)
        if killed:  # nothing is cleaned up, as when the process is gone
            monkeypatch.setattr(Pending, "roll_back", lambda self: None)
        with pytest.raises(StorehouseError, match="nothing is half landed"):
            toy.land("sales_20240105.csv", SALES)
        if not killed:
            assert toy.files() == before
        assert len(toy.records()) == 1
        monkeypatch.undo()
        write_stubs(toy.home, toy.contracts)
        assert toy.land("people_20240101.json", people(1)).status == "landed"
        # Whatever lands next has removed the rest; then the file lands as if nothing had been.
        assert [row["sale_id"] for row in toy.rows("sales")] == ["0"]
        assert toy.land("sales_20240105.csv", SALES).status == "landed"
        assert len(toy.rows("sales")) == 3
        assert not [name for name in toy.files() if "/." in name]

    def test_after_the_record_the_load_stays(
        self, toy: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unlink = Path.unlink

        def broken(path: Path, missing_ok: bool = False) -> None:
            if path.name.endswith(".journal.json"):
                raise OSError("killed")
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", broken)
        with pytest.raises(StorehouseError):
            toy.land("sales_20240105.csv", SALES)
        monkeypatch.undo()
        assert toy.land("sales_20240105.csv", SALES).status == "already landed"
        assert len(toy.rows("sales")) == 2
        assert not [name for name in toy.files() if "/." in name]

    def test_while_rows_are_written(self, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Sink, "add", full)
        with pytest.raises(StorehouseError, match="No space left on device"):
            toy.land("sales_20240105.csv", SALES)
        assert toy.files() == []

    def test_a_torn_journal_is_removed(self, toy: Any) -> None:
        write_stubs(toy.home, toy.contracts)
        (toy.home.lake / "landing" / "loads" / ".x.journal.json").write_text('["lake/')
        assert toy.land("sales_20240105.csv", SALES).status == "landed"
        assert not [name for name in toy.files() if "/." in name]

    @staticmethod
    def break_replace(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        replace, calls = os.replace, iter(range(100))

        def broken(source: Path, target: Path) -> None:
            if next(calls) == step:
                raise OSError("killed")
            replace(source, target)

        monkeypatch.setattr("os.replace", broken)


def test_a_lost_lake_is_landed_again_and_raw_is_left_alone(toy: Any) -> None:
    toy.land("sales_20240105.csv", SALES)
    (raw,) = (toy.home.raw / "toy" / "sales").glob("*/sales_20240105.csv")
    stamp = raw.stat().st_mtime_ns
    for path in (toy.home.lake / "toy" / "sales").rglob("*-*.parquet"):
        path.unlink()
    assert toy.land("sales_20240105.csv", SALES).status == "landed"
    assert len(toy.rows("sales")) == 2
    assert raw.stat().st_mtime_ns == stamp


def test_a_bad_file_does_not_stop_the_others(toy: Any) -> None:
    toy.deliver("people_20240101.json", "[")
    toy.deliver("deep/sales_20240101.csv", SALES)
    toy.deliver("deep/sales_20240101.csv.meta.json", '{"extracted_at": "2024-01-01"}')
    toy.deliver("notes.txt", "hello")
    toy.deliver(".hidden/sales_1.csv", "x")
    seen: list[str] = []
    outcomes = land_paths(
        toy.home, toy.contracts, "toy", toy.inbox, report=lambda o: seen.append(o.status)
    )
    assert {o.path.name: o.status for o in outcomes} == {
        "notes.txt": "refused",
        "people_20240101.json": "refused",
        "sales_20240101.csv": "landed",
    }
    assert seen == [o.status for o in outcomes]


def test_without_a_path_the_extracts_are_landed_and_stay(toy: Any) -> None:
    for place in ("toy/sales_20240101.csv", "other/sales_20240101.csv", "sales_20240101.csv"):
        path = toy.home.extracts / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SALES)
    outcomes = land_paths(toy.home, toy.contracts)
    assert [(o.source, o.status) for o in outcomes] == [
        ("", "refused"),
        ("other", "refused"),
        ("toy", "landed"),
    ]
    assert outcomes[1].message == "There is no source 'other'."
    assert len(list(toy.home.extracts.rglob("*.csv"))) == 3
    again = land_paths(toy.home, toy.contracts, "toy")
    assert [o.status for o in again] == ["already landed"]


def test_nothing_in_the_extracts_is_no_error(toy: Any) -> None:
    assert land_paths(toy.home, toy.contracts) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sales_20240105.csv.part", "The name says that the file is not complete."),
        ("sales_20240105.csv~", "The name says that the file is not complete."),
        ("sales_20241305.csv", "The extract time '20241305' is not a time."),
        ("sales_99991231T000000Z.csv", ""),
        ("sales_1989-12-31.csv", "The extract time '1989-12-31' is not between 1990 and 2199."),
        ("sales_\udcff_20240105.csv", "The name of the file is not UTF-8."),
    ],
)
def test_odd_names_are_refused_and_stop_no_other(toy: Any, name: str, message: str) -> None:
    toy.deliver("sales_20240104.csv", SALES)
    toy.deliver(name, SALES)
    outcomes = {outcome.status: outcome for outcome in toy.land_all()}
    assert outcomes["landed"].path.name == "sales_20240104.csv"
    assert message in outcomes["refused"].message
    str(outcomes["refused"].path).encode()  # can be printed


def test_links_and_pipes_are_refused_not_overlooked(toy: Any) -> None:
    elsewhere = toy.home.root / "elsewhere"
    elsewhere.mkdir(parents=True)
    (toy.inbox / "folder").symlink_to(elsewhere)
    (toy.inbox / "sales_broken.csv").symlink_to(elsewhere / "gone.csv")
    os.mkfifo(toy.inbox / "sales_pipe.csv")
    assert [outcome.status for outcome in toy.land_all()] == ["refused"] * 3


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_sidecar_beyond_the_calendar_is_refused(toy: Any, moment: str) -> None:
    toy.deliver("sales.csv.meta.json", json.dumps({"extracted_at": moment}))
    assert "declares no readable extract time" in toy.land("sales.csv", SALES).message


def test_a_name_that_leaves_no_room_for_a_sidecar_lands(toy: Any) -> None:
    name = f"sales_{'x' * 230}_20240105.csv"
    assert toy.land(name, SALES).status == "landed"


def test_a_file_without_header_shows_nothing_of_itself(toy: Any) -> None:
    outcome = toy.land("sales_20240105.csv", "max@leak.example,9.50,Max Leak\n")
    assert outcome.status == "refused"
    assert "leak" not in f"{outcome.message} {outcome.remedy}".lower()
    noted = toy.land("sales_20240106.csv", "sale_id,max@leak.example\n1,2\n")
    assert "leak" not in " ".join(noted.notes)


def test_clear_errors_for_what_cannot_be_landed_at_all(toy: Any) -> None:
    with pytest.raises(ConfigError, match="There is no source 'moon'"):
        land_paths(toy.home, toy.contracts, "moon", toy.inbox)
    with pytest.raises(ConfigError, match="does not exist"):
        land_paths(toy.home, toy.contracts, "toy", toy.inbox / "gone.csv")
    with pytest.raises(ConfigError, match="holds no files"):
        land_paths(toy.home, toy.contracts, "toy", toy.inbox)
    toy.deliver("sales.csv", SALES)
    with pytest.raises(ConfigError, match="encoding 'klingon' is unknown"):
        toy.land("sales.csv", encoding="klingon")
    with pytest.raises(ConfigError, match="encoding 'hex' is unknown"):
        toy.land("sales.csv", encoding="hex")
    two = {"toy": toy.contracts["toy"], "two": toy.contracts["toy"]}
    with pytest.raises(ConfigError, match="not clear which source"):
        land_paths(toy.home, two, None, toy.inbox)


def test_a_file_that_vanishes_is_refused(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.deliver("sales_20240101.csv", SALES)
    digest = land.digest_of

    def vanish(path: Path) -> tuple[str, int]:
        result = digest(path)
        path.unlink()
        return result

    monkeypatch.setattr(land, "digest_of", vanish)
    outcome = toy.land("sales_20240101.csv")
    assert outcome.message == "The file cannot be read (No such file or directory)."
    assert toy.files() == []


def test_a_file_that_grows_while_it_is_read_is_refused(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.deliver("sales_20240101.csv", SALES)
    digest = land.digest_of

    def grow(path: Path) -> tuple[str, int]:
        result = digest(path)
        path.write_text(SALES + "4,5\n")
        return result

    monkeypatch.setattr(land, "digest_of", grow)
    assert toy.land("sales_20240101.csv").message == "The file changed while it was read."
    assert toy.files() == []


def test_a_second_landing_waits_and_then_names_the_lock(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(land, "LOCK_SECONDS", 0.2)
    with land.landing_lock(toy.home):
        failures: list[StorehouseError] = []

        def second() -> None:
            try:
                toy.land("sales_20240101.csv", SALES)
            except LockedError as error:
                failures.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "landing.lock" in failures[0].message
    assert toy.land("sales_20240101.csv", SALES).status == "landed"


def test_stubs_have_every_column_and_no_row(toy: Any) -> None:
    written = write_stubs(toy.home, toy.contracts)
    assert len(written) == 3 + 2
    assert write_stubs(toy.home, toy.contracts) == []
    stub = toy.home.lake / "toy" / "people" / "load_date=1900-01-01" / "_stub.parquet"
    assert pq.read_metadata(stub).num_rows == 0
    schema = pq.read_schema(stub)
    assert schema.names == [
        "person_id",
        "name",
        "homes",
        "is_vip",
        "score",
        "_load_id",
        "_row_number",
        "_extracted_at",
        "_loaded_at",
    ]
    assert str(schema.field("homes").type) == ("list<element: struct<city: string, since: string>>")
    assert toy.rows("people") == []
    assert toy.rejects() == []


def test_stub_follows_the_contract(toy: Any) -> None:
    write_stubs(toy.home, toy.contracts)
    stub = toy.home.lake / "toy" / "people" / "load_date=1900-01-01" / "_stub.parquet"
    pq.write_table(pq.read_table(stub, partitioning=None).drop(["score"]), stub)
    assert write_stubs(toy.home, toy.contracts) == [stub]
    assert "score" in pq.read_schema(stub).names
