"""The file of scores: its contract, its times, and what a mishap leaves behind."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from ml.errors import ModelError
from ml.frame import scores
from ml.frame.scores import FILE_NAME, read_scores, score_times, write_scores, write_stub

CONTRACT = {"day": pl.Date, "name": pl.String, "value": pl.Float64}
KEY = ("day", "name")
READ_AT = datetime(2025, 1, 1, 12)


def rows(value: float = 1.0) -> pl.DataFrame:
    days = [date(2025, 1, 2), date(2025, 1, 1)]
    return pl.DataFrame({"day": days, "name": "a", "value": [value, 2.0], "served_by": "mean"})


def write(folder: Path, frame: pl.DataFrame) -> None:
    write_scores(folder, frame, CONTRACT, KEY, READ_AT)


def test_scores_have_the_columns_of_their_contract_in_the_order_of_their_key(
    tmp_path: Path,
) -> None:
    write(tmp_path, rows().with_columns(pl.lit(1).alias("more")))
    found = read_scores(tmp_path)
    assert dict(found.schema) == {**CONTRACT, "served_by": pl.String}
    assert found["day"].to_list() == [date(2025, 1, 1), date(2025, 1, 2)]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rows().drop("value"), "lack the column value"),
        (pl.concat([rows(), rows(3.0)]), "repeat or lack their key"),
        (rows().with_columns(pl.lit(None, pl.String).alias("name")), "repeat or lack their key"),
    ],
)
def test_rows_that_break_the_contract_are_refused(
    tmp_path: Path, frame: pl.DataFrame, message: str
) -> None:
    write(tmp_path, rows())
    with pytest.raises(ModelError, match=message):
        write(tmp_path, frame)
    assert read_scores(tmp_path)["value"].sum() == 3


def test_the_file_says_when_its_features_were_read_and_when_it_was_made(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    write(tmp_path, rows())
    read_at, written_at = score_times(tmp_path)
    assert read_at == READ_AT
    assert written_at is not None and before <= written_at <= before + timedelta(minutes=1)


def test_a_stub_has_the_columns_and_no_times(tmp_path: Path) -> None:
    write_stub(tmp_path / "new", CONTRACT, KEY)
    assert dict(read_scores(tmp_path / "new").schema) == {**CONTRACT, "served_by": pl.String}
    assert score_times(tmp_path / "new") == (None, None)
    assert score_times(tmp_path / "nowhere") == (None, None)


def test_a_stub_replaces_scores_of_another_contract_only(tmp_path: Path) -> None:
    write(tmp_path, rows())
    write_stub(tmp_path, CONTRACT, KEY)
    assert read_scores(tmp_path).height == 2
    write_stub(tmp_path, {**CONTRACT, "more": pl.Int32}, KEY)
    assert read_scores(tmp_path).height == 0


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There are no scores in"):
        read_scores(tmp_path)
    (tmp_path / FILE_NAME).write_text("no parquet")
    for use in (
        lambda: read_scores(tmp_path),
        lambda: score_times(tmp_path),
        lambda: write_stub(tmp_path, CONTRACT, KEY),
    ):
        with pytest.raises(ModelError, match=f"{FILE_NAME} cannot be read") as found:
            use()
        assert "Move it away" in str(found.value)


@pytest.mark.parametrize("step", ["write_table", "fsync", "replace"])
def test_what_goes_wrong_while_writing_leaves_the_old_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(tmp_path, rows())
    before = (tmp_path / FILE_NAME).read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr({"write_table": pq, "fsync": os, "replace": Path}[step], step, fail)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path, rows(9.0))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_reader_never_sees_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    flush = scores._fsync

    def look(path: Path) -> None:
        seen.append(sorted(found.name for found in tmp_path.glob("*.parquet")))
        flush(path)

    monkeypatch.setattr(scores, "_fsync", look)
    write(tmp_path, rows())
    assert seen == [[], [FILE_NAME]]
