"""Reads attributes, completes what is missing, writes Parquet and a page that tells how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.frame.model import SEED, Data
from ml.frame.reading import read_data
from ml.frame.scores import SERVED_BY, score_schema, write_scores
from ml.imputation.attributes import SUBJECTS, Subject, inputs_of
from ml.imputation.choice import Choice, choose
from ml.imputation.methods import predict
from ml.imputation.report import write_report
from ml.imputation.tables import IMPUTED, TRIED


@dataclass(frozen=True)
class ImputationReport:
    """Values completed, and by column (`source.subject.attribute`) the method that did."""

    rows: int
    methods: Mapping[str, str]


def impute_attributes(
    warehouse_file: Path, scores: Path, subjects: Sequence[Subject] = SUBJECTS
) -> ImputationReport:
    """Replaces the imputed values and the methods tried in the zone `scores`.

    Raises ModelError when a table is not as it is needed or a column must not be completed,
    duckdb.Error when the file cannot be opened.
    """
    data = read_data(warehouse_file, [subject.reads for subject in subjects])
    with threadpool_limits(1):  # small matrices: more threads wait for each other
        imputed, tried = impute(data, subjects)
    for table, rows in ((IMPUTED, imputed), (TRIED, tried)):
        write_scores(scores / table.name, rows, table.columns, table.key, data.read_at)
    write_report(scores / TRIED.name, tried)
    chosen = tried.filter("is_chosen")
    names = chosen.select(pl.concat_str("source_system", "subject", "attribute", separator="."))
    return ImputationReport(
        imputed.height, dict(zip(names.to_series(), chosen["method"], strict=True))
    )


def impute(data: Data, subjects: Sequence[Subject]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Imputed values (columns of IMPUTED) and the methods tried (columns of TRIED)."""
    imputed = [pl.DataFrame(schema=score_schema(IMPUTED.columns))]
    tried: list[dict[str, Any]] = []
    for subject in subjects:
        table = data[subject.table]
        for source in table["source_system"].unique().sort():
            rows = table.filter(pl.col("source_system") == source)
            for found, methods in _columns(subject, source, rows):
                imputed.append(found)
                tried += methods
    schema = score_schema(TRIED.columns)
    return pl.concat(imputed), pl.DataFrame(tried, schema=schema)


def _columns(
    subject: Subject, source: str, rows: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, list[dict[str, Any]]]]:
    """Of each attribute of a source the imputed values and the methods tried."""
    inputs = inputs_of(subject, rows)
    for column, attribute in enumerate(subject.attributes):
        choice = choose(inputs, column, SEED)
        place = {"source_system": source, "subject": subject.name, "attribute": attribute}
        is_known = ~np.isnan(inputs.numbers[:, column])
        wanted = np.flatnonzero(~is_known) if choice.method else np.empty(0, dtype=np.int64)
        values = (
            predict(choice.method, inputs, column, is_known, wanted, SEED)
            if choice.method
            else np.empty(0)
        )
        yield (
            pl.DataFrame(
                {
                    "subject_id": rows[subject.key].gather(wanted),
                    "imputed_value": np.rint(values),
                }
            ).select(
                *(pl.lit(place[name]).alias(name) for name in ("source_system", "subject")),
                "subject_id",
                pl.lit(attribute).alias("attribute"),
                pl.col("imputed_value").cast(pl.Int32),
                pl.lit(choice.method, pl.String).alias(SERVED_BY),
            ),
            list(_tried(place, choice)),
        )


def _tried(place: Mapping[str, str], choice: Choice) -> Iterator[dict[str, Any]]:
    """A line for each method tried, or one line that says why none was."""
    counts = {
        "known_count": choice.known,
        "missing_count": choice.missing,
        "masked_count": choice.masked,
        "reason": choice.reason,
        SERVED_BY: choice.method or "none",
    }
    if not choice.tried:
        yield {**place, **counts, "method": "none", "is_chosen": False}
    for each in choice.tried:
        yield {
            **place,
            **counts,
            "method": each.method,
            "is_chosen": each.method == choice.method,
            "error": each.error,
            "error_to_mean": each.error / choice.tried[0].error if choice.tried[0].error else None,
            "error_at_random": each.error_at_random,
            "gain_errors": each.gain_errors,
        }
