"""The gate lets nothing pass that is worse, leaks, has another shape, or is slow or large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from ml.errors import ModelError
from ml.frame.gate import Candidate, Decision, GateRules, Judgement, decide, loss_ratio

CONTRACT = {"in kind": "feature", "out predicted": "Float64"}
RULES = GateRules(
    floors={"auc": 0.6}, ceilings={"bias": 0.2}, most_seconds=10, most_bytes=1_000, resamples=400
)
UNITS = 200


def judgement(
    scale: float = 1.0, *, worse_in: str = "", auc: float = 0.8, bias: float = 0.0
) -> Judgement:
    """Losses of 200 units in two segments, of which one may be five times as bad."""
    noise = np.random.default_rng(1).uniform(0.8, 1.2, UNITS)
    segment = np.where(np.arange(UNITS) % 4 == 0, "small", "large")
    loss = noise * scale * np.where(segment == worse_in, 5, 1)
    return Judgement(
        {"auc": auc, "bias": bias},
        pl.DataFrame(
            {
                "unit": [str(i) for i in range(UNITS)],
                "segment": segment,
                "loss": loss,
            }
        ),
    )


GOOD = Candidate(judgement(0.7), CONTRACT, (), score_seconds=1, size_bytes=10)


def failed(decision: Decision) -> list[str]:
    assert decision.passed == (not [check for check in decision.checks if not check.passed])
    return [check.name for check in decision.checks if not check.passed]


def test_a_better_candidate_passes_every_check() -> None:
    decision = decide(GOOD, judgement(1.0), judgement(0.75), CONTRACT, RULES, 1)
    assert failed(decision) == []
    assert decision.reason == "all checks passed"
    assert [check.name for check in decision.checks] == [
        "contract",
        "leaks",
        "limit of auc",
        "limit of bias",
        "against baseline",
        "segments against baseline",
        "against champion",
        "segments against champion",
        "latency",
        "size",
    ]


@pytest.mark.parametrize(
    ("candidate", "names"),
    [
        (replace(GOOD, contract={"in kind": "feature"}), ["contract"]),
        (replace(GOOD, contract={**CONTRACT, "in more": "feature"}), ["contract"]),
        (replace(GOOD, leaks=["features.sales.kind"]), ["leaks"]),
        (replace(GOOD, score_seconds=10.1), ["latency"]),
        (replace(GOOD, size_bytes=1_001), ["size"]),
        (replace(GOOD, judgement=judgement(0.7, auc=0.59)), ["limit of auc"]),
        (replace(GOOD, judgement=judgement(0.7, auc=float("nan"))), ["limit of auc"]),
        (replace(GOOD, judgement=judgement(0.7, bias=0.21)), ["limit of bias"]),
        (
            replace(GOOD, judgement=judgement(0.9)),
            ["against champion", "segments against champion"],
        ),
        (
            replace(GOOD, judgement=judgement(0.4, worse_in="small")),
            ["segments against baseline", "against champion", "segments against champion"],
        ),
    ],
)
def test_each_fault_is_refused_by_its_own_check(candidate: Candidate, names: list[str]) -> None:
    assert failed(decide(candidate, judgement(1.0), judgement(0.75), CONTRACT, RULES, 1)) == names


def test_a_candidate_as_good_as_the_champion_passes_and_one_as_good_as_the_baseline_does_not() -> (
    None
):
    same = replace(GOOD, judgement=judgement(1.0))
    assert failed(decide(same, judgement(1.0), None, CONTRACT, RULES, 1)) == ["against baseline"]
    assert failed(decide(same, judgement(1.5), judgement(1.0), CONTRACT, RULES, 1)) == []


def test_a_small_segment_is_no_reason() -> None:
    rules = replace(RULES, guarded_units=51)  # the small one has 50
    candidate = replace(GOOD, judgement=judgement(0.4, worse_in="small"))
    assert failed(decide(candidate, judgement(1.0), None, CONTRACT, rules, 1)) == []


def test_a_segment_that_is_worse_by_chance_is_no_reason() -> None:
    """One unit of fifty is far off, all others are better: the sum is worse by a tenth and more."""
    frame = judgement(1.0).losses
    is_odd = pl.col("unit") == "0"
    losses = frame.with_columns(
        pl.when(is_odd).then(20.0).otherwise(pl.col("loss") * 0.8).alias("loss")
    )
    sums = [
        float(part.filter(pl.col("segment") == "small")["loss"].sum()) for part in (losses, frame)
    ]
    assert sums[0] > 1.1 * sums[1]
    candidate = replace(GOOD, judgement=Judgement({"auc": 1.0, "bias": 0.0}, losses))
    found = failed(decide(candidate, judgement(1.0), None, CONTRACT, RULES, 1))
    assert "segments against baseline" not in found


def test_segments_without_any_loss_are_equal() -> None:
    none = judgement(1.0).losses.with_columns(
        pl.when(pl.col("segment") == "small").then(0.0).otherwise("loss").alias("loss")
    )
    better = none.with_columns(pl.col("loss") * 0.5)
    candidate = replace(GOOD, judgement=Judgement({"auc": 1.0, "bias": 0.0}, better))
    assert failed(decide(candidate, Judgement({}, none), None, CONTRACT, RULES, 1)) == []


def test_too_few_units_or_other_units_prove_nothing() -> None:
    few = replace(GOOD, judgement=Judgement({"auc": 1.0, "bias": 0}, judgement(0.1).losses.head(5)))
    base = Judgement({}, judgement(1.0).losses.head(5))
    assert "against baseline" in failed(decide(few, base, None, CONTRACT, RULES, 1))
    other = Judgement({}, judgement(1.0).losses.head(150))
    assert "against baseline" in failed(decide(GOOD, other, None, CONTRACT, RULES, 1))


def test_the_decision_holds_the_loss_by_the_baseline() -> None:
    found = decide(GOOD, judgement(1.0), judgement(0.75), CONTRACT, RULES, 1).loss_to_baseline
    assert found is not None and found.lower <= found.value <= found.upper
    assert found.value == pytest.approx(0.7)
    other = Judgement({}, judgement(1.0).losses.head(150))
    assert decide(GOOD, other, None, CONTRACT, RULES, 1).loss_to_baseline is None


def test_the_same_input_gives_the_same_decision() -> None:
    one, two = (decide(GOOD, judgement(1.0), None, CONTRACT, RULES, 7) for _ in range(2))
    assert one == two


def test_the_bound_covers_the_true_ratio_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(200):
        incumbent = rng.gamma(2.0, 1.0, 150)
        candidate = 0.5 * incumbent + 0.5 * rng.gamma(2.0, 1.0, 150)  # of the same mean
        found = loss_ratio(candidate, incumbent, 0.95, 300, seed)
        covered += (found.upper >= 1.0) + (found.lower <= 1.0)
    assert 0.91 <= covered / 400 <= 0.985


def test_a_champion_that_can_no_longer_be_judged_is_none_to_beat() -> None:
    spoilt = judgement(0.5)
    losses = spoilt.losses.with_columns(pl.lit(float("nan")).alias("loss"))
    decision = decide(GOOD, judgement(1.0), replace(spoilt, losses=losses), CONTRACT, RULES, 1)
    assert failed(decision) == []
    assert "against champion" not in [check.name for check in decision.checks]


def test_units_that_are_judged_twice_are_a_mistake_of_the_model() -> None:
    twice = replace(GOOD.judgement, losses=pl.concat([GOOD.judgement.losses] * 2))
    with pytest.raises(ModelError, match="judged twice"):
        decide(replace(GOOD, judgement=twice), judgement(1.0), None, CONTRACT, RULES, 1)
