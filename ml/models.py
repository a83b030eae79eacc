"""Every model there is; what a model is, ml/frame says."""

from __future__ import annotations

from typing import Any

from ml.demand.model import DemandForecast
from ml.errors import ModelError
from ml.frame.model import Model
from ml.payment_anomaly import PaymentAnomaly
from ml.pricing import PriceRecommendation

MODELS: tuple[Model[Any], ...] = (DemandForecast(), PaymentAnomaly(), PriceRecommendation())


def model_named(name: str) -> Model[Any]:
    """The model of that name; raises ModelError when there is none."""
    for model in MODELS:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise ModelError(f"There is no model {name}.", f"Name one of: {known}.")
