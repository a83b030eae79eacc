"""Accepted means on disk: when flushes are slow or fail, when the disk is full, after a crash."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.collector.limits import Limits
from ingest.collector.segments import Segment, recover, sealed_name
from ingest.collector.writer import GroupWriter
from ingest.contracts import Contracts
from ingest.errors import RequestRefusedError
from ingest.home import Home
from ingest.landing import land_paths

EVENTS = ("web", "events")


class Deaf:
    """Is told what the disk did, and does not listen."""

    def synced(self, seconds: float, size: int) -> None: ...

    def failed(self) -> None: ...

    def sealed(self, count: int) -> None: ...


class Flushes:
    """Stands in for os.fsync: counts those of files, can hold them up or fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.files = 0
        self.may_pass = threading.Event()
        self.may_pass.set()
        self.error: OSError | None = None
        self._real = os.fsync
        patch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            self.may_pass.wait(10)
            self.files += 1
            if self.error:
                raise self.error
        self._real(descriptor)


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> Flushes:
    return Flushes(monkeypatch)


def lines_in(folder: Path) -> list[bytes]:
    """The lines of every segment, hidden ones too."""
    return [line for file in sorted(folder.glob("*")) for line in file.read_bytes().splitlines()]


def wait_for(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_nobody_is_told_before_the_flush_and_one_flush_serves_all(
    tmp_path: Path, flushes: Flushes
) -> None:
    async def scenario() -> None:
        writer = GroupWriter(tmp_path, Limits(), Deaf())
        writer.start()
        flushes.may_pass.clear()
        first = asyncio.create_task(writer.append(EVENTS, b"0\n"))
        await asyncio.sleep(0.05)
        assert lines_in(tmp_path / "web") == [b"0"]  # written, held up while it is flushed
        others = [
            asyncio.create_task(writer.append(EVENTS, b"%d\n" % number)) for number in range(1, 50)
        ]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in [first, *others])
        flushes.may_pass.set()
        await asyncio.gather(first, *others)
        assert flushes.files == 2
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert lines_in(tmp_path / "web") == [b"%d" % number for number in range(50)]


def test_a_failed_flush_is_a_503_and_takes_nothing_that_was_accepted(
    web: Any, flushes: Flushes
) -> None:
    assert web.post({"event_id": "before"}).status_code == 202
    flushes.error = OSError(errno.EIO, "Input/output error")
    refused = web.post({"event_id": "refused"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert web.client.get("/health").status_code == 503
    flushes.error = None
    assert web.post({"event_id": "after"}).status_code == 202
    assert web.client.get("/health").status_code == 200
    web.stop()
    assert sorted(web.lines()) == [b'{"event_id": "after"}', b'{"event_id": "before"}']
    assert b"refused" not in b"".join(lines_in(web.home.segments / "web"))


def test_a_full_disk_cuts_what_was_half_written(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert web.post({"event_id": "before"}).status_code == 202
    real = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    assert web.post([{"event_id": "x" * 50}, {"event_id": "y" * 50}]).status_code == 503
    monkeypatch.undo()
    assert web.post({"event_id": "after"}).status_code == 202
    web.stop()
    found = [json.loads(line)["event_id"] for line in lines_in(web.home.segments / "web")]
    assert sorted(found) == ["after", "before"]


def test_a_segment_that_cannot_be_cut_is_not_written_again_and_sealed_later(
    web: Any, flushes: Flushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert web.post({"event_id": "before"}).status_code == 202
    flushes.error = OSError(errno.EIO, "Input/output error")

    def refuse(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        assert web.post({"event_id": "refused"}).status_code == 503
        flushes.error = None
        assert web.post({"event_id": "after"}).status_code == 202
        assert len(list((web.home.segments / "web").glob(".*.part"))) == 2
    web.stop()
    assert sorted(web.lines()) == [b'{"event_id": "after"}', b'{"event_id": "before"}']


def test_what_waits_for_the_disk_is_bounded(start: Callable[..., Any], flushes: Flushes) -> None:
    web = start(waiting_records=5, records=5)
    flushes.may_pass.clear()
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda n=n: answers.append(web.post([{"event_id": f"{n}-{i}"} for i in "ab"]))
        )
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: web.collector.waiting.records == 4)
    refused = web.post([{"event_id": "1"}, {"event_id": "2"}])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    flushes.may_pass.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202, 202]
    assert (web.collector.waiting.records, web.collector.waiting.bytes) == (0, 0)
    assert web.post([{"event_id": "1"}, {"event_id": "2"}]).status_code == 202


def test_bytes_that_are_being_read_are_bounded(start: Callable[..., Any]) -> None:
    web = start(waiting_bytes=1_000, body_bytes=1_000)
    with web.collector.waiting.enter() as held:
        held.add_bytes(990)
        assert web.post({"event_id": "1"}).status_code == 429
    assert web.post({"event_id": "1"}).status_code == 202


def test_segments_are_sealed_when_they_are_old_or_large(start: Callable[..., Any]) -> None:
    web = start(seal_seconds=0.2, seal_bytes=100)
    web.post({"event_id": "a" * 100})
    wait_for(web.lines)
    web.post({"event_id": "b"})
    assert len(web.lines()) == 1
    wait_for(lambda: len(web.lines()) == 2)
    for file in (web.home.segments / "web").iterdir():
        assert re.fullmatch(r"events_0[0-9a-f]{16}_\d{8}T\d{6}Z\.ndjson", file.name)


def test_sealed_segments_land_under_the_time_they_were_sealed(
    web: Any, contracts: Contracts
) -> None:
    web.post([{"event_id": "1", "value": 1.10}, {"EventID": 2}])
    web.post({"event_id": "t", "occurred_at": "2025-06-01"}, source="till")
    web.stop()
    for source, rows in (("web", 2), ("till", 1)):
        [outcome] = land_paths(web.home, contracts, source, web.home.segments / source)
        assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", rows, 0)
        assert not any("extract time" in note for note in outcome.notes)


def test_a_writer_that_ends_by_a_fault_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(self: Segment, data: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Segment, "append", fault)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)

    async def scenario() -> None:
        writer = GroupWriter(tmp_path, Limits(), Deaf())
        writer.start()
        for _ in range(2):
            with pytest.raises(RequestRefusedError) as refused:
                await asyncio.wait_for(writer.append(EVENTS, b"0\n"), 5)
            assert refused.value.status == 503
        writer.close()

    asyncio.run(scenario())


def crashed(zone: Path, content: bytes) -> Path:
    """A segment as a process leaves it that dies: written, the lock free."""
    segment = Segment.create(zone / "web", "events")
    os.write(segment.descriptor, content)
    os.close(segment.descriptor)
    return segment.path


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b'{"a":1}\n{"a":2}\n', b'{"a":1}\n{"a":2}\n'),
        (b'{"a":1}\n{"a":', b'{"a":1}\n'),
        (b'{"a":1}\n' + b"x" * 200_000, b'{"a":1}\n'),
        (b'{"a":', None),
        (b"", None),
    ],
)
def test_a_start_seals_the_whole_lines_of_a_crash(
    start: Callable[..., Any], content: bytes, left: bytes | None
) -> None:
    web = start()
    path = crashed(web.home.segments, content)
    start()
    assert not path.exists()
    found = [file.read_bytes() for file in path.parent.iterdir()]
    assert found == ([left] if left else [])


def test_what_somebody_else_writes_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "web" / ".events_topic-0-17.ndjson.part"
    other.parent.mkdir()
    other.write_bytes(b'{"a":1}\n')
    assert recover(tmp_path) == []
    assert other.exists()


def test_a_segment_in_use_is_left_alone(tmp_path: Path) -> None:
    mine = Segment.create(tmp_path / "web", "events")
    mine.append(b"1\n")
    os.write(mine.descriptor, b"half a li")
    assert recover(tmp_path) == []
    mine.append(b"ne\n")
    assert mine.path.read_bytes() == b"1\nhalf a line\n"


def test_a_new_segment_that_another_one_takes_for_left_behind_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    taken: list[Any] = []

    def opened(path: Any, *args: Any) -> int:
        descriptor = real(path, *args)
        if str(path).endswith(".part") and len(taken) < 2:
            taken.append(path)
            if len(taken) == 1:
                recover(tmp_path)  # finds it empty and unlocked, between its opening and its lock
        return descriptor

    monkeypatch.setattr(os, "open", opened)
    segment = Segment.create(tmp_path / "web", "events")
    segment.append(b"1\n")
    assert segment.path.read_bytes() == b"1\n"
    assert segment.path != taken[0]


def test_a_seal_whose_folder_is_not_flushed_is_done_again_without_a_second_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment.create(tmp_path / "web", "events")
    segment.append(b"1\n")

    def refuse(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("ingest.collector.segments.fsync_path", refuse)
        with pytest.raises(OSError, match="Input/output"):
            segment.seal()
    [seen] = tmp_path.glob("web/*")
    assert segment.seal() == seen
    assert list(tmp_path.glob("web/*")) == [seen]


def test_a_sealed_name_starts_with_the_stem_and_ends_with_the_time() -> None:
    name = sealed_name(".events_00123456789abcdef.collector.part")
    assert re.fullmatch(r"events_00123456789abcdef_\d{8}T\d{6}Z\.ndjson", name)
    assert sealed_name(name) == name


def test_a_home_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.segments.write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        GroupWriter(home.segments, Limits(), Deaf()).start()
