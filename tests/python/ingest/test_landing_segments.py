"""Segments, what collector and consumer took in, are landed and leave their zone in any case."""

from __future__ import annotations

from pathlib import Path

from ingest.contracts import load_contracts
from ingest.home import Home
from ingest.landing import land_paths
from orchestration.lib.stream import has_segments, land_segments

GOOD = '{"event_id": "e1", "event_type": "page_view", "occurred_at": "2025-06-01T10:00:00Z"}\n'


def segment(home: Home, name: str, content: str) -> Path:
    folder = home.segments / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return file


def test_a_landed_segment_leaves_its_bytes_in_raw_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    file = segment(home, "events_01_20250601T100002Z.ndjson", GOOD)
    hidden = segment(home, ".events_02.part", GOOD)
    (outcome,) = land_paths(home, load_contracts())
    assert (outcome.status, outcome.rows, f"{outcome.extracted_at}") == (
        "landed",
        1,
        "2025-06-01 10:00:02",
    )
    assert not file.exists() and hidden.exists()
    (raw,) = home.raw.rglob(file.name)
    assert raw.read_text(encoding="utf-8") == GOOD
    segment(home, file.name, GOOD)  # as after a crash between landing and removal
    (again,) = land_paths(home, load_contracts())
    assert again.status == "already landed" and not file.exists()


def test_one_unreadable_line_does_not_keep_the_others_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    twice = '{"event_id": "e2", "Event-ID": "e3", "event_type": "search"}\n'
    segment(home, "events_01_20250601T100002Z.ndjson", GOOD + twice + "broken\n")
    (outcome,) = land_paths(home, load_contracts())
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", 1, 2)
    assert "both stand for event_id" in outcome.first_reject


def test_a_segment_of_nothing_but_unreadable_lines_is_a_load_of_rejects(tmp_path: Path) -> None:
    home = Home(tmp_path)
    segment(home, "events_01_20250601T100002Z.ndjson", "broken\nbroken too\n")
    (outcome,) = land_paths(home, load_contracts())
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", 0, 2)


def test_a_refused_segment_is_put_aside_and_told_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    segment(home, "orders_01_20250601T100002Z.ndjson", '{"order_id": "O1"}\n')
    (outcome,) = land_paths(home, load_contracts())
    assert outcome.status == "refused"
    assert f"It lies in {outcome.path}" in outcome.remedy
    assert outcome.path.read_text(encoding="utf-8") == '{"order_id": "O1"}\n'
    assert land_paths(home, load_contracts()) == []


def test_what_was_put_aside_does_not_wait(tmp_path: Path) -> None:
    home = Home(tmp_path)
    segment(home, "orders_01_20250601T100002Z.ndjson", '{"order_id": "O1"}\n')
    assert has_segments(home, "shop")
    (outcome,) = land_segments(home, load_contracts())
    assert outcome.status == "refused" and outcome.path.exists()
    assert not any(has_segments(home, source) for source in load_contracts())
    assert land_segments(home, load_contracts()) == []
