"""Hyper-parameters by Optuna, with a budget of trials and a fixed seed.

Tree-structured Parzen estimator: Bergstra et al., Algorithms for Hyper-Parameter Optimization
(2011); Optuna: Akiba et al. (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ml.frame.model import Params

if TYPE_CHECKING:
    import optuna

Bounds = tuple[float, float]


def minimise(
    loss: Callable[[Params], float],
    space: Mapping[str, Bounds],
    defaults: Params,
    trials: int,
    seed: int,
) -> Params:
    """The parameters with the least loss of `trials`, of which `defaults` are the first.

    Without trials they are `defaults`, and no loss is asked for.
    `space` has the bounds of each parameter, both whole numbers for one that is whole; a space of
    more than a factor of ten is searched on a logarithmic scale. The same seed, data and number of
    trials give the same parameters.
    """
    if trials < 1:
        return defaults
    import optuna  # takes seconds

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: defaults[name] for name in space})

    def objective(trial: optuna.Trial) -> float:
        return loss({**defaults, **{name: _draw(trial, name, space[name]) for name in space}})

    study.optimize(objective, n_trials=trials)
    return {**defaults, **study.best_params}


def _draw(trial: optuna.Trial, name: str, bounds: Bounds) -> float | int:
    low, high = bounds
    wide = low > 0 and high / low > 10
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=wide)
    return trial.suggest_float(name, low, high, log=wide)
