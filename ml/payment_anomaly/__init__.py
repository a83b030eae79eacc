"""Payments that stand out: z-scores of amounts, rules, and the probability of a chargeback."""

from ml.payment_anomaly.model import PaymentAnomaly

__all__ = ["PaymentAnomaly"]
