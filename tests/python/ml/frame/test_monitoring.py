"""What is watched of a version: that a change is found, and that none is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from toy import FIRST, TABLE, Toy, write_warehouse

from ml.errors import ModelError
from ml.frame.days import Days
from ml.frame.drift import ALARMED
from ml.frame.model import Data
from ml.frame.monitoring import (
    FILE_NAME,
    LOSS_TO_BASELINE,
    Measurement,
    latest_measurement,
    measure_version,
    write_measurement,
)
from ml.frame.registry import Registry
from ml.frame.scores import SERVED_BY
from ml.frame.training import train

LATER = 84  # three windows of 28 days
COLUMNS = ("source_system", "day", "kind", "amount")


class Guided(Toy):
    """Learns from a second feature too, which has no part in its prediction."""

    def watched(self, data: Data) -> pl.DataFrame:
        return (
            super()
            .watched(data)
            .with_columns(size=pl.col("kind").replace_strict({"a": 1, "b": 2}, default=9))
        )

    def important(self, fitted: dict[str, float]) -> tuple[str, ...]:
        return ("kind", "size")


class Spoilt(Toy):
    """Whose version predicts no numbers any more."""

    def score(self, fitted: dict[str, float], data: Data, days: Days | None = None) -> pl.DataFrame:
        found = super().score(fitted, data)
        return found.with_columns(predicted=float("nan")) if fitted else found


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def trained(registry: Registry, file: Path, model: Toy) -> None:
    write_warehouse(file)
    found = train(model, file, registry, code_version="1", leaks=(), trials=1)
    assert found.is_promoted


def rows(kinds: Sequence[Sequence[str]], amounts: dict[str, float], days: int = LATER) -> Data:
    """Rows of so many days after training: the kinds of each day of each window, oldest first."""
    start = FIRST + timedelta(days=60)
    listed = [
        ("shop", start + timedelta(days=day), kind, amounts[kind] + 0.5 * (day % 2))
        for day in range(days)
        for kind in kinds[day * len(kinds) // days]
    ]
    frame = pl.DataFrame(listed, schema=COLUMNS, orient="row")
    return Data({TABLE: frame}, "", frame["day"][0])


def measured(
    registry: Registry, model: Toy, data: Data, served_by: str = "means v1"
) -> Measurement:
    version = registry.version(model.name, 1)
    fitted = model.load(registry.folder(model.name, 1))
    scores = model.score(fitted, data).with_columns(pl.lit(served_by).alias(SERVED_BY))
    return measure_version(model, version, registry, data, scores)


def test_what_goes_on_as_before_is_no_reason(registry: Registry, tmp_path: Path) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    found = measured(registry, Toy(), rows(["ab"], {"a": 10, "b": 20}))
    assert found.reason_to_retrain is None
    assert found.drift.select("kind", "column_name", "window_number").rows() == [
        (kind, name, number)
        for kind, name in (("feature", "kind"), ("label", "amount"), ("score", "predicted"))
        for number in (1, 2, 3)
    ]
    latest, before = found.drift.row(0, named=True), found.drift.row(1, named=True)
    last = FIRST + timedelta(days=60 + LATER - 1)
    assert latest["as_of_date"] == last
    assert latest["window_end_date"] == last + timedelta(days=1)
    assert latest["window_start_date"] == last - timedelta(days=27) == before["window_end_date"]
    assert (latest["reference_rows"], latest["rows"]) == (100, 56)


@pytest.mark.parametrize(
    ("kinds", "drifts"),
    [(["ab", "ab", "c"], False), (["ab", "c", "c"], True), (["c", "ab", "c"], True)],
)
def test_a_feature_has_drifted_when_two_of_three_windows_say_so(
    kinds: list[str], drifts: bool, registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    found = measured(registry, Toy(), rows(kinds, {"a": 10, "b": 20, "c": 10}))
    reason = found.reason_to_retrain or ""
    assert ("features of shop drifted: kind" in reason) == drifts
    assert ("scores of shop drifted: predicted" in reason) == drifts
    assert found.drift.filter(pl.col("state") == ALARMED).height


def test_one_of_two_important_features_is_not_enough(registry: Registry, tmp_path: Path) -> None:
    trained(registry, tmp_path / "w.duckdb", Guided())
    data = rows(["ab"], {"a": 10, "b": 20})

    class Steady(Guided):
        def watched(self, data: Data) -> pl.DataFrame:
            return (
                super().watched(data).with_columns(size=pl.Series(np.full(data[TABLE].height, 7)))
            )

    found = measured(registry, Steady(), data)
    assert found.drift.filter(pl.col("state") == ALARMED)["column_name"].unique().to_list() == [
        "size"
    ]
    assert found.reason_to_retrain is None
    both = measured(registry, Guided(), rows(["c"], {"c": 10}))
    assert "features of shop drifted: kind, size" in (both.reason_to_retrain or "")


def test_a_label_that_moves_is_seen_but_only_a_fall_is_a_reason(
    registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    found = measured(registry, Toy(), rows(["ab"], {"a": 10.1, "b": 20.1}))
    labels = found.drift.filter(pl.col("kind") == "label")
    assert labels["state"].to_list() == [ALARMED] * 3
    assert found.reason_to_retrain is None
    worse = measured(registry, Toy(), rows(["ab"], {"a": 11.9, "b": 21.9}))
    assert "loss_to_baseline is 0.1" in (worse.reason_to_retrain or "")  # it was 0.02
    fallen = measured(registry, Toy(), rows(["ab"], {"a": 2.0, "b": 3.0}))
    assert (fallen.reason_to_retrain or "").startswith(f"{LOSS_TO_BASELINE} is ")
    (ratio,) = fallen.performance.filter(pl.col("metric") == LOSS_TO_BASELINE)["value"]
    assert ratio == pytest.approx((8.25 - 0.25 + 17.25 - 0.25) / (2.25 + 3.25), rel=0.05)
    (share,) = fallen.performance.filter(pl.col("metric") == "share_within_1").to_dicts()
    assert (share["value"], share["value_at_training"]) == (0.0, 1.0)


def test_without_a_champion_scores_and_performance_are_not_measured(
    registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    registry.rollback("toy")
    found = measured(registry, Toy(), rows(["c"], {"c": 10}))
    assert found.drift["kind"].unique().sort().to_list() == ["feature", "label"]
    assert found.performance.is_empty()
    assert found.reason_to_retrain == "features of shop drifted: kind"


def test_scores_of_who_served_before_are_not_those_of_the_version(
    registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    data = rows(["c"], {"c": 10})
    found = measured(registry, Toy(), data, served_by="zero")
    assert found.drift.filter(pl.col("kind") == "score").is_empty()
    assert "scores" not in (found.reason_to_retrain or "")
    assert "scores of shop drifted" in (measured(registry, Toy(), data).reason_to_retrain or "")


def test_measurements_before_stand_in_for_scores_that_were_not_kept(
    registry: Registry, tmp_path: Path
) -> None:
    """Only the last window of scores is there each time: one alarm is none yet, two are."""
    trained(registry, tmp_path / "w.duckdb", Toy())
    odd = rows(["ab", "c"], {"a": 10, "b": 20, "c": 10}, days=56)
    for extra, is_reason in ((0, False), (1, True), (2, True)):
        later = pl.col("day") + pl.duration(days=extra)
        data = Data({TABLE: odd[TABLE].with_columns(later.alias("day"))}, "", odd.read_at)
        version = registry.version("toy", 1)
        last = data[TABLE].filter(pl.col("day") > pl.col("day").max() - pl.duration(days=28))
        scores = Toy().score(
            Toy().load(registry.folder("toy", 1)), Data({TABLE: last}, "", odd.read_at)
        )
        found = measure_version(
            Toy(), version, registry, data, scores.with_columns(pl.lit("means v1").alias(SERVED_BY))
        )
        write_measurement(registry.models, "toy", found)
        windows = found.drift.filter(pl.col("kind") == "score")
        assert windows["window_number"].to_list() == list(range(1, extra + 2))
        assert ("scores of shop drifted" in (found.reason_to_retrain or "")) == is_reason


def test_the_latest_measurement_of_a_version_is_found_again(
    registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    drifted = measured(registry, Toy(), rows(["c"], {"c": 10}))
    steady = measured(registry, Toy(), rows(["ab"], {"a": 10, "b": 20}, days=28))
    write_measurement(registry.models, "toy", drifted)
    write_measurement(registry.models, "toy", steady)  # of an earlier date
    found = latest_measurement(registry.models, "toy", 1)
    assert found.drift.equals(drifted.drift)
    assert found.performance.equals(drifted.performance)
    assert found.reason_to_retrain == drifted.reason_to_retrain
    assert latest_measurement(registry.models, "toy", 2).reason_to_retrain is None
    assert len(list((registry.models / "drift").glob("*-toy.parquet"))) == 2
    write_measurement(registry.models, "toy", drifted)
    assert len(list((registry.models / "drift").glob("*-toy.parquet"))) == 2


def test_a_damaged_measurement_is_named(registry: Registry, tmp_path: Path) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    (registry.models / "drift").mkdir(exist_ok=True)
    (registry.models / "drift" / "20260101-toy.parquet").write_text("no parquet")
    with pytest.raises(ModelError, match=r"20260101-toy\.parquet cannot be read"):
        latest_measurement(registry.models, "toy", 1)


def test_what_was_measured_on_an_earlier_day_is_no_part_of_the_latest(
    registry: Registry, tmp_path: Path
) -> None:
    """Once the baseline serves there is drift of today and no performance."""
    trained(registry, tmp_path / "w.duckdb", Toy())
    before = measured(registry, Toy(), rows(["ab"], {"a": 10, "b": 20}, days=28))
    assert before.performance.height
    write_measurement(registry.models, "toy", before)
    registry.rollback("toy")
    write_measurement(registry.models, "toy", measured(registry, Toy(), rows(["c"], {"c": 10})))
    found = latest_measurement(registry.models, "toy", 1)
    assert found.drift.height
    assert found.performance.is_empty()


def test_nothing_to_measure_and_changed_files_are_told_apart(
    registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    empty = Data({TABLE: rows(["ab"], {"a": 1, "b": 1})[TABLE].clear()}, "", datetime(2025, 1, 1))
    assert measured(registry, Toy(), empty).drift.is_empty()
    (registry.folder("toy", 1) / FILE_NAME).unlink()
    with pytest.raises(ModelError, match="were changed or are not all there"):
        measured(registry, Toy(), rows(["ab"], {"a": 10, "b": 20}))


def test_a_champion_whose_loss_is_no_number_has_fallen(registry: Registry, tmp_path: Path) -> None:
    trained(registry, tmp_path / "w.duckdb", Toy())
    later = rows(["ab"], {"a": 10, "b": 20})
    version, scores = registry.version("toy", 1), Toy().score({}, later)
    scores = scores.with_columns(pl.lit("means v1").alias(SERVED_BY))
    found = measure_version(Spoilt(), version, registry, later, scores)
    assert f"{LOSS_TO_BASELINE} could not be computed" in (found.reason_to_retrain or "")
