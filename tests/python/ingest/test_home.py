"""The home: absolute, from the environment, its zones in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import ConfigError
from ingest.home import Home


def test_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path / "a" / ".." / "b"))
    assert Home.from_env().root == tmp_path / "b"


@pytest.mark.parametrize("value", [None, ""])
def test_home_is_data_in_the_project_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setattr("ingest.home.PROJECT_DIR", tmp_path)
    monkeypatch.delenv("STOREHOUSE_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("STOREHOUSE_HOME", value)
    home = Home.from_env()
    assert home.root == tmp_path / "data"
    assert not home.root.exists()
    monkeypatch.chdir("/")
    assert Home.from_env().lake == tmp_path / "data" / "lake"


@pytest.mark.parametrize("inside", ["models", "seeds/data", "."])
def test_a_folder_that_dbt_reads_cannot_be_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    monkeypatch.setattr("ingest.home.PROJECT_DIR", tmp_path)
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path / inside))
    with pytest.raises(ConfigError, match="dbt reads the project from"):
        Home.from_env()


@pytest.mark.parametrize("name", ["o'clock", "a\\b", "a[1]", "b{c}", "50%", "#1", "why?"])
def test_a_path_that_dbt_would_misread_cannot_be_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path / name))
    with pytest.raises(ConfigError, match="in its path"):
        Home.from_env()


def test_a_file_cannot_be_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="is not a folder"):
        Home.from_env()


def test_zones_are_apart() -> None:
    home = Home(Path("/h"))
    zones = [
        home.extracts,
        home.raw,
        home.lake,
        home.warehouse,
        home.scores,
        home.runs,
        home.models,
        home.published,
        home.truth,
        home.secrets,
        home.locks,
    ]
    assert len({zone.relative_to("/h").parts[0] for zone in zones}) == len(zones)
    assert home.warehouse_file == Path("/h/warehouse/storehouse.duckdb")
    assert home.published_file == Path("/h/published/storehouse.duckdb")
