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
    registry.mark_complete("toy", 1)
    found = registry.versions("toy")
    assert [(v.number, v.is_champion, v.is_complete, dict(v.metrics)) for v in found] == [
        (1, False, True, {"auc": 0.7}),
        (2, False, False, {"auc": 0.7}),
    ]
    assert [v.tags["as_of"] for v in found] == ["2025-01-01"] * 2
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
    with pytest.raises(ModelError, match=r"files of toy v1 in .* are gone"):
        registry.artefacts("toy", 1)


@pytest.mark.parametrize("change", ["cut", "altered", "renamed", "added"])
def test_files_that_are_not_those_of_the_version_are_not_read(
    registry: Registry, tmp_path: Path, change: str
) -> None:
    add(registry, tmp_path)
    file = registry.artefacts("toy", 1) / "booster.txt"
    file.with_name(".hidden").write_text("")
    assert registry.artefacts("toy", 1) == file.parent
    match change:
        case "cut":
            file.write_text("tre")
        case "altered":
            file.write_text("treez")
        case "renamed":
            file.rename(file.with_name("trees.txt"))
        case "added":
            file.with_name("more.txt").write_text("")
    with pytest.raises(ModelError, match="were changed or are not all there"):
        registry.artefacts("toy", 1)


def test_stores_that_share_a_folder_read_each_its_own_files(
    empty_store: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(registry, tmp_path, "of the home")
    other = shutil.copytree(empty_store, tmp_path / "other")
    monkeypatch.setenv(URI_VARIABLE, f"sqlite:///{other}/mlflow.db")
    server = Registry(registry.models)
    add(server, tmp_path, "of the server")
    for store, content in ((registry, "of the home"), (server, "of the server")):
        assert (store.artefacts("toy", 1) / "booster.txt").read_text() == content
    shutil.rmtree(registry.folder("toy", 1))  # of the server, which has them too
    half = registry.folder("toy", 1)
    half.mkdir()
    assert (server.artefacts("toy", 1) / "booster.txt").read_text() == "of the server"


def test_a_uri_that_is_empty_is_none(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(URI_VARIABLE, "")
    assert add(Registry(registry.models), tmp_path) == 1
    assert [version.number for version in registry.versions("toy")] == [1]
    assert not (tmp_path / "mlflow.db").exists()


def test_what_a_killed_training_left_of_the_store_stops_no_other(
    registry: Registry, tmp_path: Path
) -> None:
    registry._client.create_registered_model("toy")  # and no experiment
    assert add(registry, tmp_path) == 1
    experiment = registry._client.get_experiment_by_name("storehouse/toy")
    assert experiment is not None
    registry._client.delete_experiment(experiment.experiment_id)
    assert add(registry, tmp_path) == 2
    for version in registry.versions("toy"):
        registry._client.delete_model_version("toy", str(version.number))
    registry._client.delete_registered_model("toy")
    assert add(registry, tmp_path) == 1


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
