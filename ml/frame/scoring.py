"""Scores with the champion, or with the baseline where there is none; trains nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from ml.errors import ModelError
from ml.frame.card import read_trained_before
from ml.frame.days import Days
from ml.frame.model import IN_SAMPLE, Model, Served, is_before
from ml.frame.reading import read_data
from ml.frame.registry import Registry, Version
from ml.frame.scores import (
    FILE_NAME,
    SERVED_BY,
    SourceDay,
    back_filled_days,
    conforming,
    read_scores,
    score_schema,
    score_times,
    write_scores,
)

F = TypeVar("F")


@dataclass(frozen=True)
class Predictor(Generic[F]):
    """What training made of a version, or the baseline, and its name in `served_by`.

    A version learned from rows of business dates before `trained_before`, by source.
    """

    fitted: F
    served: Served
    trained_before: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreReport:
    """Rows written, who served them, and warnings for people."""

    rows: int
    served: str
    warnings: Sequence[str] = ()


def score(
    model: Model[Any],
    warehouse_file: Path,
    registry: Registry,
    folder: Path,
    days: Days | None = None,
) -> ScoreReport:
    """Replaces the scores in `folder`; with `days` only those of these business days.

    Where a model keeps its latest dates, those that were once named in `days` stay beside them,
    until `forget_back_filled` or a change of the contract. Raises ModelError when the tables cannot
    be read or the model breaks its own contract.
    """
    data = read_data(warehouse_file, model.reads)
    predictor, warning = serving(model, registry)
    scores = model.score(predictor.fitted, data, days)
    served = pl.lit(str(predictor.served))
    if SERVED_BY in scores.columns:  # the rows that a version leaves to the baseline
        served = pl.coalesce(SERVED_BY, served)
    is_by_version = served == str(predictor.served)
    is_learned = is_before(model.dated_by, predictor.trained_before).fill_null(value=False)
    scores = scores.with_columns(
        served.alias(SERVED_BY), (is_by_version & is_learned).alias(IN_SAMPLE)
    )
    scores = conforming(scores, model.written, model.name)
    earlier, back_filled = _earlier(folder, scores.schema)
    read_at = data.read_at
    if days is not None:
        is_wanted = days.holds(model.dated_by).fill_null(value=False)  # what has no day stays
        new, others = scores.filter(is_wanted), earlier.filter(~is_wanted)
        if model.kept_dates:  # else every scoring gives all dates
            back_filled |= _days_of(model, new)
        if others.height:  # those are no newer than they were
            read_at = score_times(folder)[0] or read_at
        scores = pl.concat([others, new])
    elif model.kept_dates:
        back_filled -= _days_of(model, scores)
        scores = _with_earlier(model, scores, earlier, back_filled)
    back_filled &= _days_of(model, scores)
    write_scores(folder, scores, model.written, model.key, read_at, back_filled)
    return ScoreReport(scores.height, str(predictor.served), [warning] if warning else [])


def forget_back_filled(model: Model[Any], folder: Path) -> list[date]:
    """Takes away the business dates that were back-filled and returns them.

    The latest date of each source stays, which every scoring gives. Raises ModelError for a model
    whose every scoring gives all dates.
    """
    if not model.kept_dates:
        raise ModelError(
            f"{model.name} keeps no back-filled days: every scoring gives all its days anew.",
            "There is nothing to forget.",
        )
    scores, back_filled = _earlier(folder, score_schema(model.written))
    read_at, _ = score_times(folder)
    if not back_filled:
        return []
    latest = pl.col(model.dated_by) == pl.col(model.dated_by).max().over("source_system")
    kept = scores.filter(~_is_of(model, back_filled) | latest)
    write_scores(folder, kept, model.written, model.key, read_at)
    return sorted({day for _, day in _days_of(model, scores) - _days_of(model, kept)})


def _earlier(folder: Path, schema: pl.Schema) -> tuple[pl.DataFrame, set[SourceDay]]:
    """The scores there were and their back-filled days; none where they are of another contract,
    for their columns mean something else."""
    if (folder / FILE_NAME).exists():
        found = read_scores(folder)
        if found.schema == schema:
            return found, set(back_filled_days(folder))
    return pl.DataFrame(schema=schema), set()


def _with_earlier(
    model: Model[Any],
    scores: pl.DataFrame,
    earlier: pl.DataFrame,
    back_filled: Collection[SourceDay],
) -> pl.DataFrame:
    """The scores and those of earlier dates: as many as the model keeps, by source, and those that
    were back-filled. Dates after the latest of now are of rows that are no more."""
    last = dict(scores.group_by("source_system").agg(pl.col(model.dated_by).max()).iter_rows())
    before = earlier.filter(is_before(model.dated_by, last).fill_null(value=True))
    kept = pl.concat([before, scores])
    latest = pl.col(model.dated_by).rank("dense", descending=True).over("source_system")
    return kept.filter((latest <= model.kept_dates) | _is_of(model, back_filled))


def _days_of(model: Model[Any], scores: pl.DataFrame) -> set[SourceDay]:
    return set(scores.select("source_system", model.dated_by).drop_nulls().unique().iter_rows())


def _is_of(model: Model[Any], days: Collection[SourceDay]) -> pl.Expr:
    """Whether a row is of one of the days; one without a day is of none."""
    own = pl.struct(pl.col("source_system").alias("s"), pl.col(model.dated_by).alias("d"))
    listed = [{"s": source, "d": day} for source, day in days]
    kind = pl.Struct({"s": pl.String, "d": pl.Date})
    return own.is_in(pl.Series(listed, dtype=kind).implode())


def serving(model: Model[Any], registry: Registry) -> tuple[Predictor[Any], str | None]:
    """Who predicts now, and why it is the baseline where there is a champion that cannot."""
    baseline = Predictor(model.baseline(), Served(model.baseline_name))
    number = registry.champion(model.name)
    if number is None:
        return baseline, None
    version = registry.version(model.name, number)
    if not has_contract_of_code(model, version):
        return baseline, (
            f"{other_code(version)} {model.baseline_name} serves until the next training."
        )
    try:
        return load_version(model, registry, number), None
    except ModelError as error:
        return baseline, f"{error} Until then {model.baseline_name} serves."


def has_contract_of_code(model: Model[Any], version: Version) -> bool:
    """Whether a version has the contract that the model has now; another is not served."""
    return version.tags.get("contract") == model.contract_hash


def other_code(version: Version) -> str:
    """That a version has not the contract that the model has now."""
    return (
        f"{version.model} v{version.number} has other features, files or scores than the code of "
        "today."
    )


def load_version(model: Model[F], registry: Registry, number: int) -> Predictor[F]:
    """A version as it predicts; raises ModelError where its files are gone or damaged."""
    folder = registry.artefacts(model.name, number)
    served = Served(model.trained_as, number)
    try:
        return Predictor(model.load(folder), served, read_trained_before(folder))
    except ModelError:
        raise
    except Exception as error:  # what a library says of a damaged file is its own
        raise ModelError(
            f"{folder} cannot be read: {error or type(error).__name__}.",
            f"Bring its files back, or `storehouse models rollback {model.name}`.",
        ) from error
