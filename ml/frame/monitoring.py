"""Watches the version that serves: its features, its scores, its labels and what came true.

A version keeps how its columns were spread when it was trained (`reference.json`). Later rows are
held against that in three windows, the latest first; labels once they are final; the scores of the
version itself against those it gave to rows it had not learned from. Where it has not scored three
windows, those of the measurements before stand in. What came true is judged as the gate judges it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from ml.frame.days import Days
from ml.frame.drift import ALARMED, STEADY, FrozenBins, freeze, measure
from ml.frame.gate import against_baseline
from ml.frame.model import DAY, Data, Model, Served, Slice, TooLittleDataError
from ml.frame.records import read_rows, write_rows
from ml.frame.registry import Registry, Version
from ml.frame.scores import SERVED_BY
from ml.frame.scoring import load_version

FILE_NAME = "reference.json"
DRIFT_FOLDER, PERFORMANCE_FOLDER = "drift", "performance"
FEATURE, SCORE, LABEL = "feature", "score", "label"
LOSS_TO_BASELINE, LOSS_BOUND = "loss_to_baseline", "loss_to_baseline_at_most"
WINDOWS = 3
DRIFTED_WINDOWS = 2
DRIFTED_FEATURES = 2
NO_REASON = (
    f"no reason to train, which needs {DRIFTED_FEATURES} important features, or a score, in alarm "
    f"in {DRIFTED_WINDOWS} of {WINDOWS} windows, or metrics that fell"
)
DRIFT: dict[str, Any] = {
    "model": pl.String,
    "version": pl.Int32,
    "as_of_date": pl.Date,
    "source_system": pl.String,
    "kind": pl.String,
    "column_name": pl.String,
    "is_important": pl.Boolean,
    "window_number": pl.Int32,
    "window_start_date": pl.Date,
    "window_end_date": pl.Date,
    "reference_rows": pl.Int64,
    "rows": pl.Int64,
    "psi": pl.Float64,
    "warn_at": pl.Float64,
    "alarm_at": pl.Float64,
    "state": pl.String,
}
PERFORMANCE: dict[str, Any] = {
    "model": pl.String,
    "version": pl.Int32,
    "as_of_date": pl.Date,
    "judged_from_date": pl.Date,
    "judged_before_date": pl.Date,
    "metric": pl.String,
    "value": pl.Float64,
    "baseline_value": pl.Float64,
    "value_at_training": pl.Float64,
    "state": pl.String,
}


@dataclass(frozen=True)
class Watched:
    """A column of a source as training saw it; the features that matter most are important."""

    source: str
    kind: str
    bins: FrozenBins
    is_important: bool


@dataclass(frozen=True)
class Measurement:
    """What was found on one business date; both frames may be empty."""

    drift: pl.DataFrame
    performance: pl.DataFrame

    @classmethod
    def empty(cls) -> Measurement:
        """Nothing was there to measure."""
        return cls(pl.DataFrame(schema=DRIFT), pl.DataFrame(schema=PERFORMANCE))

    @property
    def reason_to_retrain(self) -> str | None:
        """Why a new version should be trained, None while nothing is the matter.

        Drift counts when at least two important features (or all, where there are fewer), or a
        score, are beyond their alarm line in two of three windows; what matured, when it has
        fallen.
        """
        return "; ".join([*_drift_reasons(self.drift), *_falls(self.performance)]) or None


def freeze_reference(
    model: Model[Any], fitted: Any, data: Data, judged: Slice, scores: pl.DataFrame
) -> list[Watched]:
    """The columns of a model as its training rows have them; `scores` are those that a
    scoring gives, of which rows that are left to the baseline do not count."""
    important = model.important(fitted)
    if SERVED_BY in scores.columns:
        scores = scores.filter(pl.col(SERVED_BY).is_null())
    scored = scores.with_columns(pl.col(model.dated_by).alias(DAY))
    watched = model.watched(data)
    found = []
    for source, start in judged.train_before.items():
        of_source = pl.col("source_system") == source
        rows = watched.filter(of_source & (pl.col(DAY) < start))
        unseen = scored.filter(of_source & (pl.col(DAY) >= start))
        for name in _features(model, rows):
            found.append(Watched(source, FEATURE, freeze(rows[name]), name in important))
        found.append(Watched(source, LABEL, freeze(rows[model.label].drop_nulls()), False))
        for name in model.watched_scores:
            found.append(Watched(source, SCORE, freeze(unseen[name]), True))
    return [column for column in found if column.bins.rows]


def write_reference(folder: Path, reference: Sequence[Watched]) -> None:
    """Writes the reference among the artefacts of a version."""
    content = [
        {
            "source": column.source,
            "kind": column.kind,
            "is_important": column.is_important,
            "bins": column.bins.to_json(),
        }
        for column in reference
    ]
    (folder / FILE_NAME).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_reference(folder: Path) -> list[Watched]:
    """Reads what `write_reference` wrote."""
    content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return [
        Watched(
            entry["source"],
            entry["kind"],
            FrozenBins.from_json(entry["bins"]),
            entry["is_important"],
        )
        for entry in content
    ]


def measure_version(
    model: Model[Any], version: Version, registry: Registry, data: Data, scores: pl.DataFrame
) -> Measurement:
    """Holds the latest rows, and the scores as they were written, against a version's training.

    Scores and what came true are those of the champion, and of the scores those it made itself: of
    another version only features and labels are measured. Raises ModelError when its artefacts
    cannot be read.
    """
    folder = registry.artefacts(model.name, version.number)
    watched = model.watched(data)
    last: date | None = watched[DAY].max()  # type: ignore[assignment]
    if last is None:
        return Measurement.empty()
    known = {"model": model.name, "version": version.number, "as_of_date": last}
    served = str(Served(model.trained_as, version.number))
    scored = scores.filter(pl.col(SERVED_BY) == served).with_columns(
        pl.col(model.dated_by).alias(DAY)
    )
    drift = []
    for (source, kind), columns in groupby(read_reference(folder), lambda c: (c.source, c.kind)):
        if kind == SCORE and not version.is_champion:
            continue
        rows = scored if kind == SCORE else watched
        rows = rows.filter(pl.col("source_system") == source)
        if kind == LABEL:
            rows = rows.drop_nulls(model.label)
        windows = list(_windows(rows, model.watch_days))
        drift += [known | row for column in columns for row in _drifts(column, windows)]
        if kind == SCORE and windows:
            missing = {*range(1, WINDOWS + 1)} - {number for number, _, _ in windows}
            earlier = _earlier_windows(registry.models, version, source, last)
            drift += [
                known | row | {"window_number": number}
                for number, rows_before in zip(sorted(missing), earlier, strict=False)
                for row in rows_before
            ]
    performance = _performance(model, version, registry, data) if version.is_champion else []
    return Measurement(
        pl.DataFrame(drift, schema=DRIFT),
        pl.DataFrame([known | row for row in performance], schema=PERFORMANCE),
    )


def write_measurement(models: Path, model: str, found: Measurement) -> None:
    """Keeps a measurement; an earlier one of the same business date is replaced."""
    for folder, rows, schema in (
        (DRIFT_FOLDER, found.drift, DRIFT),
        (PERFORMANCE_FOLDER, found.performance, PERFORMANCE),
    ):
        if rows.height:
            name = f"{rows['as_of_date'][0]:%Y%m%d}-{model}"
            write_rows(models / folder, name, rows, schema)


def latest_measurement(models: Path, model: str, version: int) -> Measurement:
    """The measurement of the latest business date, without rows where it is of another version."""
    found = []
    for folder, schema in ((DRIFT_FOLDER, DRIFT), (PERFORMANCE_FOLDER, PERFORMANCE)):
        files = sorted((models / folder).glob(f"*-{model}.parquet"))
        found.append(read_rows(files[-1], schema) if files else pl.DataFrame(schema=schema))
    latest = pl.concat(rows["as_of_date"] for rows in found).max()
    is_it = (pl.col("as_of_date") == latest) & (pl.col("version") == version)
    return Measurement(*(rows.filter(is_it) for rows in found))


def _earlier_windows(
    models: Path, version: Version, source: str, last: date
) -> Iterator[list[dict[str, Any]]]:
    """The latest windows of scores of the measurements before, the last measurement first."""
    files = sorted((models / DRIFT_FOLDER).glob(f"*-{version.model}.parquet"), reverse=True)
    for file in files:
        rows = read_rows(file, DRIFT).filter(
            (pl.col("kind") == SCORE)
            & (pl.col("window_number") == 1)
            & (pl.col("version") == version.number)
            & (pl.col("source_system") == source)
            & (pl.col("as_of_date") < last)
        )
        if rows.height:
            yield rows.drop("model", "version", "as_of_date").to_dicts()


def _features(model: Model[Any], rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in ("source_system", DAY, model.label)]


def _windows(rows: pl.DataFrame, days: int) -> Iterator[tuple[int, Days, pl.DataFrame]]:
    """The rows of each window that has any, with its number, back from their last day."""
    last = rows[DAY].max()
    if not isinstance(last, date):
        return
    for number in range(1, WINDOWS + 1):
        end = last + timedelta(days=1 - days * (number - 1))
        window = Days(end - timedelta(days=days), end)
        part = rows.filter(window.holds(DAY))
        if part.height:
            yield number, window, part


def _drifts(
    column: Watched, windows: Sequence[tuple[int, Days, pl.DataFrame]]
) -> Iterator[dict[str, Any]]:
    """The drift of a column in each window."""
    name = column.bins.column
    for number, window, rows in windows:
        found = measure(column.bins, rows[name])
        yield {
            "source_system": column.source,
            "kind": column.kind,
            "column_name": name,
            "is_important": column.is_important,
            "window_number": number,
            "window_start_date": window.first,
            "window_end_date": window.before,
            "reference_rows": column.bins.rows,
            "rows": found.rows,
            "psi": found.psi,
            "warn_at": found.warn_at,
            "alarm_at": found.alarm_at,
            "state": found.state,
        }


def _performance(
    model: Model[Any], version: Version, registry: Registry, data: Data
) -> Iterator[dict[str, Any]]:
    """The metrics of the champion and of the baseline on the latest rows that have matured.

    It has fallen when it would no longer pass against the baseline, when its loss by that of the
    baseline is surely more than it surely was at most when it was trained, or is no number.
    """
    try:
        judged = model.slice(data)
    except TooLittleDataError:
        return
    champion = model.judge(load_version(model, registry, version.number).fitted, data, judged)
    baseline = model.judge(model.baseline(), data, judged)
    check = against_baseline(champion, baseline, model.rules, model.seed)
    ratio, at_training = check.ratio, version.metrics.get(LOSS_BOUND, float("inf"))
    is_worse = not check.passed or (ratio is not None and ratio.lower > at_training)
    values: dict[str, float | None] = {LOSS_TO_BASELINE: ratio.value if ratio else None}
    for metric, value in (values | dict(champion.metrics)).items():
        has_fallen = metric == LOSS_TO_BASELINE and is_worse
        yield {
            "judged_from_date": min(judged.judged_from.values()),
            "judged_before_date": max(judged.judged_before.values()),
            "metric": metric,
            "value": value,
            "baseline_value": 1.0 if metric == LOSS_TO_BASELINE else baseline.metrics.get(metric),
            "value_at_training": version.metrics.get(metric),
            "state": ALARMED if has_fallen else STEADY,
        }


def _drift_reasons(drift: pl.DataFrame) -> Iterator[str]:
    key = ["source_system", "kind", "column_name", "is_important"]
    drifted = (
        drift.group_by(key, maintain_order=True)
        .agg((pl.col("state") == ALARMED).sum().alias("alarms"))
        .with_columns((pl.col("alarms") >= DRIFTED_WINDOWS).alias("has_drifted"))
        .filter("is_important")
    )
    for (source, kind), rows in drifted.group_by("source_system", "kind", maintain_order=True):
        names = rows.filter("has_drifted")["column_name"].to_list()
        needed = min(DRIFTED_FEATURES, rows.height) if kind == FEATURE else 1
        if len(names) >= needed:
            yield f"{kind}s of {source} drifted: {', '.join(names)}"


def _falls(performance: pl.DataFrame) -> Iterator[str]:
    for metric, value in (
        performance.filter(pl.col("state") == ALARMED).select("metric", "value").iter_rows()
    ):
        told = "could not be computed" if value is None else f"is {value:.3f}"
        yield f"{metric} {told} on what matured since"
