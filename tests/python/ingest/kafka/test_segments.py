"""Segment files: what is unfinished, whose it is, and where reading goes on."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import PROJECT_DIR, Home
from ingest.kafka.earlier import holds, segments_behind
from ingest.kafka.segments import Batch, SegmentFolder
from ingest.landing import land_paths
from ingest.landing.compact import compact
from ingest.landing.delivery import find_contract, name_time

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = load_contracts()["shop"]

# Opens a temporary segment as a consumer does, says so, and lives until its input ends.
HOLDER = """
import sys
from pathlib import Path
from ingest.kafka.segments import _open_locked
file = _open_locked(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def folder_in(home: Home, topic: str = "t") -> SegmentFolder:
    return SegmentFolder(home.segments / "shop", SHOP, "events", topic)


def batch(first: int, last: int) -> Batch:
    lines = [b'{"event_id":"E%d"}' % number for number in range(first, last + 1)]
    return Batch(first, last, objects=lines, others=[b"x"])


def test_unfinished_files_go_unless_their_consumer_lives(tmp_path: Path) -> None:
    folder = folder_in(Home(tmp_path))
    folder.folder.mkdir(parents=True)
    living = folder.folder / ".consume-events_t-0-a.part"
    for name in (".consume-events_t-0-b.part", ".of-the-collector.part", "events_x.ndjson"):
        (folder.folder / name).write_text("x")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(living)],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert folder.clear_dead() == 1
        assert living.exists()
        holder.kill()
    assert folder.clear_dead() == 1
    left = sorted(path.name for path in folder.folder.iterdir())
    assert left == [".of-the-collector.part", "events_x.ndjson"]


@pytest.mark.parametrize("topic", ["t", "Shop.Events_v2-eu", "odd topic/é", "x" * 249])
def test_names_tell_entity_range_and_time(tmp_path: Path, topic: str) -> None:
    folder = folder_in(Home(tmp_path), topic)
    paths = folder.write({3: batch(5, 9), 4: batch(0, 2), 5: Batch(1, 2)}, NOW)
    again = folder.write({3: batch(5, 9)}, NOW)
    assert len({*paths, *again}) == 3
    assert all(find_contract(SHOP, path).entity == "events" for path in paths)
    assert name_time(paths[0]) == NOW.replace(tzinfo=None)
    ranges = [(s.partition, s.first, s.last) for s in folder.waiting()]
    assert sorted(ranges) == [(3, 5, 9), (3, 5, 9), (4, 0, 2)]
    assert paths[1].read_bytes().splitlines()[-2:] == [b'{"event_id":"E2"}', b"x"]
    assert not list(folder.folder.glob(".*"))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_in(Home(tmp_path))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.write({0: batch(0, 3)}, NOW)
    assert list(folder.folder.iterdir()) == []


def test_a_topic_whose_files_would_be_of_another_entity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="would be taken for order_items"):
        SegmentFolder(tmp_path, SHOP, "order", "items")


def test_the_newest_segments_are_looked_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    folder = folder_in(home)
    for day, first in ((1, 0), (1, 5), (2, 10)):
        folder.write({0: batch(first, first + 4)}, NOW.replace(day=day))
    land_paths(home, load_contracts(), "shop", folder.folder)
    monkeypatch.setattr("ingest.landing.compact.MOST_LOADS", 1)
    assert len(list(compact(home, load_contracts()))) == 1
    monkeypatch.setattr("ingest.kafka.earlier._RECORDS_AT_ONCE", 1)
    found = segments_behind(home, folder, "shop", {0: 10})
    assert [(s.first, s.last) for s in found[0]] == [(10, 14)]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_segments_behind_a_position_are_found_before_and_after_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_compacted: bool
) -> None:
    home = Home(tmp_path)
    folder = folder_in(home)
    folder.write({0: batch(0, 9), 1: batch(0, 4)}, NOW)
    folder.write({0: batch(10, 19)}, NOW.replace(minute=1))
    folder.write({1: batch(0, 4)}, NOW.replace(day=2))
    land_paths(home, load_contracts(), "shop", folder.folder)
    if is_compacted:
        monkeypatch.setattr("ingest.landing.compact.MOST_LOADS", 1)
        assert [done.loads for done in compact(home, load_contracts())] == [3]
    folder.write({0: batch(20, 29)}, NOW.replace(minute=2))

    found = segments_behind(home, folder, "shop", {0: 10, 1: 5, 2: 0})
    assert [(s.first, s.last) for s in found[0]] == [(20, 29), (10, 19)]
    assert found[1] == found[2] == []
    newer, older = found[0]
    assert newer.path.is_file()
    assert older.path.is_file() is not is_compacted
    assert holds(home, older, [b'{"event_id":"E10"}', b'{"event_id":"E19"}'])
    assert not holds(home, older, [b'{"event_id":"E20"}'])
