"""From a table to a version that serves, or to the baseline."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import polars as pl
import pytest
from toy import DAYS, FIRST, TABLE, Toy, write_warehouse

from ml.errors import ModelError
from ml.frame.card import CARD, METRICS, RECORD
from ml.frame.days import Days
from ml.frame.model import IN_SAMPLE, Data
from ml.frame.registry import Registry
from ml.frame.scores import FILE_NAME, back_filled_days, read_scores, score_times
from ml.frame.scoring import forget_back_filled, score, serving
from ml.frame.training import Trained, train, training_due


def train_toy(
    registry: Registry, warehouse: Path, model: Toy | None = None, leaks: tuple[str, ...] = ()
) -> Trained:
    return train(model or Toy(), warehouse, registry, code_version="abc", leaks=leaks, trials=0)


class Biased(Toy):
    """A worse toy."""

    bias = 3.0


class Reshaped(Toy):
    """A toy whose scores have another column than when it was trained."""

    scores: ClassVar[dict[str, Any]] = {**Toy.scores, "more": pl.Float64}


class Latest(Toy):
    """A toy that scores its last day and keeps three as they were predicted then."""

    kept_dates = 3

    def score(self, fitted: dict[str, float], data: Data, days: Days | None = None) -> pl.DataFrame:
        found = super().score(fitted, data)
        last = found.with_columns(more=0.0).filter(pl.col("day") == pl.col("day").max())
        return last if days is None else found.filter(days.holds("day"))


class ReshapedLatest(Latest):
    """Whose last day has another column."""

    scores: ClassVar[dict[str, Any]] = {**Toy.scores, "more": pl.Float64}


def record(registry: Registry, number: int | None) -> Any:
    assert number is not None
    return json.loads((registry.folder("toy", number) / RECORD).read_text())


def test_a_good_candidate_serves(registry: Registry, warehouse: Path, tmp_path: Path) -> None:
    trained = train_toy(registry, warehouse)
    assert (trained.version, trained.is_promoted) == (1, True)
    folder = registry.folder("toy", 1)
    assert {CARD, METRICS, RECORD, "means.json"} <= {path.name for path in folder.iterdir()}
    assert trained.card is not None
    page = trained.card.read_text()
    assert "Means by kind." in page and "abc" in page and f"{TABLE}.kind" in page
    report = score(Toy(), warehouse, registry, tmp_path / "scores")
    assert (report.rows, report.served, report.warnings) == (2 * DAYS, "means v1", [])
    scores = read_scores(tmp_path / "scores")
    assert scores["served_by"].unique().to_list() == ["means v1"]
    assert scores.filter(pl.col("kind") == "b")["predicted"].unique().to_list() == [20.25]


def test_the_baseline_serves_until_something_passes(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    report = score(Toy(), warehouse, registry, tmp_path / "scores")
    assert report.served == "zero"
    assert read_scores(tmp_path / "scores")["predicted"].unique().to_list() == [0.0]


def test_a_worse_candidate_is_kept_but_does_not_serve(registry: Registry, warehouse: Path) -> None:
    train_toy(registry, warehouse)
    worse = train_toy(registry, warehouse, Biased())
    assert (worse.version, worse.is_promoted) == (2, False)
    assert registry.champion("toy") == 1
    assert "against champion" in worse.reason
    found = record(registry, 2)
    assert found["passed"] is False and found["reason"] == worse.reason
    assert registry.versions("toy")[1].tags["gate"] == "refused"


def test_a_leaking_candidate_is_refused(registry: Registry, warehouse: Path) -> None:
    leaking = train_toy(registry, warehouse, leaks=(f"{TABLE}.kind", "features.other.column"))
    assert not leaking.is_promoted
    assert leaking.reason == f"leaks: knows the future: {TABLE}.kind"
    assert record(registry, leaking.version)["passed"] is False
    unseen = train_toy(registry, warehouse, leaks=(f"{TABLE}.kind (not looked at)",))
    assert not unseen.is_promoted


def test_a_candidate_whose_scores_break_the_contract_is_refused(
    registry: Registry, warehouse: Path
) -> None:
    class Worded(Toy):
        scores: ClassVar[dict[str, Any]] = {**Toy.scores, "kind": pl.Int32}

    for model, column in ((Reshaped(), "more"), (Worded(), "kind")):
        trained = train_toy(registry, warehouse, model)
        assert not trained.is_promoted
        assert trained.reason == f"contract: differs in out {column}"
        assert record(registry, trained.version)["passed"] is False


class Refiled(Toy):
    """The same columns in files that the code of before cannot have written."""

    file_format = 2


@pytest.mark.parametrize("changed", [Reshaped, Refiled])
def test_a_champion_of_another_contract_does_not_serve(
    registry: Registry, warehouse: Path, changed: type[Toy]
) -> None:
    train_toy(registry, warehouse)
    champion, warning = serving(changed(), registry)
    assert str(champion.served) == "zero"
    assert warning is not None and "other features, files or scores" in warning
    assert training_due(changed(), registry.versions("toy"), FIRST, None) is not None
    assert train_toy(registry, warehouse, changed()).is_promoted == (changed is Refiled)


def test_a_champion_without_its_files_gives_way_to_the_baseline(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    train_toy(registry, warehouse)
    registry.folder("toy", 1).rename(tmp_path / "gone")
    report = score(Toy(), warehouse, registry, tmp_path / "scores")
    assert report.served == "zero"
    assert "files of toy v1" in report.warnings[0] and "are gone" in report.warnings[0]


def test_a_champion_with_a_damaged_file_gives_way_to_the_baseline(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    train_toy(registry, warehouse)
    file = registry.folder("toy", 1) / "means.json"
    file.write_text(file.read_text().replace("1", "9", 1))
    report = score(Toy(), warehouse, registry, tmp_path / "scores")
    assert report.served == "zero"
    assert "were changed" in report.warnings[0] and "models train toy" in report.warnings[0]


@pytest.mark.parametrize("step", ["_move", "promote", "mark_complete"])
def test_a_training_that_was_killed_is_due_again(
    registry: Registry, warehouse: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    left = registry.models / ".training-of-one-that-was-killed"
    left.mkdir()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(registry, step, killed)
        train_toy(registry, warehouse)
    assert not left.exists()
    last = FIRST + timedelta(days=DAYS - 1)
    due = training_due(Toy(), registry.versions("toy"), last, None)
    assert due == "the training of the latest version did not end"
    assert train_toy(registry, warehouse).is_promoted
    assert registry.champion("toy") == 2
    assert training_due(Toy(), registry.versions("toy"), last, None) is None


def test_metrics_tell_how_much_they_vary_and_how_they_compare(
    registry: Registry, warehouse: Path
) -> None:
    """The wave has a period of two days: thirds of 3, 3 and 4 days differ."""
    found = train_toy(registry, warehouse)
    content = json.loads((registry.folder("toy", 1) / "metrics.json").read_text())
    assert set(content["spread"]) == {"share_within_1"}
    assert 0 < found.metrics["loss_to_baseline"] < found.metrics["loss_to_baseline_at_most"] < 0.1
    assert set(content["compared"]) == {"zero"}


def test_with_too_little_there_is_no_version(registry: Registry, tmp_path: Path) -> None:
    trained = train_toy(registry, write_warehouse(tmp_path / "small.duckdb", days=5))
    assert (trained.version, trained.is_promoted, trained.reason) == (None, False, "10 rows.")
    assert registry.versions("toy") == []


def test_training_is_due_when_missing_old_or_of_another_contract(
    registry: Registry, warehouse: Path
) -> None:
    last = FIRST + timedelta(days=DAYS - 1)
    assert training_due(Toy(), [], None, None) is None
    assert training_due(Toy(), [], last, None) == "there is no version yet"
    train_toy(registry, warehouse)
    versions = registry.versions("toy")
    for days, is_due in ((0, False), (6, False), (7, True), (-1, True)):
        due = training_due(Toy(), versions, last + timedelta(days=days), None)
        assert (due is not None) == is_due


def test_drift_is_a_reason_after_the_cool_down(registry: Registry, warehouse: Path) -> None:
    last = FIRST + timedelta(days=DAYS - 1)
    train_toy(registry, warehouse)
    versions = registry.versions("toy")
    for days, due in ((0, None), (1, None), (2, "kind drifted"), (6, "kind drifted")):
        as_of = last + timedelta(days=days)
        assert training_due(Toy(), versions, as_of, "kind drifted") == due


def test_training_twice_on_the_same_rows_gives_the_same_model(
    registry: Registry, warehouse: Path
) -> None:
    one, two = train_toy(registry, warehouse), train_toy(registry, warehouse)
    tags = [version.tags["data_hash"] for version in registry.versions("toy")]
    assert tags[0] == tags[1]
    assert one.metrics == two.metrics
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"update {TABLE} set amount = amount + 0.1 where day = '{FIRST}'")
    train_toy(registry, warehouse)
    assert registry.versions("toy")[2].tags["data_hash"] != tags[0]


def test_scores_of_some_days_leave_the_others_alone(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scores"
    score(Toy(), warehouse, registry, folder)
    train_toy(registry, warehouse)
    days = Days(date(2025, 1, 3), date(2025, 1, 5))
    report = score(Toy(), warehouse, registry, folder, days)
    assert report.rows == 2 * DAYS
    changed = read_scores(folder).filter(pl.col("served_by") == "means v1")
    assert changed["day"].unique().sort().to_list() == [date(2025, 1, 3), date(2025, 1, 4)]


class PartlyDated(Toy):
    """Whose scores of kind b have no date."""

    scores: ClassVar[dict[str, Any]] = {**Toy.scores, "seen": pl.Date}
    dated_by = "seen"

    def score(self, fitted: dict[str, float], data: Data, days: Days | None = None) -> pl.DataFrame:
        seen = pl.when(kind="a").then("day").alias("seen")
        return super().score(fitted, data).with_columns(seen)


def test_scores_of_some_days_keep_those_without_a_day_and_the_age_of_all(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scores"
    score(PartlyDated(), warehouse, registry, folder)
    first, written = score_times(folder)
    days = Days(date(2025, 1, 3), date(2025, 1, 5))
    assert score(PartlyDated(), warehouse, registry, folder, days).rows == 2 * DAYS
    assert score_times(folder)[0] == first
    assert score_times(folder)[1] != written
    score(PartlyDated(), warehouse, registry, folder)
    assert score_times(folder)[0] != first


def test_scores_of_days_that_were_learned_from_say_so(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    """The last ten days are judged and not learned from; the baseline learned from none."""
    folder = tmp_path / "scores"

    def in_sample() -> list[date]:
        score(Toy(), warehouse, registry, folder)
        return read_scores(folder).filter(IN_SAMPLE)["day"].unique().sort().to_list()

    assert in_sample() == []
    train_toy(registry, warehouse)
    assert in_sample() == [FIRST + timedelta(days=n) for n in range(DAYS - 10)]


def test_back_filled_days_stay_beside_the_latest_until_they_are_let_go(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    folder, model = tmp_path / "scores", Latest()
    old = Days(date(2025, 1, 3), date(2025, 1, 5))

    def found(model: Toy = model, days: int = DAYS) -> list[int]:
        """Scores the last day; gives all days that are there, counted from FIRST."""
        score(model, write_warehouse(warehouse, days), registry, folder)
        there = read_scores(folder)["day"].unique().sort()
        return [(day - FIRST).days + 1 for day in there]

    assert found() == [60]
    for _ in range(2):  # again, and none is there twice
        score(model, warehouse, registry, folder, old)
        assert read_scores(folder).height == 2 * 3
    assert [found(days=DAYS + n) for n in (1, 2, 3)][-1] == [3, 4, 61, 62, 63]
    assert back_filled_days(folder) == {("shop", day) for day in old}
    assert forget_back_filled(model, folder) == list(old)
    assert forget_back_filled(model, folder) == []
    assert found(days=DAYS + 4) == [62, 63, 64]
    recent = Days(FIRST + timedelta(days=62), FIRST + timedelta(days=64))
    score(model, write_warehouse(warehouse, DAYS + 4), registry, folder, recent)
    assert forget_back_filled(model, folder) == [recent.first]  # not what the last scoring gave
    assert found(days=DAYS + 5) == [62, 64, 65]
    today = Days(FIRST + timedelta(days=DAYS + 4), FIRST + timedelta(days=DAYS + 5))
    score(model, warehouse, registry, folder, today)
    assert [found(days=DAYS + n) for n in (5, 6)][-1] == [64, 65, 66]
    assert forget_back_filled(model, folder) == []  # a scoring gave that day again


def test_days_that_are_no_more_are_not_kept(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    for days in (DAYS - 1, DAYS + 2, DAYS):
        score(Latest(), write_warehouse(warehouse, days), registry, tmp_path)
    assert [day.day for day in read_scores(tmp_path)["day"].unique().sort()] == [28, 1]


def test_back_filled_days_end_with_their_contract_and_a_file_may_tell_of_none(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    folder, day = tmp_path / "scores", Days(FIRST, FIRST + timedelta(days=1))
    score(Latest(), warehouse, registry, folder, day)
    score(ReshapedLatest(), warehouse, registry, folder)
    assert read_scores(folder)["day"].unique().to_list() == [FIRST + timedelta(days=DAYS - 1)]
    assert back_filled_days(folder) == set()
    score(Latest(), warehouse, registry, folder, day)
    read_scores(folder).write_parquet(folder / FILE_NAME)  # as before days were noted
    score(Latest(), warehouse, registry, folder)
    assert read_scores(folder)["day"].n_unique() == 2  # of the three that are kept
    assert forget_back_filled(Latest(), folder) == []


def test_a_model_that_scores_all_days_notes_none(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scores"
    score(Toy(), warehouse, registry, folder, Days(FIRST, FIRST + timedelta(days=1)))
    assert back_filled_days(folder) == set()
    with pytest.raises(ModelError, match="toy keeps no back-filled days"):
        forget_back_filled(Toy(), folder)
    assert read_scores(folder).height == 2


def test_a_model_that_breaks_its_contract_writes_nothing(
    registry: Registry, warehouse: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="lack the column more"):
        score(Reshaped(), warehouse, registry, tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_a_missing_table_or_column_is_named(registry: Registry, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"alter table {TABLE} rename column amount to sum")
    with pytest.raises(ModelError, match=f"{TABLE} is not as the model needs it.*amount"):
        train_toy(registry, warehouse)
