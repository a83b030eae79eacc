"""The search for parameters: its budget, its start and that it is the same every time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml.frame.model import Params
from ml.frame.tuning import Bounds, minimise

SPACE: dict[str, Bounds] = {"rate": (0.001, 1.0), "leaves": (2, 64), "share": (0.5, 1.0)}
DEFAULTS: Params = {"rate": 0.1, "leaves": 15, "share": 0.8, "objective": "binary"}
SEED = 7


class Recorded:
    """A loss that remembers what it was asked for."""

    def __init__(self, loss: Callable[[Params], float]) -> None:
        self.loss = loss
        self.asked: list[Params] = []

    def __call__(self, params: Params) -> float:
        self.asked.append(dict(params))
        return self.loss(params)


def far_from_defaults(params: Params) -> float:
    """Least at a rate of 0.5 and 40 leaves."""
    return abs(float(params["rate"]) - 0.5) + abs(float(params["leaves"]) - 40) / 40


def is_other(params: Params) -> float:
    """Nothing is as good as the defaults."""
    return 0.0 if params == DEFAULTS else 1.0


@pytest.mark.parametrize("trials", [1, 2, 12])
def test_a_trial_is_an_evaluation_and_the_first_is_of_the_defaults(trials: int) -> None:
    loss = Recorded(far_from_defaults)
    found = minimise(loss, SPACE, DEFAULTS, trials, SEED)
    assert len(loss.asked) == trials
    assert loss.asked[0] == DEFAULTS
    assert found == min(loss.asked, key=far_from_defaults)
    assert trials < 12 or far_from_defaults(found) < far_from_defaults(DEFAULTS)


def test_defaults_are_not_lost_to_what_is_worse_or_no_better() -> None:
    assert minimise(is_other, SPACE, DEFAULTS, 12, SEED) == DEFAULTS
    assert minimise(lambda params: 1.0, SPACE, DEFAULTS, 12, SEED) == DEFAULTS


def test_without_trials_nothing_is_evaluated() -> None:
    loss = Recorded(far_from_defaults)
    assert minimise(loss, SPACE, DEFAULTS, 0, SEED) == DEFAULTS
    assert loss.asked == []


def test_the_seed_decides() -> None:
    one, two, other = (Recorded(far_from_defaults) for _ in range(3))
    assert minimise(one, SPACE, DEFAULTS, 12, SEED) == minimise(two, SPACE, DEFAULTS, 12, SEED)
    assert one.asked == two.asked
    minimise(other, SPACE, DEFAULTS, 12, SEED + 1)
    assert other.asked[1:] != one.asked[1:]


def test_trials_stay_within_the_space_and_whole_numbers_whole() -> None:
    loss = Recorded(far_from_defaults)
    found = minimise(loss, SPACE, DEFAULTS, 20, SEED)
    for params in [*loss.asked, found]:
        assert type(params["leaves"]) is int
        assert type(params["rate"]) is float
        for name, (low, high) in SPACE.items():
            assert low <= float(params[name]) <= high
        assert params["objective"] == "binary"
    # Three decades of rates are searched alike: half of them by chance below 0.03, not a 30th.
    assert sum(float(params["rate"]) < 0.1 for params in loss.asked) >= 4
