"""What the models take beyond LightGBM: tune, fit and score, against the same calls by themselves.

A model tunes, fits and scores once while every call of LightGBM is noted: its matrix, parameters,
rounds and callbacks. The bare script makes the same calls on the same arrays, and does nothing
else. Both are timed by turns; what counts is the ratio of a pair, as a shared machine is slower in
one minute than in the next. Reading the tables is in neither.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import lightgbm as lgb
import polars as pl

from bench.report import Cell, Goal, Part, Table
from ingest.home import Home
from ml.frame.model import Data, Model
from ml.frame.reading import read_data
from ml.frame.registry import Registry
from ml.frame.scoring import serving
from ml.models import MODELS

MOST_RATIO = 1.3
_KEPT = ("label", "init_score", "feature_name", "categorical_feature")


@dataclass
class Calls:
    """What was asked of LightGBM, in order, as functions that ask it again."""

    again: list[Callable[[], object]] = field(default_factory=list)
    fits: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Pair:
    """Seconds of a model and of the bare script, timed one after the other."""

    model: float
    bare: float

    @property
    def ratio(self) -> float:
        """How many times as long the model takes."""
        return self.model / self.bare


def run(home: Home, homes: Sequence[Home], repeats: int) -> Part:
    """Pairs by model on `home`; what part of the runs of `homes` models take, and who serves."""
    pairs: dict[str, list[Pair]] = {}
    rows: list[Mapping[str, Cell]] = []
    for model in MODELS:
        data = read_data(home.warehouse_file, model.reads)
        with _noted() as calls:
            _work(model, data)
        own = [_pair(model, data, calls, is_first=i % 2 == 0) for i in range(repeats)]
        pairs[model.name] = own
        rows.append(_row(model.name, own, calls))
    totals = [
        Pair(sum(p.model for p in turn), sum(p.bare for p in turn))
        for turn in zip(*pairs.values(), strict=True)
    ]
    rows.append(_row("all", totals, None))
    ratio = statistics.median(pair.ratio for pair in totals)
    return Part(
        [
            Table("Overhead: tune, fit and score, by the same calls of LightGBM alone", rows),
            Table(
                "Models in the latest storehouse run, and who serves",
                [_latest(own) for own in homes],
            ),
        ],
        [Goal("ml_overhead", ratio, MOST_RATIO)],
    )


def _latest(home: Home) -> Mapping[str, Cell]:
    """The part of models in the latest run of a home, and who serves there by model."""
    found: dict[str, Cell] = {"home": home.root.name}
    found |= shares(pl.read_parquet(home.runs / "steps" / "*.parquet"))
    registry = Registry(home.models)
    found |= {model.name: str(serving(model, registry)[0].served) for model in MODELS}
    return found


def shares(steps: pl.DataFrame) -> Mapping[str, float]:
    """Seconds of all steps of the latest run and of those of models, and the latter's share.

    Steps of models train (reading, leak tests and gate included), score, or watch for drift.
    """
    latest = steps.filter(pl.col("run_started_at") == pl.col("run_started_at").max())
    total = float(latest["seconds"].sum())
    found = {
        name: float(latest.filter(pl.col("step").str.starts_with(prefix))["seconds"].sum())
        for name, prefix in (("train s", "train_"), ("score s", "scores__"), ("watch s", "watch"))
    }
    return {"run s": total, **found, "share of ml": sum(found.values()) / total}


def _work(model: Model[Any], data: Data) -> None:
    """What a training and a scoring do with rows that were read."""
    fresh = Data(data.frames, data.content_hash, data.read_at)  # nothing made before
    judged = model.slice(fresh)
    fitted = model.fit(fresh, judged, model.tune(fresh, judged, model.trials))
    model.score(fitted, fresh)


def _pair(model: Model[Any], data: Data, calls: Calls, *, is_first: bool) -> Pair:
    """Both timed once, the model first or second."""
    if is_first:
        seconds = _seconds(lambda: _work(model, data))
        return Pair(seconds, _seconds(lambda: _replay(calls)))
    bare = _seconds(lambda: _replay(calls))
    return Pair(_seconds(lambda: _work(model, data)), bare)


def _replay(calls: Calls) -> None:
    for call in calls.again:
        call()


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(name: str, pairs: list[Pair], calls: Calls | None) -> Mapping[str, Cell]:
    ratios = sorted(pair.ratio for pair in pairs)
    return {
        "model": name,
        "fits": calls.fits if calls else None,
        "rows learned from": calls.rows if calls else None,
        "model s": statistics.median(pair.model for pair in pairs),
        "bare s": statistics.median(pair.bare for pair in pairs),
        "ratio": statistics.median(ratios),
        "least": ratios[0],
        "most": ratios[-1],
        "pairs": len(pairs),
    }


@contextmanager
def _noted() -> Iterator[Calls]:
    """Notes every training and prediction of LightGBM, with the arrays it was given."""
    calls = Calls()
    train, predict = lgb.train, lgb.Booster.predict

    def noted_train(params: Any, train_set: Any, num_boost_round: int = 100, **options: Any) -> Any:
        given = _given(train_set)
        checked = [_given(part) for part in options.pop("valid_sets", None) or []]
        calls.fits += 1
        calls.rows = max(calls.rows, len(given["label"]))

        def again() -> Any:
            learned = lgb.Dataset(**given)
            sets = [lgb.Dataset(**part, reference=learned) for part in checked]
            return train(dict(params), learned, num_boost_round, valid_sets=sets, **_fresh(options))

        calls.again.append(again)
        return again()

    def noted_predict(booster: Any, rows: Any, **options: Any) -> Any:
        calls.again.append(lambda: predict(booster, rows, **options))
        return predict(booster, rows, **options)

    with (
        patch.object(lgb, "train", noted_train),
        patch.object(lgb.Booster, "predict", noted_predict),
    ):
        yield calls


def _given(data: Any) -> dict[str, Any]:
    """The arrays of a data set that is not built yet."""
    return {"data": data.data, **{name: getattr(data, name) for name in _KEPT}}


def _fresh(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with early stopping that starts anew: the callback keeps what it saw."""
    found = dict(options)
    patience = [
        c.stopping_rounds for c in found.get("callbacks", ()) if hasattr(c, "stopping_rounds")
    ]
    if patience:
        found["callbacks"] = [lgb.early_stopping(rounds, verbose=False) for rounds in patience]
    return found
