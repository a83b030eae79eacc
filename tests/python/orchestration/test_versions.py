"""Older versions of the published file: listed, checked, and put back in one rename."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from small_project import SmallProject

from ingest.errors import StorehouseError
from orchestration.lib.publish import publish, read_publish_record
from orchestration.lib.versions import kept_versions, rollback, rollbacks, rolled_back

Storehouse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def three(working: SmallProject) -> tuple[SmallProject, list[str]]:
    """A home with three versions, the first with 1,000 orders, the others with one less each."""
    ids = []
    for last in (1000, 999, 998):
        with duckdb.connect(str(working.home.warehouse_file)) as connection:
            connection.execute("delete from core.fact_orders where order_id >= ?", [last])
        ids.append(publish(working.home, working.manifest).publish_id)
    return working, ids


def served(project: SmallProject) -> tuple[str, int]:
    with duckdb.connect(str(project.home.published_file), read_only=True) as connection:
        ((publish_id,),) = connection.execute("select publish_id from ops.publish").fetchall()
        ((rows,),) = connection.execute("select count(*) from core.fact_orders").fetchall()
    return publish_id, rows


def test_the_latest_is_listed_first_and_is_served(three: tuple[SmallProject, list[str]]) -> None:
    project, ids = three
    found = kept_versions(project.home)
    assert [version.publish_id for version in found] == ids[::-1]
    assert [version.is_served for version in found] == [True, False, False]
    assert [version.rows - found[-1].rows for version in found] == [-2, -1, 0]


def test_rolls_back_one_version_and_another(three: tuple[SmallProject, list[str]]) -> None:
    project, ids = three
    rollback(project.home)
    assert served(project) == (ids[1], 999)
    rollback(project.home)
    assert served(project) == (ids[0], 1000)
    assert not project.home.published_file.stat().st_mode & 0o222
    done = [(entry.publish_id, entry.instead_of) for entry in rollbacks(project.home)]
    assert done == [(ids[1], ids[2]), (ids[0], ids[1])]
    assert rolled_back(project.home, ids[0]) is not None
    with pytest.raises(StorehouseError, match="No kept version is older"):
        rollback(project.home)
    rollback(project.home, ids[2])
    assert served(project) == (ids[2], 998)
    assert rolled_back(project.home, ids[2]) is None  # the latest is no rollback


def test_the_next_publish_is_as_usual_and_keeps_what_was_served(
    three: tuple[SmallProject, list[str]],
) -> None:
    project, ids = three
    rollback(project.home, ids[0])
    last = publish(project.home, project.manifest).publish_id
    assert served(project) == (last, 998)
    assert rolled_back(project.home, last) is None
    assert {version.publish_id for version in kept_versions(project.home)} == {
        ids[0],
        ids[2],
        last,
    }


def test_a_reader_keeps_what_it_opened(three: tuple[SmallProject, list[str]]) -> None:
    project, ids = three
    with duckdb.connect(str(project.home.published_file), read_only=True) as reader:
        rollback(project.home)
        assert reader.execute("select publish_id from ops.publish").fetchall() == [(ids[2],)]


def damage_rows(file: Path) -> None:
    file.chmod(0o644)
    with duckdb.connect(str(file)) as connection:
        connection.execute("update core.fact_orders set amount = 0 where order_id = 5")


def damage_table(file: Path) -> None:
    file.chmod(0o644)
    with duckdb.connect(str(file)) as connection:
        connection.execute("drop table insights.flags")


def another(file: Path) -> None:
    file.unlink()
    shutil.copyfile(max(file.parent.glob("*.duckdb")), file)


def damage_bytes(file: Path) -> None:
    file.unlink()
    file.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (damage_rows, "core.fact_orders is not as it was published"),
        (damage_table, "insights.flags is missing"),
        (another, "it says it is another one"),
        (damage_bytes, "not a valid DuckDB database file"),
        (lambda file: file.with_suffix(".json").write_text("{"), "its record cannot be read"),
    ],
)
def test_a_damaged_version_is_not_served(
    three: tuple[SmallProject, list[str]], damage: Callable[[Path], object], told: str
) -> None:
    project, ids = three
    file = project.home.published / "versions" / f"{ids[1]}.duckdb"
    damage(file)
    with pytest.raises(StorehouseError, match=told):
        rollback(project.home, ids[1])
    assert served(project) == (ids[2], 998)
    assert rollbacks(project.home) == []
    assert len(kept_versions(project.home)) == 3


def test_under_another_duckdb_rows_are_counted_alone(
    three: tuple[SmallProject, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, ids = three
    damage_rows(project.home.published / "versions" / f"{ids[1]}.duckdb")
    monkeypatch.setattr(duckdb, "__version__", "9.9")
    assert rollback(project.home, ids[1]).publish_id == ids[1]


def test_a_damaged_served_file_is_replaced(three: tuple[SmallProject, list[str]]) -> None:
    project, ids = three
    project.home.published_file.unlink()
    project.home.published_file.write_bytes(b"no database" * 1000)
    assert rollback(project.home).publish_id == ids[2]
    assert served(project) == (ids[2], 998)


def test_unknown_and_served_versions_are_said(three: tuple[SmallProject, list[str]]) -> None:
    project, ids = three
    with pytest.raises(StorehouseError, match=f"There is no version 2020.*{ids[0]}"):
        rollback(project.home, "2020")
    with pytest.raises(StorehouseError, match="is served already"):
        rollback(project.home, ids[2])


def test_a_home_without_versions_says_so(small: SmallProject) -> None:
    assert kept_versions(small.home) == []
    with pytest.raises(StorehouseError, match="nothing was published yet"):
        rollback(small.home)


def test_the_commands_list_roll_back_and_say_it_in_the_status(
    three: tuple[SmallProject, list[str]], storehouse: Storehouse
) -> None:
    project, ids = three
    listed = storehouse(project.home, "admin", "versions")
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in ids)
    done = storehouse(project.home, "admin", "rollback")
    assert f"Served now: {ids[1]}" in done.stdout
    record = read_publish_record(project.home)
    assert record is not None and record["publish_id"] == ids[1]
    status = storehouse(project.home, "status").stdout
    assert f"  {ids[1]} at " in status
    assert f"instead of {ids[2]}." in status
    wrong = storehouse(project.home, "admin", "rollback", "2020")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
