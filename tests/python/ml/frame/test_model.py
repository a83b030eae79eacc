"""The days that a model learns from, calibrates by and is judged on, and rows it needs."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from ml.frame.model import Slice, TooLittleDataError, require_rows

FIRST = date(2025, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


ROWS = pl.DataFrame(
    {
        "source_system": ["shop"] * 120 + ["other"] * 60,
        "day": [day(number) for number in [*range(120), *range(60)]],
    }
)
SLICE = Slice(
    train_before={"shop": day(100), "other": day(50)},
    judged_from={"shop": day(105), "other": day(52)},
    judged_before={"shop": day(115), "other": day(59)},
    as_of=day(119),
)


def days(rows: pl.DataFrame, source: str = "shop") -> list[int]:
    found = rows.filter(pl.col("source_system") == source)["day"].sort().to_list()
    return [(each - FIRST).days for each in found]


def test_rows_that_judge_are_never_learned_from_and_each_source_has_its_own() -> None:
    training, judged = SLICE.training(ROWS, "day"), SLICE.judged(ROWS, "day")
    assert days(training) == [*range(100)]
    assert days(judged) == [*range(105, 115)]
    assert days(training, "other") == [*range(50)]
    assert days(judged, "other") == [*range(52, 59)]
    unknown = ROWS.with_columns(pl.lit("third").alias("source_system"))
    assert SLICE.training(unknown, "day").is_empty() and SLICE.judged(unknown, "day").is_empty()


def test_rows_to_calibrate_by_follow_a_gap() -> None:
    """They are those of the last fifth of the days; what is learned ends a gap before them."""
    learned, checked = SLICE.learned(ROWS, "day", 7)
    assert days(learned) == [*range(73)]
    assert days(checked) == [*range(80, 100)]
    nothing = SLICE.learned(ROWS.clear(), "day", 7)
    assert [part.height for part in nothing] == [0, 0]


def test_the_first_purpose_that_lacks_rows_is_named() -> None:
    counts = {"to learn from": 1_000, "to calibrate by": 1, "to judge by": 0}
    require_rows(counts, 0, "Price changes", "Wait.")
    require_rows({"to learn from": 1_000}, 1_000, "Price changes", "Wait.")
    with pytest.raises(TooLittleDataError) as raised:
        require_rows(counts, 100, "Price changes", "Wait.")
    assert raised.value.message == "Price changes to calibrate by: 1; at least 100 are needed."
    assert raised.value.remedy == "Wait."
    with pytest.raises(TooLittleDataError, match="to learn from: 1,000; at least 1,001 are"):
        require_rows(counts, 1_001, "Price changes", "Wait.")
