"""Versions, the champion and the way back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml.errors import ModelError
from ml.frame.registry import URI_VARIABLE, Registry


def add(registry: Registry, tmp_path: Path, content: str = "trees") -> int:
    artefacts = tmp_path / "artefacts"
    artefacts.mkdir()
    (artefacts / "booster.txt").write_text(content)
    return registry.register("toy", artefacts, {"depth": 3}, {"auc": 0.7}, {"as_of": "2025-01-01"})


def test_versions_are_numbered_and_keep_what_they_are_made_of(
    registry: Registry, tmp_path: Path
) -> None:
    assert registry.versions("toy") == []
    assert registry.champion("toy") is None
    assert [add(registry, tmp_path, text) for text in ("one", "two")] == [1, 2]
    found = registry.versions("toy")
    assert [(v.number, v.is_champion, dict(v.metrics), dict(v.tags)) for v in found] == [
        (1, False, {"auc": 0.7}, {"as_of": "2025-01-01"}),
        (2, False, {"auc": 0.7}, {"as_of": "2025-01-01"}),
    ]
    assert (registry.artefacts("toy", 2) / "booster.txt").read_text() == "two"


def test_rollback_goes_back_through_what_served_and_ends_at_the_baseline(
    registry: Registry, tmp_path: Path
) -> None:
    for _ in range(3):
        add(registry, tmp_path)
    registry.promote("toy", 1)
    registry.promote("toy", 3)
    assert registry.champion("toy") == 3
    assert [v.is_champion for v in registry.versions("toy")] == [False, False, True]
    assert registry.rollback("toy") == 1
    assert registry.champion("toy") == 1
    assert registry.rollback("toy") is None
    assert registry.champion("toy") is None
    with pytest.raises(ModelError, match="the baseline does"):
        registry.rollback("toy")


def test_what_serves_already_and_is_promoted_again_counts_once(
    registry: Registry, tmp_path: Path
) -> None:
    for number in (1, 2):
        add(registry, tmp_path)
        registry.promote("toy", number)
    registry.promote("toy", 2)
    assert registry.rollback("toy") == 1


def test_a_rollback_after_a_rollback_does_not_return_to_what_was_undone(
    registry: Registry, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        add(registry, tmp_path)
        registry.promote("toy", number)
    registry.rollback("toy")
    registry.promote("toy", 3)
    assert registry.rollback("toy") == 2


def test_what_is_not_there_is_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no toy v1"):
        registry.promote("toy", 1)
    add(registry, tmp_path)
    (registry.folder("toy", 1)).rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="artefacts of toy v1 are not in"):
        registry.artefacts("toy", 1)


def test_a_tracking_server_of_ones_own_keeps_the_artefacts(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = shutil.copytree(empty_store, tmp_path / "server")
    monkeypatch.setenv(URI_VARIABLE, f"sqlite:///{server}/mlflow.db")
    monkeypatch.chdir(tmp_path)  # a server without a place of its own writes beside itself
    here = Registry(tmp_path / "here")
    number = add(here, tmp_path, "shared")
    here.promote("toy", number)
    there = Registry(tmp_path / "there")
    assert there.champion("toy") == number
    assert (there.artefacts("toy", number) / "booster.txt").read_text() == "shared"
    assert not (tmp_path / "here" / "mlflow.db").exists()


def test_a_store_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, "nonsense://nowhere")
    with pytest.raises(ModelError, match=URI_VARIABLE):
        Registry(tmp_path).versions("toy")


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"x" * 5_000)
    with pytest.raises(ModelError, match="The MLflow store could not be"):
        Registry(tmp_path).versions("toy")
