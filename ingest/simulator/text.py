"""How ids, instants, dates and money are spelt in the extracts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ingest.simulator.arrays import NEVER, Bools, Ints, scatter


def ids(prefix: str, numbers: Ints, width: int = 8) -> pl.Series:
    """`prefix` and the number counted from 1, zero-padded; null for negative numbers."""
    is_given = numbers >= 0
    number = pl.Series(numbers[is_given] + 1)
    limit = 10**width
    if numbers.max(initial=0) < limit - 1:  # twice as fast as filling with zeros
        digits = (number + limit).cast(pl.String).str.slice(1)
    else:
        digits = number.cast(pl.String).str.zfill(width)
    text = pl.select(pl.lit(prefix) + digits).to_series()
    if number.len() == numbers.size:
        return text
    place = pl.Series(np.cumsum(is_given) - 1)
    return text.gather(pl.select(pl.when(pl.Series(is_given)).then(place)).to_series())


def tokens(prefix: str, numbers: Ints) -> pl.Series:
    """`prefix` and 16 digits that stand for the number without showing it; null when negative."""
    mixed = scatter(np.maximum(numbers, 0))
    digits = pl.Series(mixed % np.uint64(10**16)).cast(pl.String).str.zfill(16)
    present = pl.Series(numbers >= 0)
    return pl.select(pl.when(present).then(pl.lit(prefix) + digits)).to_series()


def iso(instants: Ints) -> pl.Series:
    """Instants as ISO-8601 with Z; null for NEVER."""
    seconds = pl.Series(instants)
    known = pl.select(pl.when(seconds < NEVER).then(seconds * 1000)).to_series()
    return known.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(instant: int) -> str:
    """An instant as YYYYMMDDTHHMMSSZ, as file names carry it."""
    return str(np.datetime64(instant, "s")).replace("-", "").replace(":", "") + "Z"


def money(cents: Ints) -> pl.Series:
    """Cents (>= 0) as decimal text with two digits."""
    amount = pl.Series(cents)
    whole, rest = (amount // 100).cast(pl.String), (amount % 100).cast(pl.String)
    return pl.select(whole + pl.lit(".") + rest.str.zfill(2)).to_series()


def words(vocabulary: Sequence[str], positions: Ints) -> pl.Series:
    """The word at each position; null for negative positions."""
    position = pl.Series(positions)
    index = pl.select(pl.when(position >= 0).then(position)).to_series()
    return pl.Series(list(vocabulary), dtype=pl.String).gather(index)


def nullable(numbers: Ints, present: Bools) -> pl.Series:
    """Numbers where `present`, null elsewhere."""
    return pl.select(pl.when(pl.Series(present)).then(pl.Series(numbers))).to_series()


def typed_carelessly(texts: pl.Series, care: Ints) -> pl.Series:
    """Texts as people type them: `care` 1 upper case, 2 lower case, 3 spaces around, else as is."""
    code = pl.Series(care)
    return pl.select(
        pl.when(code == 1)
        .then(texts.str.to_uppercase())
        .when(code == 2)
        .then(texts.str.to_lowercase())
        .when(code == 3)
        .then(pl.lit(" ") + texts + pl.lit("  "))
        .otherwise(texts)
    ).to_series()
