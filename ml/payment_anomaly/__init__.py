"""Payments that stand out: robust z-scores of amounts and rules, as points and a risk level."""

from ml.payment_anomaly.job import ScoreReport, score, write_stub
from ml.payment_anomaly.rules import Rule, apply_rules
from ml.payment_anomaly.zscore import add_z_scores

__all__ = ["Rule", "ScoreReport", "add_z_scores", "apply_rules", "score", "write_stub"]
