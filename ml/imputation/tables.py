"""The Parquet that the imputation writes; quick to import, for those who only need its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ml.imputation.attributes import SUBJECTS


@dataclass(frozen=True)
class ScoreTable:
    """A folder of Parquet in the scores zone: its columns without `served_by`, its key."""

    name: str
    columns: Mapping[str, Any]
    key: tuple[str, ...]
    reads: tuple[str, ...] = tuple(subject.table for subject in SUBJECTS)


IMPUTED = ScoreTable(
    "attribute_imputation",
    {
        "source_system": pl.String,
        "subject": pl.String,
        "subject_id": pl.String,
        "attribute": pl.String,
        "imputed_value": pl.Int32,
    },
    ("source_system", "subject", "subject_id", "attribute"),
)
TRIED = ScoreTable(
    "imputation_methods",
    {
        "source_system": pl.String,
        "subject": pl.String,
        "attribute": pl.String,
        "method": pl.String,
        "is_chosen": pl.Boolean,
        "reason": pl.String,
        "known_count": pl.Int64,
        "missing_count": pl.Int64,
        "masked_count": pl.Int64,
        "error": pl.Float64,
        "error_to_mean": pl.Float64,
        "error_at_random": pl.Float64,
        "gain_errors": pl.Float64,
    },
    ("source_system", "subject", "attribute", "method"),
)
TABLES = (IMPUTED, TRIED)
