"""`storehouse models` on the demo: who serves, a new candidate, and the way back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from dagster import SensorResult, build_sensor_context
from rich.console import Console
from typer.testing import CliRunner

from ingest.home import HOME_VARIABLE, Home
from ml.errors import ModelError
from ml.frame.card import CARD
from ml.frame.registry import Registry, files_digest
from ml.frame.scores import read_scores
from ml.models import MODELS, model_named
from orchestration.cli import app
from orchestration.defs.automation import retrain
from orchestration.lib.feature_sql import find_table_leaks, leaking_features
from orchestration.lib.grain import relation, table_keys
from orchestration.lib.model_runs import (
    promote_version,
    reason_to_train,
    roll_back,
    score_model,
    train_model,
    versions_to_compare,
)
from orchestration.lib.project import published_models, read_manifest
from tests.python.conftest import run_storehouse

DEMAND = "demand_forecast"


def decisions(home: Home) -> list[tuple[str, str, int | None, str]]:
    frame = pl.read_parquet(home.models / "decisions" / "*.parquet").sort("decided_at")
    return frame.select("model", "action", "version", "served_by").rows()


def test_the_demo_trains_what_it_can_and_names_who_serves(demo_home: Home) -> None:
    said = run_storehouse(demo_home, "models", "list", COLUMNS="")  # as into a file
    assert said.returncode == 0, said.stderr
    assert "…" not in said.stdout
    rows = {line.split()[0]: line.split()[1:] for line in said.stdout.splitlines()[1:] if line}
    assert rows[DEMAND][:3] == ["v1", "yes", "passed"]
    assert rows["payment_anomaly"] == ["rules", "yes"]
    assert rows["price_recommendation"] == ["hold", "yes"]
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        served = connection.execute(
            "select model, served_by, reason from ops.model_decisions order by model"
        ).fetchall()
        by_insight = [
            sorted(
                by
                for (by,) in connection.execute(
                    f"select distinct served_by from insights.{table}"
                ).fetchall()
            )
            for table in ("ml_demand_forecast", "ml_anomaly_detection", "ml_price_recommendation")
        ]
    assert [(model, by) for model, by, _ in served] == [
        (DEMAND, "demand v1"),
        ("payment_anomaly", "rules"),
        ("price_recommendation", "hold"),
    ]
    assert by_insight == [["demand v1"], ["rules"], ["hold"]]
    assert all("at least" in reason for model, _, reason in served if model != DEMAND)


def test_a_version_is_trained_compared_and_taken_back(demo_copy: Home) -> None:
    trained = run_storehouse(demo_copy, "models", "train", DEMAND)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert f"{DEMAND} v2: serves: all checks passed" in trained.stdout
    card = Registry(demo_copy.models).folder(DEMAND, 2) / CARD
    assert card.exists() and f"card: {card}" in trained.stdout
    compared = run_storehouse(demo_copy, "models", "compare", DEMAND, "v2")
    assert "shop_wape" in compared.stdout and compared.stdout.split()[:2] == ["v2", "v1"]
    one, two = Registry(demo_copy.models).versions(DEMAND)
    assert one.tags["data_hash"] == two.tags["data_hash"]
    assert one.metrics == two.metrics  # the same rows and seed
    first, second = (
        {file.name: file.read_bytes() for file in (folder / "shop").iterdir()}
        for folder in (Registry(demo_copy.models).folder(DEMAND, n) for n in (1, 2))
    )
    assert "model.json" in first and first == second

    assert roll_back(demo_copy, DEMAND) == ("demand v1", None)
    score_model(demo_copy, model_named(DEMAND))
    folder = demo_copy.scores / DEMAND
    assert read_scores(folder)["served_by"].unique().to_list() == ["demand v1"]
    assert roll_back(demo_copy, DEMAND) == ("seasonal_naive", None)
    score_model(demo_copy, model_named(DEMAND))
    assert read_scores(folder)["served_by"].unique().to_list() == ["seasonal_naive"]
    promoted = run_storehouse(demo_copy, "models", "promote", DEMAND, "v2")
    assert promoted.returncode == 0, promoted.stderr
    assert [line[1:] for line in decisions(demo_copy) if line[0] == DEMAND] == [
        ("trained", 1, "demand v1"),
        ("trained", 2, "demand v2"),
        ("rolled_back", 2, "demand v1"),
        ("rolled_back", 1, "seasonal_naive"),
        ("promoted", 2, "demand v2"),
    ]


def test_a_version_that_is_none_is_said(demo_home: Home) -> None:
    said = run_storehouse(demo_home, "models", "promote", DEMAND, "second")
    assert said.returncode == 2 and "models list" in said.stderr


def test_nothing_is_trained_that_is_not_due(demo_copy: Home) -> None:
    trained = train_model(demo_copy, model_named(DEMAND), force=False)
    assert (trained.version, trained.reason) == (None, "no training is due")


def test_a_refused_version_serves_only_by_force(demo_copy: Home) -> None:
    registry = Registry(demo_copy.models)
    artefacts = demo_copy.models / "made_by_hand"
    shutil.copytree(registry.folder(DEMAND, 1), artefacts)
    tags = {**registry.versions(DEMAND)[0].tags, "gate": "refused"}
    registry.register(DEMAND, artefacts, {}, {}, tags)
    with pytest.raises(ModelError, match="The gate refused demand_forecast v2"):
        promote_version(demo_copy, DEMAND, 2, force=False)
    promote_version(demo_copy, DEMAND, 2, force=True)
    assert registry.champion(DEMAND) == 2


def test_what_cannot_serve_is_neither_promoted_nor_told_to_serve(
    demo_copy: Home, tmp_path: Path
) -> None:
    registry = Registry(demo_copy.models)
    tags = registry.versions(DEMAND)[0].tags
    artefacts = tmp_path / "made_by_hand"
    shutil.copytree(registry.folder(DEMAND, 1), artefacts)
    registry.register(DEMAND, artefacts, {}, {}, {**tags, "contract": "of older code"})
    with pytest.raises(ModelError, match="v2 has other features, files or scores than the code"):
        promote_version(demo_copy, DEMAND, 2, force=True)
    artefacts.mkdir()  # a version without its files
    registry.register(DEMAND, artefacts, {}, {}, tags)
    with pytest.raises(ModelError, match="cannot be read"):
        promote_version(demo_copy, DEMAND, 3, force=False)
    assert registry.champion(DEMAND) == 1

    # They served while the code was another.
    registry.promote(DEMAND, 2)
    registry.promote(DEMAND, 1)
    served, warning = roll_back(demo_copy, DEMAND)
    assert served == "seasonal_naive" and warning is not None and f"{DEMAND} v2" in warning
    assert decisions(demo_copy)[-1] == (DEMAND, "rolled_back", 1, "seasonal_naive")
    for number, why in ((2, "v2 has other features, files or scores"), (3, "cannot be read")):
        registry.promote(DEMAND, number)
        said = run_storehouse(demo_copy, "models", "list").stdout
        shown = [line.split()[1:] for line in said.splitlines() if line.split()[:1] == [DEMAND]]
        assert shown[0] == ["seasonal_naive", "yes"]
        assert next(row for row in shown if row[0] == f"v{number}")[1] == "no"
        assert why in said


def test_a_champion_whose_files_were_changed_is_trained_again(demo_copy: Home) -> None:
    registry, model = Registry(demo_copy.models), model_named(DEMAND)
    as_of = date(2025, 12, 31)
    assert reason_to_train(registry, model, as_of) is None
    artefacts = demo_copy.models / "made_by_hand"
    shutil.copytree(registry.folder(DEMAND, 1), artefacts)
    (registry.folder(DEMAND, 1) / "more.txt").write_text("")
    why = "the files of v1 are gone or were changed"
    assert reason_to_train(registry, model, as_of) == why
    tags = {**registry.version(DEMAND, 1).tags, "gate": "refused"}
    registry.register(DEMAND, artefacts, {}, {}, tags)
    registry.mark_complete(DEMAND, 2)
    assert reason_to_train(registry, model, as_of) is None  # a candidate was refused just now
    later = as_of + timedelta(days=model.cool_down_days)
    assert reason_to_train(registry, model, later) == why


def test_a_refused_candidate_ends_the_command_with_status_1(
    demo_copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal of one model counts, whatever comes of those after it."""
    demand = type(model_named(DEMAND))
    monkeypatch.setattr(demand, "rules", replace(demand.rules, ceilings={"shop_wape": 0.01}))
    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    # A console of this test's streams, not of those of the start.
    monkeypatch.setattr("orchestration.commands.models.console", Console(soft_wrap=True))
    done = CliRunner().invoke(app, ["models", "train"])
    assert done.exit_code == 1, done.output
    registry = Registry(demo_copy.models)
    reason = registry.version(DEMAND, 2).tags["reason"]
    assert reason.startswith("limit of shop_wape: ") and reason.endswith(", at most 0.01")
    said = " ".join(done.output.split())
    assert f"{DEMAND} v2: refused: {reason}" in said
    assert "payment_anomaly: not trained: Matured chargebacks to learn from: 0" in said
    trained = pl.read_parquet(demo_copy.models / "decisions" / "*.parquet").filter(
        pl.col("model") == DEMAND, pl.col("version") == 2
    )
    columns = ("action", "passed", "reason", "served_by")
    assert trained.select(columns).rows() == [("trained", False, reason, "demand v1")]
    assert registry.champion(DEMAND) == 1


def test_what_is_not_there_is_said(
    demo_home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ModelError, match="There is no model nonsense"):
        versions_to_compare(Registry(demo_home.models), "nonsense", None, None)
    with pytest.raises(ModelError, match=f"Versions of {DEMAND}: 1; a comparison needs two"):
        versions_to_compare(Registry(demo_home.models), DEMAND, None, None)
    empty = Home(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ModelError, match="There is no working file"):
        train_model(empty, model_named(DEMAND), force=True)


def test_a_working_file_that_is_open_elsewhere_is_said(demo_copy: Home) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", hold, str(demo_copy.warehouse_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        said = run_storehouse(demo_copy, "models", "drift", DEMAND)
        other.communicate(b"\n")
    assert said.returncode == 1
    assert "is open in another program" in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr


def test_no_feature_of_the_demo_knows_the_future_and_other_code_is_not_trusted(
    demo_home: Home,
) -> None:
    manifest = json.loads(json.dumps(read_manifest()))
    keys = table_keys(manifest)
    dated = {
        relation(node)
        for node in published_models(manifest)
        if node["schema"] == "features"
        and "available_at" in node["columns"]
        and not node["name"].endswith("_attributes")  # of today, to be completed today
    }
    assert dated >= {table.name for model in MODELS for table in model.reads if table.features}
    looked_at = find_table_leaks(demo_home, manifest, {table: keys[table] for table in dated})
    assert looked_at == {table: [] for table in dated}
    manifest["nodes"]["model.storehouse.product_demand_daily"]["checksum"] = {"checksum": "other"}
    found = leaking_features(demo_home, manifest, model_named(DEMAND))
    assert found and all(name.endswith("(not looked at)") for name in found)


def test_a_drifted_model_is_said_and_trained_again(
    demo_copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = run_storehouse(demo_copy, "models", "drift", DEMAND)
    assert steady.returncode == 0, steady.stdout + steady.stderr
    assert f"{DEMAND}: " in steady.stdout and "no reason to train" in steady.stdout
    reference = Registry(demo_copy.models).folder(DEMAND, 1) / "reference.json"
    columns = json.loads(reference.read_text(encoding="utf-8"))
    for column in columns:
        if column["kind"] == "feature" and column["is_important"]:
            column["bins"]["counts"].reverse()  # as if nearly everything had been unknown
    reference.write_text(json.dumps(columns), encoding="utf-8")
    changed = run_storehouse(demo_copy, "models", "drift", DEMAND)
    assert changed.returncode == 1 and "were changed" in changed.stderr
    digest = files_digest(reference.parent)
    store = Registry(demo_copy.models)._client
    store.set_model_version_tag(DEMAND, "1", "storehouse.files", digest)
    drifted = run_storehouse(demo_copy, "models", "drift")
    assert drifted.returncode == 1, drifted.stdout + drifted.stderr
    assert f"{DEMAND}: " in drifted.stdout
    assert "features of shop drifted: planned_discount_share" in " ".join(drifted.stdout.split())
    assert "payment_anomaly: no version to measure against." in drifted.stdout

    def due() -> dict[str, str]:
        found = retrain(build_sensor_context())
        assert isinstance(found, SensorResult)
        return {
            key.path[-1]: request.tags["storehouse/reason"]
            for request in found.run_requests or []
            for key in request.asset_selection or []
        }

    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    assert DEMAND not in due()  # trained on this very day
    monkeypatch.setattr(type(model_named(DEMAND)), "cool_down_days", 0)
    assert due()[DEMAND].startswith("features of shop drifted")
    assert due()["payment_anomaly"] == "there is no version yet"
    trained = train_model(demo_copy, model_named(DEMAND), force=False)
    assert (trained.version, trained.is_promoted) == (2, True)
    assert DEMAND not in due()
