"""The gate: a pure function that lets a candidate serve, or says why not.

Non-inferiority by paired bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
chapter 16; both models are judged on the same units, and units are drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ml.arrays import Floats
from ml.errors import ModelError


@dataclass(frozen=True)
class Judgement:
    """What a model did on the judged rows.

    `losses`: one row per unit that is drawn as a whole (a series, a payment, an episode) with unit
    (String), segment (String) and loss (Float64, lower is better, additive).
    """

    metrics: Mapping[str, float]
    losses: pl.DataFrame


@dataclass(frozen=True)
class Candidate:
    """All that the gate looks at; `leaks` are features that a leak test found to know the future.

    `score_seconds` is the processor time that scoring took, `size_bytes` what the artefacts take on
    disk.
    """

    judgement: Judgement
    contract: Mapping[str, str]
    leaks: Sequence[str]
    score_seconds: float
    size_bytes: int


@dataclass(frozen=True)
class GateRules:
    """What a candidate must keep against the baseline and the champion.

    `floors` are least values of metrics, `ceilings` most values. With `confidence`, one-sided, its
    loss by that of the other is 1 + `tolerance` at most, over `least_units` or more. A segment of
    `guarded_units` or more may be worse by `segment_tolerance`; more counts where it is worse with
    `confidence`.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 0.01
    segment_tolerance: float = 0.10
    guarded_units: int = 30
    least_units: int = 20
    confidence: float = 0.95
    resamples: int = 1_000
    most_seconds: float = 300.0
    most_bytes: int = 200_000_000


@dataclass(frozen=True)
class LossRatio:
    """Loss by loss of another, and the bounds that it is above and below with confidence."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Check:
    """One question of the gate and its answer, with the ratio of losses where it is about one."""

    name: str
    passed: bool
    detail: str
    ratio: LossRatio | None = None


@dataclass(frozen=True)
class Decision:
    """Whether the candidate may serve, and every check behind it."""

    passed: bool
    checks: tuple[Check, ...]

    @property
    def loss_to_baseline(self) -> LossRatio | None:
        """The loss by that of the baseline; None where they could not be compared."""
        return next(check.ratio for check in self.checks if check.name == _against("baseline"))

    @property
    def reason(self) -> str:
        """The failed checks in one line, or that all passed."""
        failed = [f"{check.name}: {check.detail}" for check in self.checks if not check.passed]
        return "; ".join(failed) or "all checks passed"


def decide(
    candidate: Candidate,
    baseline: Judgement,
    champion: Judgement | None,
    contract: Mapping[str, str],
    rules: GateRules,
    seed: int,
) -> Decision:
    """Judges a candidate against the baseline, which it must beat, and against the champion.

    All are judged on the same units, each once; `champion` is None while the baseline serves,
    `contract` is what the code expects today. A champion whose loss is no number is not compared
    with. The same input gives the same decision. Raises ModelError for a unit that is judged twice.
    """
    incumbents = {"baseline": baseline}
    if champion and np.isfinite(float(champion.losses["loss"].sum())):
        incumbents["champion"] = champion
    checks = [_contract_check(candidate.contract, contract), _leak_check(candidate.leaks)]
    metrics = candidate.judgement.metrics
    for name, limit in rules.floors.items():
        checks.append(_limit_check(name, metrics.get(name), limit, is_floor=True))
    for name, limit in rules.ceilings.items():
        checks.append(_limit_check(name, metrics.get(name), limit, is_floor=False))
    for name, judgement in incumbents.items():
        pairs = _paired(candidate.judgement.losses, judgement.losses)
        checks.append(_comparison_check(name, pairs, rules, seed))
        checks.append(_segment_check(name, pairs, rules, seed))
    checks.append(
        Check(
            "latency",
            candidate.score_seconds <= rules.most_seconds,
            f"scoring took {candidate.score_seconds:.2f} s of processor time, "
            f"at most {rules.most_seconds:.0f}",
        )
    )
    checks.append(
        Check(
            "size",
            candidate.size_bytes <= rules.most_bytes,
            f"{candidate.size_bytes:,} bytes, at most {rules.most_bytes:,}",
        )
    )
    return Decision(all(check.passed for check in checks), tuple(checks))


def against_baseline(served: Judgement, baseline: Judgement, rules: GateRules, seed: int) -> Check:
    """Whether a version that serves would still pass against the baseline."""
    return _comparison_check("baseline", _paired(served.losses, baseline.losses), rules, seed)


def loss_ratio(
    candidate: Floats, incumbent: Floats, confidence: float, resamples: int, seed: int
) -> LossRatio:
    """The ratio of two losses over units that are drawn together.

    Both are losses by unit, shape (units,), in the same order. Units are drawn with replacement by
    Poisson weights, which for many units is the same and needs no array of positions.
    """
    rng = np.random.default_rng(seed)
    ratios = np.empty(resamples)
    for i in range(resamples):
        weight = rng.poisson(1.0, candidate.size)
        ratios[i] = _ratio(float(weight @ candidate), float(weight @ incumbent))
    lower, upper = np.quantile(ratios, [1 - confidence, confidence], method="inverted_cdf")
    value = _ratio(float(candidate.sum()), float(incumbent.sum()))
    return LossRatio(value, float(lower), float(upper))


def _contract_check(found: Mapping[str, str], expected: Mapping[str, str]) -> Check:
    differing = sorted(
        name for name in {*found, *expected} if found.get(name) != expected.get(name)
    )
    detail = f"differs in {', '.join(differing[:5])}" if differing else "unchanged"
    return Check("contract", not differing, detail)


def _leak_check(leaks: Sequence[str]) -> Check:
    detail = f"knows the future: {', '.join(leaks[:5])}" if leaks else "nothing known later is used"
    return Check("leaks", not leaks, detail)


def _limit_check(name: str, value: float | None, limit: float, *, is_floor: bool) -> Check:
    word = "at least" if is_floor else "at most"
    if value is None or not np.isfinite(value):
        return Check(f"limit of {name}", False, f"could not be computed, {word} {limit:g}")
    passed = value >= limit if is_floor else value <= limit
    return Check(f"limit of {name}", bool(passed), f"{value:.4g}, {word} {limit:g}")


def _paired(candidate: pl.DataFrame, incumbent: pl.DataFrame) -> pl.DataFrame:
    for losses in (candidate, incumbent):
        if losses.select("unit", "segment").is_duplicated().any():
            raise ModelError("A unit is judged twice.", "Let `judge` of the model give one row.")
    return candidate.join(
        incumbent.select("unit", "segment", pl.col("loss").alias("before")),
        on=["unit", "segment"],
        how="full",
        coalesce=True,
    )


def _comparison_check(name: str, pairs: pl.DataFrame, rules: GateRules, seed: int) -> Check:
    title = _against(name)
    if pairs["loss"].null_count() or pairs["before"].null_count():
        return Check(title, False, "it was not judged on the same units")
    if not np.isfinite(float(pairs["loss"].sum())):
        return Check(title, False, "its loss is not a number")
    if pairs.height < rules.least_units:
        return Check(title, False, f"{pairs.height} units, at least {rules.least_units}")
    found = _loss_ratio(pairs, rules, seed)
    limit = 1 + rules.tolerance
    return Check(
        title,
        found.upper <= limit and (name != "baseline" or found.value < 1),
        f"loss x {found.value:.3f}, with {rules.confidence:.0%} confidence at most "
        f"x {found.upper:.3f}, limit x {limit:.3f}",
        found,
    )


def _against(name: str) -> str:
    return f"against {name}"


def _loss_ratio(pairs: pl.DataFrame, rules: GateRules, seed: int) -> LossRatio:
    candidate, incumbent = pairs["loss"].to_numpy(), pairs["before"].to_numpy()
    return loss_ratio(candidate, incumbent, rules.confidence, rules.resamples, seed)


def _ratio(loss: float, before: float) -> float:
    """How a loss compares to another; two that are 0 are equal."""
    if before > 0:
        return loss / before
    return 1.0 if loss == 0 else float("inf")


def _segment_check(name: str, pairs: pl.DataFrame, rules: GateRules, seed: int) -> Check:
    parts = sorted(pairs.group_by("segment"), key=lambda part: part[0])
    found = {
        str(segment): _loss_ratio(rows, rules, seed)
        for (segment,), rows in parts
        if rows.height >= rules.guarded_units
    }
    listed = ", ".join(
        f"{segment} x {ratio.value:.3f}"
        for segment, ratio in found.items()
        if ratio.value > 1 + rules.segment_tolerance and ratio.lower > 1
    )
    none_worse = f"{len(found)} of {len(parts)} segments are large enough, none is worse"
    detail = f"worse in {listed}" if listed else none_worse
    return Check(f"segments against {name}", not listed, detail)
