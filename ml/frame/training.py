"""Trains a candidate, lets the gate judge it, and keeps it, whatever the gate says."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml.frame.card import CARD, Card, write_card
from ml.frame.gate import Candidate, Decision, Judgement, decide
from ml.frame.model import Data, Model, Params, Slice, TooLittleDataError
from ml.frame.monitoring import (
    LOSS_BOUND,
    LOSS_TO_BASELINE,
    freeze_reference,
    write_reference,
)
from ml.frame.reading import read_data
from ml.frame.registry import Registry, Version
from ml.frame.scoring import has_contract_of_code, serving

_SCRATCH = ".training-"


@dataclass(frozen=True)
class Trained:
    """How a training ended: the version and what the gate said, or why there is no version.

    `card` is the page of the version, None where there is none.
    """

    model: str
    version: int | None
    is_promoted: bool
    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    checks: Sequence[tuple[str, bool, str]] = ()
    card: Path | None = None


@dataclass(frozen=True)
class _Judged:
    """A fitted candidate, and how it, the baseline and the champion did on the same rows.

    `spread` is the standard deviation of each metric over the origins of the slice; `seconds` of
    processor time are for training and scoring.
    """

    params: Params
    fitted: Any
    scores: pl.DataFrame
    candidate: Judgement
    baseline: Judgement
    champion: Judgement | None
    champion_name: str
    spread: Mapping[str, float]
    seconds: Mapping[str, float]

    @property
    def compared(self) -> dict[str, Judgement]:
        """Who was judged beside the candidate, without the baseline."""
        return {self.champion_name: self.champion} if self.champion else {}


def train(
    model: Model[Any],
    warehouse_file: Path,
    registry: Registry,
    *,
    code_version: str,
    leaks: Sequence[str],
    trials: int | None = None,
) -> Trained:
    """Trains, judges and registers one version; it serves from now on if the gate lets it.

    `trials` are sets of hyper-parameters to try, None: as many as the model asks for.
    `leaks` are columns (`table.column`, and a word in brackets) that the leak tests do not pass.
    Call it while holding the warehouse lock: it clears away what a killed training left. Raises
    ModelError when the tables cannot be read.
    """
    for left in registry.models.glob(f"{_SCRATCH}*"):  # of a training that was killed
        shutil.rmtree(left)
    data = read_data(warehouse_file, model.reads)
    try:
        judged = model.slice(data)
    except TooLittleDataError as error:
        return Trained(model.name, None, False, error.message)
    found = _judge(model, data, judged, registry, model.trials if trials is None else trials)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=registry.models) as scratch:
        folder = Path(scratch) / "artefacts"
        folder.mkdir()
        model.save(found.fitted, folder)
        write_reference(folder, freeze_reference(model, found.fitted, data, judged, found.scores))
        candidate = Candidate(
            judgement=found.candidate,
            contract=_contract_of(model, found.scores),
            leaks=[name for name in leaks if name.partition(" ")[0] in model.inputs],
            score_seconds=found.seconds["score"],
            size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        )
        decision = decide(
            candidate, found.baseline, found.champion, model.contract, model.rules, model.seed
        )
        card = _card(model, data, judged, found, decision, code_version)
        write_card(folder, card, decision, model.plots(found.fitted, data, judged))
        number = registry.register(
            model.name,
            folder,
            found.params,
            card.metrics,
            {
                "as_of": judged.as_of.isoformat(),
                "data_hash": data.content_hash,
                "code_version": code_version,
                "contract": model.contract_hash,
                "gate": "passed" if decision.passed else "refused",
                "reason": decision.reason,
            },
        )
    if decision.passed:
        registry.promote(model.name, number)
    registry.mark_complete(model.name, number)
    return Trained(
        model.name,
        number,
        decision.passed,
        decision.reason,
        card.metrics,
        [(check.name, check.passed, check.detail) for check in decision.checks],
        registry.folder(model.name, number) / CARD,
    )


def _judge(
    model: Model[Any], data: Data, judged: Slice, registry: Registry, trials: int
) -> _Judged:
    """Tunes, fits and scores a candidate; judges it beside the baseline and the champion."""
    began = time.process_time()  # who else uses the machine decides nothing
    params = model.tune(data, judged, trials)
    fitted = model.fit(data, judged, params)
    fitted_at = time.process_time()
    scores = model.score(fitted, data)
    seconds = {"train": fitted_at - began, "score": time.process_time() - fitted_at}
    predictor, _ = serving(model, registry)
    has_champion = predictor.served.version is not None
    return _Judged(
        params=params,
        fitted=fitted,
        scores=scores,
        candidate=model.judge(fitted, data, judged),
        baseline=model.judge(model.baseline(), data, judged),
        champion=model.judge(predictor.fitted, data, judged) if has_champion else None,
        champion_name=str(predictor.served),
        spread=_spread(
            [model.judge(fitted, data, part).metrics for part in model.origins(data, judged)]
        ),
        seconds=seconds,
    )


def _spread(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The standard deviation of each metric that every origin has."""
    names = [name for name in metrics[0] if all(name in one for one in metrics)]
    return {name: float(np.std([one[name] for one in metrics], ddof=1)) for name in names}


def _card(
    model: Model[Any],
    data: Data,
    judged: Slice,
    found: _Judged,
    decision: Decision,
    code_version: str,
) -> Card:
    """What the card tells; the loss by that of the baseline stands among the metrics."""
    ratio = decision.loss_to_baseline
    ratios = {LOSS_TO_BASELINE: ratio.value, LOSS_BOUND: ratio.upper} if ratio else {}
    others = {model.baseline_name: found.baseline} | found.compared
    return Card(
        model=model.name,
        trained_as=model.trained_as,
        description=model.description,
        as_of=judged.as_of.isoformat(),
        trained_before=_days(judged.train_before),
        judged={
            source: f"from {day} to before {judged.judged_before[source]}"
            for source, day in judged.judged_from.items()
        },
        data_hash=data.content_hash,
        code_version=code_version,
        seed=model.seed,
        features=model.features,
        params=found.params,
        metrics={**found.candidate.metrics, **ratios},
        spread=found.spread,
        compared={name: judgement.metrics for name, judgement in others.items()},
        seconds=found.seconds,
    )


def training_due(
    model: Model[Any], versions: Sequence[Version], as_of: date | None, drift: str | None
) -> str | None:
    """Why a version should be trained on rows up to `as_of`; None when there is no reason.

    `drift` is what was found to have changed since the version that is watched was trained; for
    a while after a training, whatever its end, that is no reason for another.
    """
    if as_of is None:
        return None
    if not versions:
        return "there is no version yet"
    latest = versions[-1]
    if not latest.is_complete:
        return "the training of the latest version did not end"
    if not has_contract_of_code(model, latest):
        return "its features, files or scores are others than those of the latest version"
    age = (as_of - date.fromisoformat(latest.tags["as_of"])).days
    if age >= model.retrain_days:
        return f"the latest version is {age} days old"
    if age < 0:
        return "the latest version knows later days than there are"
    return drift if age >= model.cool_down_days else None


def _contract_of(model: Model[Any], scores: pl.DataFrame) -> dict[str, str]:
    """The contract as the scores of a candidate keep it: columns that are there, of their types."""
    found = {name: kind for name, kind in model.contract.items() if not name.startswith("out ")}
    for name, kind in model.scores.items():
        if name in scores.columns:
            is_of_kind = (
                scores[name].cast(kind, strict=False).null_count() == scores[name].null_count()
            )
            found[f"out {name}"] = str(kind if is_of_kind else scores.schema[name])
    return found


def _days(days: Mapping[str, date]) -> dict[str, str]:
    return {source: day.isoformat() for source, day in days.items()}
