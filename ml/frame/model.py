"""What a model is: the tables it reads, how it trains, scores and is judged."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import polars as pl

from ml.errors import ModelError
from ml.frame.days import Days
from ml.frame.gate import GateRules, Judgement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TooLittleDataError(ModelError):
    """There are too few matured rows to train and to judge; the baseline serves."""


Params = Mapping[str, float | int | str]
DAY = "day"
"""The business date of a row in `Model.watched`."""
SEED = 20_251_231
IN_SAMPLE = "is_in_sample"
"""The column that the frame adds to scores: whether the version had learned from that day."""
ORIGINS = 3
"""How many times in a row a version is judged, to tell how much its metrics vary."""

F = TypeVar("F")
T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A relation of the warehouse and the columns a model reads of it.

    Rows are read in the order of `key`, so that the same rows are the same input. `features` are
    the columns a trained model learns from as they are; of a table that has any, the leak tests are
    about all columns that are read and no label, for features are made of others too.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """The rows of all tables of a model as one reading saw them; `read_at` is UTC."""

    frames: Mapping[str, pl.DataFrame]
    content_hash: str
    read_at: datetime
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives of these rows, made at the first call for that name."""
        if name not in self._made:
            self._made[name] = make()
        found: T = self._made[name]
        return found

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.frames[table]


@dataclass(frozen=True)
class Slice:
    """The most recent matured rows, which decide about a candidate and are never trained on.

    Business dates, half-open: by source the first and the last + 1 judged date, and the date that
    training rows lie before (the purge gap is between the two). `as_of` is the latest date of all.
    """

    train_before: Mapping[str, date]
    judged_from: Mapping[str, date]
    judged_before: Mapping[str, date]
    as_of: date

    def training(self, rows: pl.DataFrame, dated_by: str) -> pl.DataFrame:
        """The rows, with source_system and a date, that may be learned from."""
        return rows.filter(is_before(dated_by, self.train_before))

    def learned(
        self, rows: pl.DataFrame, dated_by: str, gap_days: int
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Training rows, and after a gap those of the last fifth of the days, to calibrate by."""
        usable = self.training(rows, dated_by)
        days = usable[dated_by].unique().sort()
        if days.is_empty():
            return usable, usable
        start = days[int(len(days) * 0.8)]
        before = pl.col(dated_by) < start - timedelta(days=gap_days)
        return usable.filter(before), usable.filter(pl.col(dated_by) >= start)

    def judged(self, rows: pl.DataFrame, dated_by: str) -> pl.DataFrame:
        """The rows that decide."""
        is_early = is_before(dated_by, self.judged_from)
        return rows.filter(~is_early & is_before(dated_by, self.judged_before))

    def parts(self, count: int) -> list[Slice]:
        """The judged days of each source in `count` parts that follow each other."""
        lengths = {
            source: (self.judged_before[source] - first).days
            for source, first in self.judged_from.items()
        }
        bounds = [
            {
                source: first + timedelta(days=lengths[source] * part // count)
                for source, first in self.judged_from.items()
            }
            for part in range(count + 1)
        ]
        return [
            replace(self, judged_from=bounds[part], judged_before=bounds[part + 1])
            for part in range(count)
        ]


@dataclass(frozen=True)
class Served:
    """Who predicts, as it stands in `served_by`: `lightgbm v3`, or the name of the baseline."""

    name: str
    version: int | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name} v{self.version}"


class Model(ABC, Generic[F]):
    """One model; `F` is what training makes of it and what scoring takes.

    `scores` is the contract of the Parquet it writes (one row per `key`), without `served_by` and
    `is_in_sample`, which the frame adds; `dated_by` names its business date, by which scores can be
    computed again for a range of days, unless only the last day is known (`is_dated` is False).
    Where `kept_dates` is not 0, so many dates of each source are kept as they were predicted then,
    and those that were back-filled. `file_format` is raised when `load` cannot read what older code
    saved. `as_of_sql` gives the latest business date there is, which tells how old a version is. A
    training tries `trials` sets of hyper-parameters unless it is told a number. A version is
    trained anew after `retrain_days`, or when it drifted, but not within `cool_down_days`; drift is
    looked for in windows of `watch_days`, in features, in `label` and in `watched_scores`.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    reads: ClassVar[tuple[Table, ...]]
    scores: ClassVar[Mapping[str, Any]]
    key: ClassVar[tuple[str, ...]]
    dated_by: ClassVar[str]
    as_of_sql: ClassVar[str]
    rules: ClassVar[GateRules]
    label: ClassVar[str]
    watched_scores: ClassVar[tuple[str, ...]]
    trained_as: ClassVar[str]
    retrain_days: ClassVar[int] = 7
    cool_down_days: ClassVar[int] = 2
    watch_days: ClassVar[int] = 28
    kept_dates: ClassVar[int] = 0
    trials: ClassVar[int] = 10
    is_dated: ClassVar[bool] = True
    file_format: ClassVar[int] = 1
    seed: ClassVar[int] = SEED

    @abstractmethod
    def baseline(self) -> F:
        """What serves while the gate lets nothing else; needs no training."""

    @property
    @abstractmethod
    def baseline_name(self) -> str:
        """The name of the baseline in `served_by`."""

    @abstractmethod
    def slice(self, data: Data) -> Slice:
        """The rows that decide; raises TooLittleDataError when there are too few to train."""

    @abstractmethod
    def tune(self, data: Data, judged: Slice, trials: int) -> Params:
        """Parameters found in at most `trials` trials on rows before `judged.train_before`."""

    @abstractmethod
    def fit(self, data: Data, judged: Slice, params: Params) -> F:
        """Learns from the rows before `judged.train_before`; what `judge` asks, from no others."""

    @abstractmethod
    def judge(self, fitted: F, data: Data, judged: Slice) -> Judgement:
        """How well it predicts the judged rows."""

    def origins(self, data: Data, judged: Slice) -> list[Slice]:
        """What the judged rows are divided into to tell how much metrics vary, in time."""
        return judged.parts(ORIGINS)

    @abstractmethod
    def score(self, fitted: F, data: Data, days: Days | None = None) -> pl.DataFrame:
        """Predictions with the columns of `scores`; of a trained model it fits nothing.

        At least of the business dates `days` where they are named, else of all, or of the latest
        where predictions of earlier dates are kept. A column served_by may name the baseline for
        rows that a version leaves to it.
        """

    @abstractmethod
    def watched(self, data: Data) -> pl.DataFrame:
        """Rows to watch: source_system, DAY, features, and `label`, which is null until final."""

    @abstractmethod
    def important(self, fitted: F) -> tuple[str, ...]:
        """The features among `watched` whose drift matters to a trained model."""

    @abstractmethod
    def save(self, fitted: F, folder: Path) -> None:
        """Writes native LightGBM text or JSON into an existing empty folder."""

    @abstractmethod
    def load(self, folder: Path) -> F:
        """Reads what `save` wrote; what it raises where files are missing or damaged is told."""

    def plots(self, fitted: F, data: Data, judged: Slice) -> Mapping[str, Figure]:
        """Pictures for the model card, by title."""
        return {}

    @property
    def written(self) -> dict[str, Any]:
        """The columns of the Parquet it writes, without `served_by`."""
        return {**self.scores, IN_SAMPLE: pl.Boolean}

    @property
    def features(self) -> tuple[str, ...]:
        """`table.column` of everything a trained model learns from as it is."""
        return tuple(f"{table.name}.{name}" for table in self.reads for name in table.features)

    @property
    def inputs(self) -> tuple[str, ...]:
        """`table.column` of everything that is read."""
        return tuple(f"{table.name}.{name}" for table in self.reads for name in table.columns)

    @property
    def contract(self) -> dict[str, str]:
        """What goes in, is kept and comes out: a model of another contract is not served."""
        columns = {"files": str(self.file_format)}
        columns |= {f"in {name}": "input" for name in self.inputs}
        columns |= {f"in {name}": "feature" for name in self.features}
        return columns | {f"out {name}": str(kind) for name, kind in self.scores.items()}

    @property
    def contract_hash(self) -> str:
        """The contract in 16 hex digits."""
        return hashlib.sha256(json.dumps(self.contract).encode()).hexdigest()[:16]


def require_rows(counts: Mapping[str, int], least: int, what: str, remedy: str) -> None:
    """Raises TooLittleDataError for the first purpose of `counts` with fewer rows than `least`.

    `what` names the rows in the plural, a purpose says what they are for, such as "to judge by".
    """
    for purpose, count in counts.items():
        if count < least:
            raise TooLittleDataError(
                f"{what} {purpose}: {count:,}; at least {least:,} are needed.", remedy
            )


def is_before(dated_by: str, by_source: Mapping[str, date]) -> pl.Expr:
    """Whether the date of a row is before that of its source; null for a source without one."""
    day = pl.col("source_system").replace_strict(by_source, default=None, return_dtype=pl.Date)
    return pl.col(dated_by) < day
