"""Largest remainder by exact fractions: what allocations are held against."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor


def shared(cents: int, weights: Sequence[int | Decimal]) -> list[int]:
    """The cents of each part; ties to the first, equal parts where nothing weighs."""
    total = sum(map(Fraction, weights))
    exact = [
        Fraction(weight) * cents / total if total else Fraction(cents, len(weights))
        for weight in weights
    ]
    parts = [floor(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda part: (parts[part] - exact[part], part))
    for part in by_remainder[: cents - sum(parts)]:
        parts[part] += 1
    return parts
