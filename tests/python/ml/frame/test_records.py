"""Small files beside the models: what a killed run leaves of them stops no other."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from ml.frame.records import STUB, write_rows, write_stub

SCHEMA = {"name": pl.String, "value": pl.Int32}


def test_a_stub_that_is_damaged_or_of_other_columns_is_written_anew(tmp_path: Path) -> None:
    for content in (None, b"", b"PAR1x"):
        if content is not None:
            (tmp_path / STUB).write_bytes(content)
        write_stub(tmp_path, SCHEMA)
        assert dict(pl.read_parquet(tmp_path / STUB).schema) == SCHEMA
    write_stub(tmp_path, {**SCHEMA, "more": pl.Date})
    assert pl.read_parquet(tmp_path / STUB).columns == ["name", "value", "more"]


def test_what_a_killed_run_half_wrote_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pl.DataFrame({"name": ["a"], "value": [1]})
    write_rows(tmp_path, "first", rows, SCHEMA)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)
        write_rows(tmp_path, "second", rows, SCHEMA)
    assert len(list(tmp_path.iterdir())) == 2
    with duckdb.connect() as connection:  # as dbt reads them
        found = connection.execute(f"select name from read_parquet('{tmp_path}/*.parquet')")
        assert found.fetchall() == [("a",)]
