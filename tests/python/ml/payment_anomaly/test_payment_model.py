"""The model of payments: on the demo by its rules, on planted fraud by its classifier."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from payments import frame

from ingest.home import PROJECT_DIR, Home
from ml.frame.model import IN_SAMPLE, Data, Slice, TooLittleDataError
from ml.frame.monitoring import measure_version
from ml.frame.reading import read_data
from ml.frame.registry import Registry
from ml.frame.scores import read_scores
from ml.frame.scoring import score
from ml.frame.training import train
from ml.frame.trees import DEFAULTS
from ml.payment_anomaly.classifier import COUNTS, LEARNED
from ml.payment_anomaly.judging import at_budget, judge_ranking
from ml.payment_anomaly.model import LEVELS, PAYMENTS, RULES, PaymentAnomaly

MODEL = PaymentAnomaly()
LAST = date(2025, 12, 31)


def payments(days: int = 400, per_day: int = 40, seed: int = 1) -> pl.DataFrame:
    """Fraud, one in thirty payments, shows in two weak signals together."""
    rng = np.random.default_rng(seed)
    count = days * per_day
    is_fraud = rng.random(count) < 1 / 30
    day = np.arange(count) // per_day
    rows = frame([{} for _ in range(count)]).with_columns(
        pl.Series("payment_id", [f"P{i:06d}" for i in range(count)]),
        pl.Series("payment_date", [LAST - timedelta(days=int(days - 1 - d)) for d in day]),
        pl.Series("amount", rng.lognormal(4, 0.6, count)).cast(pl.Decimal(18, 2)),
        pl.Series("gateway_risk_score", rng.beta(2 + 1.5 * is_fraud, 8, count)),
        pl.Series("device_other_accounts", rng.poisson(0.2 + 1.2 * is_fraud)),
        pl.Series("is_charged_back", is_fraud),
        pl.lit(True).alias("is_captured"),
        pl.lit(1).alias("installments"),
        pl.lit(None, pl.Float64).alias("customer_mean_amount"),
        pl.lit(None, pl.Float64).alias("customer_days_since_payment"),
        pl.lit(None, pl.Boolean).alias("is_network_abroad"),
    )
    paid_at = pl.col("payment_date").cast(pl.Datetime("us")) + timedelta(hours=12)
    others = [pl.lit(0).alias(name) for name in COUNTS if name != "device_other_accounts"]
    return rows.with_columns(
        paid_at.alias("paid_at"),
        (paid_at + timedelta(hours=13)).alias("available_at"),
        pl.col("amount").alias("reporting_amount"),
        *others,
    )


def data(rows: pl.DataFrame) -> Data:
    seeds = PROJECT_DIR / "seeds"
    with duckdb.connect() as connection:
        rules = connection.sql(
            f"select * exclude description from '{seeds}/payment_rules.csv' order by rule_id"
        ).pl()
        levels = connection.sql(f"from '{seeds}/payment_risk_levels.csv'").pl()
    return Data({PAYMENTS: rows, RULES: rules, LEVELS: levels}, "hash", datetime(2026, 1, 1))


@pytest.fixture(scope="module")
def planted() -> Data:
    return data(payments())


@pytest.fixture(scope="module")
def judged(planted: Data) -> Slice:
    return MODEL.slice(planted)


def test_the_slice_is_mature_and_a_gap_lies_before_it(judged: Slice) -> None:
    assert judged.as_of == LAST
    assert judged.judged_before == {"shop": LAST - timedelta(days=44)}
    assert judged.judged_from == {"shop": LAST - timedelta(days=100)}
    assert judged.train_before == {"shop": LAST - timedelta(days=145)}


def test_a_source_that_tells_nothing_counts_for_the_last_day_alone() -> None:
    """`as_of` is held against the latest date of all, which says whether a training is due."""
    silent = payments(days=300).with_columns(
        pl.lit("silent").alias("source_system"),
        pl.lit(False).alias("is_charged_back"),
        pl.col("payment_date") + timedelta(days=9),
    )
    found = MODEL.slice(data(pl.concat([payments(), silent])))
    assert found.as_of == LAST + timedelta(days=9)
    assert set(found.judged_from) == {"shop"}


def test_too_few_chargebacks_leave_the_rules_alone() -> None:
    with pytest.raises(
        TooLittleDataError, match="Matured chargebacks to learn from: 0; at least 30"
    ):
        MODEL.slice(data(payments(days=180)))
    with pytest.raises(TooLittleDataError, match="No source has told of a chargeback"):
        MODEL.slice(data(payments().clear()))


def test_the_classifier_finds_what_the_rules_cannot(
    planted: Data, judged: Slice, tmp_path: Path
) -> None:
    fitted = MODEL.fit(planted, judged, DEFAULTS)
    learned = MODEL.judge(fitted, planted, judged).metrics
    ruled = MODEL.judge(MODEL.baseline(), planted, judged).metrics
    assert learned["average_precision"] > 2 * ruled["average_precision"]
    assert learned["precision_at_1_percent"] > 0.4 > ruled["precision_at_1_percent"]
    scores = MODEL.score(fitted, planted)
    MODEL.save(fitted, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "booster.txt",
        "calibration.json",
        "sources.json",
    }
    assert MODEL.score(MODEL.load(tmp_path), planted).equals(scores)
    again = MODEL.fit(planted, judged, DEFAULTS)
    assert MODEL.score(again, planted).equals(scores)

    test = judged.judged(scores, "payment_date").join(planted[PAYMENTS], on="payment_id")
    expected = float(test["chargeback_probability"].sum())
    assert expected == pytest.approx(test["is_charged_back"].sum(), rel=0.35)  # calibrated
    top = test.sort("review_score", descending=True).head(20)
    assert top["reason_codes"].str.contains("device_other_accounts|gateway_risk_score").all()


def test_what_comes_after_the_training_days_changes_no_tree(
    planted: Data, judged: Slice, tmp_path: Path
) -> None:
    later = pl.col("payment_date") >= judged.train_before["shop"]
    changed = planted[PAYMENTS].with_columns(
        pl.when(later).then(~pl.col("is_charged_back")).otherwise("is_charged_back"),
        pl.when(later).then(0.99).otherwise("gateway_risk_score").alias("gateway_risk_score"),
    )
    for name, rows in (("one", planted[PAYMENTS]), ("two", changed)):
        (tmp_path / name).mkdir()
        MODEL.save(MODEL.fit(data(rows), judged, DEFAULTS), tmp_path / name)
    for file in ("booster.txt", "calibration.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_declined_payment_has_no_probability(planted: Data, judged: Slice) -> None:
    rows = planted[PAYMENTS].with_columns(pl.col("payment_id").ne("P000000").alias("is_captured"))
    fitted = MODEL.fit(data(rows), judged, DEFAULTS)
    scores = MODEL.score(fitted, data(rows))
    for untold in (pl.col("chargeback_probability").is_null(), pl.col("served_by") == "rules"):
        assert scores.filter(untold)["payment_id"].to_list() == ["P000000"]
    assert scores["risk_level"].null_count() == scores["review_score"].null_count() == 0


def ranked(scores: list[float], bad: list[int], amounts: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source_system": "shop",
            "payment_id": [f"P{i:03d}" for i in range(len(scores))],
            "review_score": scores,
            "risk_level": ["HIGH" if score > 0.5 else "LOW" for score in scores],
            "is_charged_back": [i in bad for i in range(len(scores))],
            "reporting_amount": amounts,
            "payment_method_id": "card",
            "is_new_payer": [i % 3 == 0 for i in range(len(scores))],
        }
    )


def test_metrics_at_a_budget_are_those_counted_by_hand() -> None:
    scores = [1 - i / 400 for i in range(400)]
    found = judge_ranking(ranked(scores, [0, 3, 390, 399], [100.0] * 399 + [700.0]), 0.01)
    assert found.metrics["precision_at_0.5_percent"] == 1 / 2  # of 2
    assert found.metrics["recall_at_0.5_percent"] == 1 / 4
    assert found.metrics["precision_at_1_percent"] == 2 / 4
    assert found.metrics["value_recall_at_1_percent"] == 200 / 1000
    assert found.metrics["alert_rate"] == 200 / 400
    assert found.losses["loss"].sum() == 2
    assert found.metrics["new_payer_payments"] == 134
    new = [(1 - i / 400, i in (0, 3, 390, 399)) for i in range(0, 400, 3)]
    better = sum(a > b for a, is_bad in new if is_bad for b, other in new if not other)
    assert found.metrics["new_payer_roc_auc"] == pytest.approx(better / (4 * 130))


def test_chargebacks_without_a_value_have_no_share_of_it() -> None:
    found = judge_ranking(ranked([0.9, 0.1], [0], [0.0, 0.0]), 0.5)
    assert found.metrics["recall_at_1_percent"] == 1
    assert "value_recall_at_1_percent" not in found.metrics


def test_a_source_that_tells_of_no_chargeback_is_left_to_the_rules(
    planted: Data, judged: Slice, tmp_path: Path
) -> None:
    """Its payments change nothing that is learned, and say that the rules serve them."""
    silent = planted[PAYMENTS].with_columns(
        pl.lit("other").alias("source_system"), pl.lit(False).alias("is_charged_back")
    )
    both = data(pl.concat([planted[PAYMENTS], silent]).sort("source_system", "payment_id"))
    assert MODEL.slice(both).judged_from == judged.judged_from
    fitted = MODEL.fit(both, MODEL.slice(both), DEFAULTS)
    for name, model in (("one", fitted), ("two", MODEL.fit(planted, judged, DEFAULTS))):
        (tmp_path / name).mkdir()
        MODEL.save(model, tmp_path / name)
    for file in ("booster.txt", "calibration.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    scores = MODEL.score(fitted, both)
    by_rules = scores.filter(pl.col("served_by") == "rules")
    assert by_rules["source_system"].unique().to_list() == ["other"]
    assert by_rules["chargeback_probability"].null_count() == silent.height == by_rules.height
    assert scores.filter(pl.col("source_system") == "shop")["served_by"].null_count() > 0


def test_equal_scores_do_not_exceed_the_budget() -> None:
    rows = ranked([0.0] * 300, [], [1.0] * 300)
    assert rows.filter(at_budget(0.01))["payment_id"].to_list() == ["P000", "P001", "P002"]


def test_scores_of_the_demo_are_one_row_for_each_payment(demo_home: Home) -> None:
    scores = read_scores(demo_home.scores / MODEL.name)
    found = read_data(demo_home.warehouse_file, MODEL.reads)
    keys = found[PAYMENTS].select("source_system", "payment_id")
    assert scores.select("source_system", "payment_id").equals(keys)
    again = MODEL.score(MODEL.baseline(), found).sort(MODEL.key)
    assert scores.drop(IN_SAMPLE).equals(again)
    assert scores["served_by"].unique().to_list() == ["rules"]


def test_the_rules_find_the_blatant_fraud_of_the_demo(demo_home: Home) -> None:
    """Rules look for bursts; what sly rings, takeovers and friendly fraud plant is weaker."""
    planted = pl.read_parquet(demo_home.truth / "fraud.parquet")
    scores = read_scores(demo_home.scores / MODEL.name)
    flagged = scores.filter(pl.col("risk_level").is_in(["HIGH", "CRITICAL"]))
    blatant = planted.filter(pl.col("kind") == "blatant")
    found = blatant.join(flagged, on="payment_id", how="semi")
    assert blatant.height >= 20
    assert found.height / blatant.height >= 0.85  # recall
    assert found.height / flagged.height >= 0.8  # precision
    assert 0.005 <= flagged.height / scores.height <= 0.05  # alert rate; blatant are 2 %


def test_every_column_that_is_learned_from_is_declared() -> None:
    declared = next(table for table in MODEL.reads if table.name == PAYMENTS)
    assert set(LEARNED) == set(declared.features) <= set(declared.columns)
    assert "is_charged_back" not in declared.features


def test_a_version_is_registered_serves_and_is_watched(planted: Data, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        for name, rows in planted.frames.items():
            connection.execute(f"create schema if not exists {name.partition('.')[0]}")
            connection.register("given", rows)
            connection.execute(f"create table {name} as select * from given")
    registry = Registry(tmp_path / "models")
    trained = train(MODEL, file, registry, code_version="1", leaks=(), trials=1)
    assert (trained.version, trained.is_promoted) == (1, True), trained.reason
    report = score(MODEL, file, registry, tmp_path / "scores")
    assert report.served == "lightgbm v1"
    scores = read_scores(tmp_path / "scores")
    told = scores.filter(pl.col("reason_codes").str.contains("device_other_accounts"))
    assert 0.01 < told.height / scores.height < 0.15  # only of the most probable
    found = measure_version(
        MODEL, registry.version(MODEL.name, 1), registry, read_data(file, MODEL.reads), scores
    )
    assert found.reason_to_retrain is None
    assert found.performance.filter(metric="precision_at_0.5_percent")["value"][0] > 0.2
