"""A registry for each test; making the tables of its store takes seconds, so they are copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from toy import write_warehouse

from ml.frame.registry import URI_VARIABLE, Registry


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    Registry(folder)
    return folder


@pytest.fixture
def registry(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    return Registry(Path(shutil.copytree(empty_store, tmp_path / "models")))


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return write_warehouse(tmp_path / "warehouse.duckdb")
