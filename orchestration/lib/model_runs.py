"""Training, scoring and promotion of the models of a warehouse home.

Call what writes while holding the warehouse lock. All raise ModelError with what to do, and
duckdb.Error when the working file cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from ingest.home import Home
from ml.errors import ModelError
from ml.frame import audit
from ml.frame.days import Days
from ml.frame.model import Model
from ml.frame.monitoring import (
    Measurement,
    latest_measurement,
    measure_version,
    write_measurement,
)
from ml.frame.reading import read_as_of, read_data
from ml.frame.registry import Registry, Version
from ml.frame.scores import read_scores
from ml.frame.scoring import (
    ScoreReport,
    forget_back_filled,
    has_contract_of_code,
    load_version,
    other_code,
    score,
    serving,
)
from ml.frame.training import Trained, train, training_due
from ml.models import model_named
from orchestration.lib.feature_sql import leaking_features
from orchestration.lib.project import read_manifest
from orchestration.lib.publish import code_version


def train_model(
    home: Home, model: Model[Any], *, force: bool, trials: int | None = None
) -> Trained:
    """Trains a version if one is due, or if `force` says so, and lets the gate judge it."""
    _require_warehouse(home)
    registry = Registry(home.models)
    as_of = read_as_of(home.warehouse_file, model.as_of_sql)
    due = reason_to_train(registry, model, as_of)
    if due is None and not force:
        return Trained(model.name, None, False, "no training is due")
    trained = train(
        model,
        home.warehouse_file,
        registry,
        code_version=code_version(),
        leaks=leaking_features(home, read_manifest(), model),
        trials=trials,
    )
    _record(registry, audit.TRAINED, model, trained.version, trained.is_promoted, trained.reason)
    return trained


def score_model(home: Home, model: Model[Any], days: Days | None = None) -> ScoreReport:
    """Replaces the scores of a model; with `days` only those of these business days."""
    registry = Registry(home.models)
    return score(model, home.warehouse_file, registry, home.scores / model.name, days)


def forget_days(home: Home, name: str) -> list[date]:
    """Takes back-filled days out of the scores of a model, but for the latest day.

    Returns the days; insights show them until the next run. Raises ModelError for a model that
    keeps none.
    """
    model = model_named(name)
    return forget_back_filled(model, home.scores / model.name)


def watch_model(home: Home, model: Model[Any]) -> Measurement | None:
    """Measures drift and what came true of the version that serves, and keeps what it found.

    While the baseline serves, features and labels are held against the latest version there is;
    None where there is none of the code's contract.
    """
    _require_warehouse(home)
    registry = Registry(home.models)
    version = _watched_version(model, registry.versions(model.name))
    if version is None:
        return None
    data = read_data(home.warehouse_file, model.reads)
    scores = read_scores(home.scores / model.name, model.written)
    found = measure_version(model, version, registry, data, scores)
    write_measurement(registry.models, model.name, found)
    return found


def reason_to_train(registry: Registry, model: Model[Any], as_of: date | None) -> str | None:
    """Why a version should be trained on data up to `as_of`; None when there is no reason."""
    versions = registry.versions(model.name)
    watched = _watched_version(model, versions)
    reason = None
    if watched is not None:
        found = latest_measurement(registry.models, model.name, watched.number)
        reason = found.reason_to_retrain
        if watched.is_champion and not _has_files(registry, watched):
            reason = f"the files of v{watched.number} are gone or were changed"
            if watched == versions[-1]:  # else a candidate was refused since
                return reason
    return training_due(model, versions, as_of, reason)


def promote_version(home: Home, name: str, number: int, *, force: bool) -> None:
    """Lets a version serve; one that the gate refused only by `force`.

    Raises ModelError when there is no such version, it may not serve, or the code cannot read it.
    """
    registry, model = Registry(home.models), model_named(name)
    version = registry.version(name, number)
    if not has_contract_of_code(model, version):
        raise ModelError(
            other_code(version), f"`storehouse models train {name}` makes one that can serve."
        )
    if version.tags["gate"] == "refused" and not force:
        raise ModelError(
            f"The gate refused {name} v{number}.",
            f"`storehouse models compare {name} {number}` shows why; --force lets it serve.",
        )
    load_version(model, registry, number)
    registry.promote(name, number)
    passed = version.tags["gate"] == "passed"
    _record(registry, audit.PROMOTED, model, number, passed, "promoted by hand")


def roll_back(home: Home, name: str) -> tuple[str, str | None]:
    """Lets the version serve that did before, or the baseline.

    Returns who serves, and why it is the baseline where that version cannot. Raises ModelError when
    no version serves.
    """
    registry, model = Registry(home.models), model_named(name)
    undone = registry.champion(name)
    registry.rollback(name)
    return _record(registry, audit.ROLLED_BACK, model, undone, None, "rolled back by hand")


def versions_to_compare(
    registry: Registry, name: str, first: int | None, second: int | None
) -> tuple[Version, Version]:
    """Two versions of a model: the one that serves and the latest where none is named.

    Raises ModelError when there are fewer than two, or none of a number.
    """
    numbers = [version.number for version in registry.versions(model_named(name).name)]
    if len(numbers) < 2:
        raise ModelError(
            f"Versions of {name}: {len(numbers)}; a comparison needs two.",
            f"`storehouse models train {name}`.",
        )
    champion = registry.champion(name)
    if second is None:
        second = next(number for number in reversed(numbers) if number != (first or champion))
    if first is None:
        first = champion if champion not in (None, second) else numbers[0]
    return registry.version(name, int(first or 0)), registry.version(name, second)


def _require_warehouse(home: Home) -> None:
    if not home.warehouse_file.exists():
        raise ModelError(f"There is no working file {home.warehouse_file}.", "`storehouse run`.")


def _watched_version(model: Model[Any], versions: Sequence[Version]) -> Version | None:
    """The champion, or while there is none the latest version, of the contract of the code."""
    of_today = [version for version in versions if has_contract_of_code(model, version)]
    return max(of_today, key=lambda version: (version.is_champion, version.number), default=None)


def _has_files(registry: Registry, version: Version) -> bool:
    try:
        registry.artefacts(version.model, version.number)
    except ModelError:
        return False
    return True


def _record(
    registry: Registry,
    action: str,
    model: Model[Any],
    number: int | None,
    passed: bool | None,
    reason: str,
) -> tuple[str, str | None]:
    """Writes the record of a decision; returns who serves since, and why not the champion."""
    predictor, warning = serving(model, registry)
    served = str(predictor.served)
    tags = registry.version(model.name, number).tags if number is not None else {}
    audit.write_record(
        registry.models,
        audit.Record(
            model=model.name,
            action=action,
            version=number,
            passed=passed if number is not None else None,
            reason=reason,
            served_by=served,
            as_of=tags.get("as_of"),
            data_hash=tags.get("data_hash"),
            code_version=tags.get("code_version"),
        ),
    )
    return served, warning
