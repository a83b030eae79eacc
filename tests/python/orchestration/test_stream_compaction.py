"""The stream compacts a day that is over, between batches, and no batch waits for its errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.contracts import load_contracts
from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from ingest.landing.records import read_records
from orchestration.commands import stream as command
from orchestration.lib import stream as streaming
from orchestration.lib.stream import Stream


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose builds and publishes do nothing."""
    home = Home(tmp_path)
    home.warehouse.mkdir()
    home.warehouse_file.touch()
    published = SimpleNamespace(publish_id="p")
    events = SimpleNamespace(build=lambda pending: None, manifest={})
    monkeypatch.setattr(streaming, "read_publish_record", lambda home: {"publish_id": "p"})
    monkeypatch.setattr(streaming, "_extracted_since_publish", lambda home: [])
    monkeypatch.setattr(streaming, "EventBuild", lambda home: events)
    monkeypatch.setattr(streaming, "publish", lambda *_, **__: published)
    return home


def seal(home: Home, day: int, count: int) -> None:
    folder = home.segments / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        name = f"events_{day}{number}_202603{day:02}T0600{number:02}Z.ndjson"
        (folder / name).write_text(f'{{"event_id": "E{day}-{number}"}}\n')


def locked(*_: Any, **__: Any) -> Any:
    raise LockedError("Another holds it.", "Wait.")


def test_a_day_is_compacted_once_a_later_one_begins(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(home, load_contracts())
    assert stream.compact() is None  # at the start
    seal(home, 1, 10)
    assert stream.batch() is not None
    assert stream.compact() is None
    seal(home, 2, 10)
    seal(home, 3, 1)
    records = None
    for day in (1, 2):
        batch = stream.batch()
        assert (batch is None) == (day == 2)
        records = records or read_records(home)
        with monkeypatch.context() as held:
            held.setattr(streaming, "warehouse_lock", locked)
            with pytest.raises(LockedError):
                stream.compact()
        done = stream.compact()
        assert done is not None
        assert (done.entity, done.day.day, done.loads, done.rows) == ("events", day, 10, 10)
    assert stream.compact() is None
    assert read_records(home) == records
    looks: list[Home] = []

    def look(home: Home, _: Any) -> Iterator[Any]:
        looks.append(home)
        return iter(())

    monkeypatch.setattr(streaming, "compact", look)
    monkeypatch.setattr(streaming, "MOST_OF_LATEST", 2)
    for count, expected in ((3, 0), (5, 1)):  # two of them new, then four since it looked
        seal(home, 3, count)
        stream.batch()
        assert stream.compact() is None
        assert len(looks) == expected


def test_an_error_is_told_once_a_day_and_stops_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts: list[str] = []

    def failing(*_: Any) -> Any:
        raise StorehouseError("A lake file is damaged.", "Mend it.")

    monkeypatch.setattr(streaming, "compact", failing)
    monkeypatch.setattr("orchestration.lib.alerts.alert", lambda what, text: alerts.append(text))
    stream = Stream(home, load_contracts())
    for _ in range(3):
        command._compact(stream, home)
    assert alerts == ["A lake file is damaged. Mend it."]
    seal(home, 1, 1)
    stream.batch()
    command._compact(stream, home)
    assert len(alerts) == 2
