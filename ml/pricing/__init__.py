"""Prices: elasticities from what was sold at which price, and proposals within guardrails."""

from ml.pricing.model import PriceRecommendation

__all__ = ["PriceRecommendation"]
