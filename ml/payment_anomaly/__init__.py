"""Payments that stand out: robust z-scores of amounts and rules, as points and a risk level."""

from ml.payment_anomaly.job import READS, ScoreReport, score, score_times, write_stub
from ml.payment_anomaly.rules import Rule, UnknownRuleError, apply_rules
from ml.payment_anomaly.zscore import add_z_scores

__all__ = [
    "READS",
    "Rule",
    "ScoreReport",
    "UnknownRuleError",
    "add_z_scores",
    "apply_rules",
    "score",
    "score_times",
    "write_stub",
]
