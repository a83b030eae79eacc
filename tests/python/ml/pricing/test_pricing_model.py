"""The model of prices in the frame: what it may know, what it proposes and what it never does.

Two categories are planted, one that buyers of a dearer product leave and one that they stay with:
at the planted costs the first is worth lowering, the second worth raising, and whether a change was
a success follows from that, but for chance.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
import yaml

from ml.arrays import Floats
from ml.errors import ModelError
from ml.frame.gate import Candidate, Decision, decide
from ml.frame.model import DAY, Data, Slice, TooLittleDataError
from ml.frame.monitoring import LABEL, SCORE, freeze_reference
from ml.frame.scores import SERVED_BY, conforming
from ml.frame.trees import DEFAULTS, CalibratedTrees
from ml.pricing.elasticity import PRIOR_MEAN, Elasticities
from ml.pricing.model import (
    CANDIDATES,
    EPISODES,
    GUARDRAILS,
    INPUTS,
    LEARNED,
    RESPONSES,
    Fitted,
    PriceRecommendation,
)

PROJECT = Path(__file__).resolve().parents[4]
MODEL = PriceRecommendation()
ELASTICITIES = {"loyal": -1.4, "fickle": -3.2}
PRODUCTS = 30  # of each category
AS_OF = date(2025, 12, 20)
# 13 weeks, and before and after them a window of two weeks with the week until it is settled.
TRAIN_BEFORE = date(2025, 8, 11)  # AS_OF - 131 days
JUDGED_FROM, JUDGED_BEFORE = date(2025, 9, 1), date(2025, 12, 1)
_TYPES: Mapping[str, Any] = {
    "varchar": pl.String,
    "date": pl.Date,
    "double": pl.Float64,
    "integer": pl.Int32,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
}


def polars_type(name: str) -> Any:
    """What a column of a contract is when it is read."""
    if name.startswith("decimal"):
        precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return _TYPES[name]


def types_of(table: str) -> dict[str, Any]:
    """Columns and types of a table of the model, as the contract in the project has them."""
    columns = next(read.columns for read in MODEL.reads if read.name == table)
    schema, _, name = table.partition(".")
    if schema == "seeds":
        seeds = yaml.safe_load((PROJECT / "seeds/_seeds.yml").read_text(encoding="utf-8"))["seeds"]
        seed = next(seed for seed in seeds if seed["name"] == name)
        found = seed["config"]["column_types"]
    else:
        file = PROJECT / f"models/features/{name}.yml"
        model = yaml.safe_load(file.read_text(encoding="utf-8"))["models"][0]
        found = {column["name"]: column["data_type"] for column in model["columns"]}
    return {column: polars_type(found[column]) for column in columns}


def of_contract(table: str, rows: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with exactly the columns and types of a table."""
    types = types_of(table)
    return pl.DataFrame(rows).select(pl.col(name).cast(kind) for name, kind in types.items())


def price_responses() -> pl.DataFrame:
    """Two years of months in which prices walk and share out the lines of their category."""
    rng = np.random.default_rng(11)
    parts = []
    for category, elasticity in ELASTICITIES.items():
        popularity, first = rng.lognormal(0, 0.5, PRODUCTS), rng.uniform(8, 40, PRODUCTS)
        level = np.ones(PRODUCTS)
        for month in range(24):
            moves = rng.random(PRODUCTS) < 0.5
            level = np.clip(level * (1 + moves * rng.uniform(-0.15, 0.15, PRODUCTS)), 0.7, 1.3)
            weight = popularity * level**elasticity
            parts.append(
                pl.DataFrame(
                    {
                        "source_system": "shop",
                        "category": category,
                        "product_id": [f"{category}{i:02d}" for i in range(PRODUCTS)],
                        "month_start": date(2024 + month // 12, month % 12 + 1, 1),
                        "price": (first * level).round(2),
                        "currency": "EUR",
                        "in_stock_days": 30,
                        "line_count": rng.multinomial(3_000, weight / weight.sum()),
                        "category_line_count": 3_000,
                    }
                )
            )
    return of_contract(RESPONSES, pl.concat(parts).to_dict())


def price_episodes(dates: list[date], seed: int = 12) -> pl.DataFrame:
    """A change on each date: a success if its planted gain and chance are more than nothing.

    Who just sold much will sell less; a tenth overlaps another change and has the wrong label; of
    the last two weeks, and the week until they are settled, nothing can be told.
    """
    rng = np.random.default_rng(seed)
    count = len(dates)
    number = np.arange(count)
    category = np.array(list(ELASTICITIES))[number % 2]
    elasticity = np.array([ELASTICITIES[name] for name in category])
    price = rng.uniform(8, 40, count).round(2)
    cost = (price * rng.uniform(0.45, 0.6, count)).round(2)
    change = rng.uniform(0.03, 0.15, count) * rng.choice([-1, 1], count)
    recent = rng.lognormal(0, 0.2, count)
    margin = price - cost
    gain = (price * (1 + change) - cost) * (1 + change) ** elasticity / margin - 1
    lift = gain - 0.1 * (recent - 1) + rng.normal(0, 0.06, count)
    before = margin * rng.uniform(0.5, 3, count)
    overlaps = rng.random(count) < 0.1
    is_over = np.array([day <= AS_OF - timedelta(days=20) for day in dates])
    rows = pl.DataFrame(
        {
            "source_system": "shop",
            "product_id": [f"e{i:05d}" for i in range(count)],
            "change_date": dates,
            "category": category,
            "price_before": price,
            "cost_amount": cost,
            "change_share": change,
            "days_since_change": rng.integers(28, 200, count),
            "planned_discount_share": rng.choice([0, 0, 0.1], count),
            "usual_daily_units": before / margin / recent,
            "recent_sales_ratio": recent,
            "daily_margin_before": before,
            "daily_margin_change": before * lift + 0.5,
            "control_daily_margin_change": 0.5,
            "unusable_reason": np.where(
                ~is_over, "not_over_yet", np.where(overlaps, "overlaps_another_change", "")
            ),
            "is_success": (lift > 0) != overlaps,
        }
    ).with_columns(
        pl.col("unusable_reason").replace("", None),
        pl.when(pl.Series(is_over)).then("is_success").alias("is_success"),
        pl.when(pl.Series(number % 3 > 0)).then("days_since_change").alias("days_since_change"),
    )
    return of_contract(EPISODES, rows.to_dict())


def price_candidates() -> pl.DataFrame:
    """Products of both categories, and one for each thing that may be the matter with a price."""
    rng = np.random.default_rng(13)
    rows: list[dict[str, Any]] = []
    for category in ELASTICITIES:
        for i in range(PRODUCTS):
            price = round(float(rng.uniform(8, 40)), 2)
            rows.append(
                {
                    "product_id": f"{category}{i:02d}",
                    "category": category,
                    "price": price,
                    "cost_amount": round(price * float(rng.uniform(0.45, 0.6)), 2),
                }
            )
    special: dict[str, dict[str, Any]] = {
        "no_cost": {"cost_amount": None},
        "recent": {"days_since_change": 27},
        "just_old_enough": {"days_since_change": 28},
        "never_changed": {"days_since_change": None},
        "cents": {"price": 0.33, "cost_amount": 0.15},
        "at_its_floor": {"category": "fickle", "price": 11.2, "cost_amount": 10.01},
        "under_its_floor": {"price": 10.0, "cost_amount": 9.5},
        "sold_at_a_loss": {"price": 10.0, "cost_amount": 12.0},
        "sold_at_cost": {"price": 10.0, "cost_amount": 10.0},
        "unheard_of": {"category": "new"},
        "never_in_stock": {
            "in_stock_days_before": 0,
            "units_before": 0,
            "usual_daily_units": None,
            "recent_sales_ratio": None,
        },
    }
    for name, changes in special.items():
        rows.append({"product_id": name, "category": "loyal", "price": 10, "cost_amount": 5})
        rows[-1] |= changes
    usual = {
        "source_system": "shop",
        "as_of_date": AS_OF,
        "currency": "EUR",
        "in_stock_days_before": 14,
        "units_before": 28,
        "days_since_change": 90,
        "planned_discount_share": 0.0,
        "usual_daily_units": 2.0,
        "recent_sales_ratio": 1.0,
    }
    full = pl.DataFrame([usual | row for row in rows], infer_schema_length=None)
    return of_contract(CANDIDATES, full.to_dict())


def price_guardrails() -> pl.DataFrame:
    """The bounds that the project ships."""
    with (PROJECT / "seeds/price_guardrails.csv").open(encoding="utf-8") as file:
        rows = [
            {name: Decimal(value) for name, value in row.items()} for row in csv.DictReader(file)
        ]
    return of_contract(GUARDRAILS, pl.DataFrame(rows).to_dict())


def planted(**frames: pl.DataFrame) -> Data:
    """The tables, with some of them (episodes, responses, candidates, guardrails) others."""
    days = [AS_OF - timedelta(days=number % 410) for number in range(2_050)]
    found = {
        EPISODES: frames.get("episodes", price_episodes(days)),
        RESPONSES: frames.get("responses", price_responses()),
        CANDIDATES: frames.get("candidates", price_candidates()),
        GUARDRAILS: frames.get("guardrails", price_guardrails()),
    }
    keys = {table.name: table.key for table in MODEL.reads if table.name != GUARDRAILS}
    ordered = {
        name: frame.sort(keys[name]) if name in keys else frame for name, frame in found.items()
    }
    return Data(ordered, "hash", datetime(2026, 1, 1))


@pytest.fixture(scope="module")
def shop() -> Data:
    return planted()


@pytest.fixture(scope="module")
def judged(shop: Data) -> Slice:
    return MODEL.slice(shop)


@pytest.fixture(scope="module")
def fitted(shop: Data, judged: Slice) -> Fitted:
    return MODEL.fit(shop, judged, DEFAULTS)


@pytest.fixture(scope="module")
def scores(shop: Data, fitted: Fitted) -> pl.DataFrame:
    return as_written(MODEL.score(fitted, shop))


def as_written(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores in the types of their contract, prices in cents."""
    return conforming(scores.with_columns(pl.lit("x").alias(SERVED_BY)), MODEL.scores, MODEL.name)


def saved(fitted: Fitted, folder: Path) -> dict[str, bytes]:
    """The files of a version, by name."""
    folder.mkdir()
    MODEL.save(fitted, folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def usable(episodes: pl.DataFrame) -> pl.DataFrame:
    return episodes.filter(pl.col("unusable_reason").is_null())


# What is learned, and of which days


def test_the_slice_is_13_weeks_of_changes_whose_windows_are_over(shop: Data, judged: Slice) -> None:
    assert (judged.as_of, judged.train_before) == (AS_OF, {"shop": TRAIN_BEFORE})
    assert (judged.judged_from, judged.judged_before) == (
        {"shop": JUDGED_FROM},
        {"shop": JUDGED_BEFORE},
    )
    rows = usable(shop[EPISODES])
    window = timedelta(days=14 + 7)
    learned, checked = judged.learned(rows, "change_date", 14 + 7)
    decides = judged.judged(rows, "change_date")

    def span(part: pl.DataFrame) -> tuple[date, date]:
        days = part["change_date"].sort()
        return days[0], days[-1]

    # A change is over and settled before the next part begins, and before the data end.
    assert span(learned)[1] + window < span(checked)[0] + timedelta(days=1)
    assert span(checked)[1] + window < span(decides)[0] + timedelta(days=1)
    assert span(decides)[1] + window == AS_OF + timedelta(days=1)
    assert decides.height == MODEL.judge(MODEL.baseline(), shop, judged).losses.height


@pytest.mark.parametrize("part", ["to learn from", "to calibrate by", "to judge by"])
def test_99_changes_are_too_few_and_100_enough_in_each_part(part: str) -> None:
    # Of 15 days of training the last three calibrate; one more lies in the gap before them.
    days = [TRAIN_BEFORE - timedelta(days=25 * number) for number in range(14, 0, -1)]
    in_the_gap = days[11] - timedelta(days=21)

    def with_changes(count: int) -> Data:
        counts = {"to learn from": 100, "to calibrate by": 100, "to judge by": 100} | {part: count}
        dates = [
            *(days[number % 11] for number in range(counts["to learn from"])),
            *(days[11 + number % 3] for number in range(counts["to calibrate by"])),
            *[in_the_gap] * 5,
            *[JUDGED_FROM] * counts["to judge by"],
        ]
        learnable = pl.lit(None, pl.String).alias("unusable_reason")
        episodes = price_episodes(dates).with_columns(learnable)
        wrong = price_episodes(dates).with_columns(
            pl.lit("too_few_controls").alias("unusable_reason")
        )
        return planted(episodes=pl.concat([episodes, wrong]))

    MODEL.slice(with_changes(100))
    with pytest.raises(TooLittleDataError, match=f"Price changes {part}: 99; at least 100"):
        MODEL.slice(with_changes(99))


def test_without_a_price_there_is_nothing_to_train_for() -> None:
    with pytest.raises(TooLittleDataError, match="No product has a price"):
        MODEL.slice(planted(candidates=price_candidates().clear()))


def test_nothing_judged_knows_rows_from_the_last_training_day_on(
    shop: Data, judged: Slice, fitted: Fitted, tmp_path: Path
) -> None:
    later = (pl.col("change_date") >= TRAIN_BEFORE) | pl.col("unusable_reason").is_not_null()
    month_is_later = pl.col("month_start").dt.offset_by("1mo") > TRAIN_BEFORE
    assert shop[RESPONSES].filter(month_is_later & (pl.col("month_start") < TRAIN_BEFORE)).height

    def altered(of_episodes: pl.Expr, of_responses: pl.Expr) -> Data:
        episodes = shop[EPISODES].with_columns(
            pl.when(of_episodes)
            .then(~pl.col("is_success"))
            .otherwise("is_success")
            .alias("is_success"),
            *(
                pl.when(of_episodes).then(9.0).otherwise(name).alias(name)
                for name in ("change_share", "recent_sales_ratio", "daily_margin_change")
            ),
        )
        lines = pl.when(of_responses).then(7).otherwise("line_count").alias("line_count")
        price = pl.col("price").cast(pl.Float64)
        moved = pl.when(of_responses).then(price * 3).otherwise(price).cast(pl.Decimal(18, 2))
        responses = shop[RESPONSES].with_columns(lines, moved.alias("price"))
        candidates = shop[CANDIDATES].with_columns(pl.lit("x").alias("category"))
        return planted(episodes=episodes, responses=responses, candidates=candidates)

    one = saved(fitted, tmp_path / "one")
    changed = altered(later, month_is_later)
    refitted = MODEL.fit(changed, judged, DEFAULTS)
    other = saved(refitted, tmp_path / "later")
    assert {name for name in one if other[name] != one[name]} == {"elasticities.json"}
    first, second = (MODEL.judge(version, shop, judged) for version in (fitted, refitted))
    assert first.losses.equals(second.losses)
    differing = {name for name in first.metrics if first.metrics[name] != second.metrics[name]}
    assert differing == {"elasticity_shift"}
    most = MODEL.rules.ceilings["elasticity_shift"]
    assert first.metrics["elasticity_shift"] < 1 < most < second.metrics["elasticity_shift"]
    assert MODEL.tune(changed, judged, 2) == MODEL.tune(shop, judged, 2)

    # The same alterations of rows that may be known are seen: of each kind in a file of its own.
    none = pl.lit(False)
    before = ~later & (pl.col("change_date") > TRAIN_BEFORE - timedelta(days=200))
    other = saved(MODEL.fit(altered(before, none), judged, DEFAULTS), tmp_path / "episodes")
    assert other["elasticities_before.json"] == one["elasticities_before.json"]
    assert other["booster.txt"] != one["booster.txt"]
    last_month = pl.col("month_start") == date(2025, 7, 1)
    other = saved(MODEL.fit(altered(none, last_month), judged, DEFAULTS), tmp_path / "responses")
    assert other["elasticities_before.json"] != one["elasticities_before.json"]


def test_elasticities_of_all_months_propose_and_those_before_are_judged(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    assert fitted.elasticities != fitted.elasticities_before
    other = Elasticities({("shop", name): (-1.1, 0.01) for name in ELASTICITIES}, {}, 0.0)
    of_proposals = replace(fitted, elasticities=other)
    of_judged = replace(fitted, elasticities_before=other)
    scores = MODEL.score(fitted, shop)
    assert MODEL.score(of_judged, shop).equals(scores)
    assert not MODEL.score(of_proposals, shop).equals(scores)
    losses = MODEL.judge(fitted, shop, judged).losses
    assert MODEL.judge(of_proposals, shop, judged).losses.equals(losses)
    assert not MODEL.judge(of_judged, shop, judged).losses.equals(losses)


@pytest.mark.parametrize(
    ("before", "now", "shift"),
    [
        ((-2.0, 0.1), -2.6, 3.0),  # tenths are more than deviations
        ((-2.0, 0.5), -4.0, 4.0),  # deviations are more than tenths
        ((-2.0, 0.1), -2.0, 0.0),
    ],
)
def test_elasticities_that_turn_within_the_judged_months_are_refused(
    shop: Data,
    judged: Slice,
    fitted: Fitted,
    before: tuple[float, float],
    now: float,
    shift: float,
) -> None:
    def of(mean: float, deviation: float) -> Elasticities:
        steady = {("shop", "loyal"): (-1.4, 0.1), ("shop", "fickle"): (mean, deviation)}
        return Elasticities(steady, {}, 0.0)

    version = replace(
        fitted, elasticities=of(now, before[1]), elasticities_before=of(*before), threshold=0.5
    )
    found = MODEL.judge(version, shop, judged)
    assert found.metrics["elasticity_shift"] == pytest.approx(shift)
    baseline = MODEL.judge(MODEL.baseline(), shop, judged)
    assert baseline.metrics["elasticity_shift"] == 0
    turned = replace(found, metrics={**found.metrics, "elasticity_shift": 4.1})
    offered = Candidate(turned, MODEL.contract, [], 1.0, 1)
    refused = decide(offered, baseline, None, MODEL.contract, MODEL.rules, MODEL.seed)
    assert "limit of elasticity_shift" in refused.reason
    assert MODEL.judge(fitted, shop, judged).metrics["elasticity_shift"] < 4


def test_two_trainings_are_the_same(shop: Data, judged: Slice, tmp_path: Path) -> None:
    params = [MODEL.tune(planted(), judged, 2) for _ in range(2)]
    assert params[0] == params[1] != DEFAULTS
    assert MODEL.tune(shop, judged, 0) == DEFAULTS
    one, two = (
        saved(MODEL.fit(planted(), judged, params[0]), tmp_path / name) for name in ("one", "two")
    )
    assert one == two
    assert set(one) == {
        "booster.txt",
        "calibration.json",
        "elasticities.json",
        "elasticities_before.json",
        "threshold.json",
    }


# How good it is


def test_the_planted_elasticities_are_found(fitted: Fitted) -> None:
    assert fitted.elasticities is not None
    for category, planted_one in ELASTICITIES.items():
        mean, deviation = fitted.elasticities.categories[("shop", category)]
        assert mean == pytest.approx(planted_one, rel=0.1)
        assert abs(mean - planted_one) < 3 * deviation


def test_a_fit_beats_the_base_rate(shop: Data, judged: Slice, fitted: Fitted) -> None:
    learned = MODEL.judge(replace(fitted, threshold=0.5), shop, judged)
    base = MODEL.judge(MODEL.baseline(), shop, judged)
    assert learned.losses.select("unit", "segment").equals(base.losses.select("unit", "segment"))
    assert learned.losses["loss"].sum() < 0.8 * float(base.losses["loss"].sum())
    assert learned.metrics["accuracy"] > base.metrics["majority_accuracy"] + 0.1
    assert learned.metrics["policy_value"] > max(0, learned.metrics["mean_lift"])
    assert learned.metrics["calibration_error"] <= MODEL.rules.ceilings["calibration_error"]
    rows = usable(shop[EPISODES])
    rate = float(rows.filter(pl.col("change_date") < TRAIN_BEFORE)["is_success"].to_numpy().mean())
    truth = rows.filter(pl.col("change_date").is_between(JUDGED_FROM, JUDGED_BEFORE, closed="left"))
    given = np.where(truth["is_success"].to_numpy(), rate, 1 - rate)
    assert base.losses["loss"].to_numpy() == pytest.approx(-np.log(given))
    # Who holds every price keeps no change, and wins nothing.
    assert base.metrics["class_0_recall"] == 1
    assert base.metrics["policy_value"] == 0


def test_a_category_that_is_surely_worse_is_refused_though_all_are_better(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    learned, base = (MODEL.judge(found, shop, judged) for found in (fitted, MODEL.baseline()))
    is_loyal = pl.col("segment") == "shop loyal"

    def decision(of_loyal: float) -> Decision:
        loss = pl.when(is_loyal).then(pl.col("loss") * of_loyal).otherwise("loss").alias("loss")
        candidate = replace(learned, losses=learned.losses.with_columns(loss))
        offered = Candidate(candidate, MODEL.contract, [], 1.0, 1)
        return decide(offered, base, learned, MODEL.contract, MODEL.rules, MODEL.seed)

    assert decision(1.0).passed
    assert decision(1.01).passed  # a hundredth of a half is within what chance does
    refused = decision(1.2).checks
    assert "shop loyal x 1.200" in next(
        check.detail for check in refused if check.name == "segments against champion"
    )


def counted(prefix: str, truth: Floats, predicted: Floats) -> dict[str, float]:
    """The report by its definitions."""
    found, by_class = {f"{prefix}accuracy": float(np.mean(truth == predicted))}, []
    for label in (0, 1):
        hits = float(np.sum((truth == label) & (predicted == label)))
        given, real = float(np.sum(predicted == label)), float(np.sum(truth == label))
        precision, recall = hits / given if given else 0.0, hits / real
        f1 = 2 * hits / (given + real)
        by_class.append((precision, recall, f1))
        names = ("precision", "recall", "f1", "support")
        for name, value in zip(names, (precision, recall, f1, real), strict=True):
            found[f"{prefix}class_{label}_{name}"] = value
    weights = [float(np.mean(truth == label)) for label in (0, 1)]
    for i, name in enumerate(("precision", "recall", "f1")):
        values = [measures[i] for measures in by_class]
        found[f"{prefix}macro_{name}"] = sum(values) / 2
        found[f"{prefix}weighted_{name}"] = float(np.dot(weights, values))
    return found


def test_the_report_of_all_three_predictors_is_complete(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    fitted = replace(fitted, threshold=0.5)
    judgement = MODEL.judge(fitted, shop, judged)
    truth = (
        judgement.losses.with_columns(pl.col("unit").str.split("|").list.get(1).alias("product_id"))
        .join(shop[EPISODES], on="product_id", maintain_order="left")["is_success"]
        .to_numpy()
        .astype(float)
    )
    likelihood = np.exp(-judgement.losses["loss"].to_numpy())
    probability = np.where(truth == 1, likelihood, 1 - likelihood)
    predicted = (probability >= fitted.threshold).astype(float)
    assert 0 < predicted.mean() < 1
    known = usable(shop[EPISODES]).filter(pl.col("change_date") < TRAIN_BEFORE)
    majority = np.full(
        truth.size, float(known["is_success"].cast(pl.Float64).to_numpy().mean() >= 0.5)
    )
    expected = {
        **counted("", truth, predicted),
        **counted("majority_", truth, majority),
        **counted("always_1_", truth, np.ones(truth.size)),
        "episodes": truth.size,
        "new_product_episodes": truth.size,  # each change is that of a product of its own
        "threshold": fitted.threshold,
        **dict.fromkeys(("brier", "new_product_brier"), float(np.mean((probability - truth) ** 2))),
        "new_product_accuracy": float(np.mean(predicted == truth)),
    }
    assert len(expected) == 3 * 15 + 6
    assert {name: judgement.metrics[name] for name in expected} == pytest.approx(expected)
    others = {"roc_auc", "calibration_error", "mean_lift", "mean_lift_kept", "policy_value"}
    others |= {"new_product_roc_auc", "elasticity_shift"}
    assert set(judgement.metrics) == set(expected) | others
    assert set(judgement.losses["segment"]) == {"shop loyal", "shop fickle"}


def test_products_that_training_knows_are_not_new(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    # The first judged product is one that was learned from, its namesake of another source is not.
    rows = usable(shop[EPISODES])
    decides = judged.judged(rows, "change_date")
    first, second = decides["product_id"][:2]
    known = rows.filter(pl.col("change_date") < TRAIN_BEFORE).head(2)
    again = known.with_columns(
        pl.Series("product_id", [first, second]), pl.Series("source_system", ["shop", "other"])
    )
    slice_of_both = replace(judged, train_before={**judged.train_before, "other": TRAIN_BEFORE})
    data = planted(episodes=pl.concat([shop[EPISODES], again]))
    metrics = MODEL.judge(fitted, data, slice_of_both).metrics
    assert metrics["new_product_episodes"] == metrics["episodes"] - 1 == decides.height - 1


def test_what_is_judged_is_what_is_served(
    shop: Data, judged: Slice, fitted: Fitted, tmp_path: Path
) -> None:
    # As proposals are scored, with recent sales as usual, changes calibrate and decide.
    _, checked = judged.learned(usable(shop[EPISODES]), "change_date", 14 + 7)
    lucky = pl.when(pl.col("change_date") >= checked["change_date"].min()).then(3.0)
    episodes = shop[EPISODES].with_columns(
        lucky.otherwise("recent_sales_ratio").alias("recent_sales_ratio")
    )
    other = planted(episodes=episodes)
    assert MODEL.judge(fitted, other, judged).losses.equals(
        MODEL.judge(fitted, shop, judged).losses
    )
    one = saved(fitted, tmp_path / "one")
    assert saved(MODEL.fit(other, judged, DEFAULTS), tmp_path / "two") == one
    assert MODEL.tune(other, judged, 2) == MODEL.tune(shop, judged, 2)


def test_the_classifier_is_calibrated_with_elasticities_of_the_months_before(
    shop: Data, judged: Slice, fitted: Fitted, tmp_path: Path
) -> None:
    _, checked = judged.learned(usable(shop[EPISODES]), "change_date", 14 + 7)
    first = checked["change_date"].min()
    assert first == date(2025, 6, 16)

    def with_other_lines(is_other: pl.Expr) -> Data:
        lines = pl.when(is_other).then(pl.col("line_count") // 2 + 7).otherwise("line_count")
        return planted(responses=shop[RESPONSES].with_columns(lines.alias("line_count")))

    one = saved(fitted, tmp_path / "one")
    month = pl.col("month_start")
    during = with_other_lines(month.is_in([date(2025, 6, 1), date(2025, 7, 1)]))
    two = saved(MODEL.fit(during, judged, DEFAULTS), tmp_path / "two")
    changed = {name for name in one if one[name] != two[name]}
    assert changed == {"elasticities.json", "elasticities_before.json"}
    before = with_other_lines(month == date(2025, 5, 1))
    three = saved(MODEL.fit(before, judged, DEFAULTS), tmp_path / "three")
    assert three["booster.txt"] != one["booster.txt"]


def test_the_picture_shows_how_probabilities_came_true(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    figure = MODEL.plots(fitted, shop, judged)["Reliability"]
    line = figure.axes[0].lines[1]
    given, came_true = (
        np.asarray(values, dtype=float) for values in (line.get_xdata(), line.get_ydata())
    )
    assert given.size == 10 and (np.diff(given) >= 0).all()
    decides = judged.judged(usable(shop[EPISODES]), "change_date")
    assert came_true.mean() == pytest.approx(
        float(decides["is_success"].to_numpy().mean()), abs=0.01
    )
    assert came_true[-2:].mean() > came_true[:2].mean() + 0.5
    assert MODEL.plots(MODEL.baseline(), shop, judged) == {}


def test_what_is_watched_is_what_is_learned_from(shop: Data, fitted: Fitted) -> None:
    watched = MODEL.watched(shop)
    assert watched.columns == ["source_system", DAY, *LEARNED, MODEL.label]
    assert watched.height == usable(shop[EPISODES]).height < shop[EPISODES].height
    assert watched[MODEL.label].null_count() == 0
    assert set(MODEL.important(fitted)) <= set(LEARNED)
    assert MODEL.important(MODEL.baseline()) == ()


@pytest.mark.parametrize(
    ("strongest", "important"),
    [
        (["predicted_gain_share"], ["change_share"]),
        (["predicted_gain_share", "change_share", "margin_share"], ["change_share"]),
        (["usual_daily_units", "recent_sales_ratio"], ["usual_daily_units"]),
    ],
)
def test_what_drifts_matters_where_it_decides(strongest: list[str], important: list[str]) -> None:
    trees = cast("Any", SimpleNamespace(strongest=lambda: tuple(strongest)))
    assert MODEL.important(Fitted(trees=trees)) == tuple(important)


# What it proposes


def by_product(scores: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["product_id"]: row for row in scores.iter_rows(named=True)}


def test_prices_move_to_where_the_planted_margin_is_higher(scores: pl.DataFrame) -> None:
    assert dict(scores.drop(SERVED_BY).schema) == MODEL.scores
    assert scores.height == price_candidates().height
    found = by_product(scores)
    usual = {
        category: [found[f"{category}{i:02d}"]["action"] for i in range(PRODUCTS)]
        for category in ELASTICITIES
    }
    assert usual["loyal"].count("raise") > 0.8 * PRODUCTS and "lower" not in usual["loyal"]
    assert usual["fickle"].count("lower") > 0.5 * PRODUCTS and "raise" not in usual["fickle"]


@pytest.mark.parametrize(
    ("most", "margin"), [("0.15", "0.1"), ("0.155", "0.6"), ("0.02", "0.1"), ("0.3", "0.6")]
)
def test_every_proposal_keeps_every_guardrail(fitted: Fitted, most: str, margin: str) -> None:
    limits = {
        "min_margin_share": margin,
        "max_change_share": most,
        "min_days_between_changes": "28",
    }
    guardrails = of_contract(GUARDRAILS, {name: [Decimal(v)] for name, v in limits.items()})
    shares = {"loyal": ("0.86", "0.97"), "fickle": ("0.4", "0.97")}
    priced = [
        (f"{category}{cents}{share}", category, price, price * Decimal(share))
        for cents in [*range(3, 60, 2), *range(990, 1_010)]
        for price in [Decimal(cents) / 100]
        for category in shares
        for share in shares[category]
    ]
    names = ["product_id", "category", "price", "cost_amount"]
    usual = price_candidates().filter(pl.col("product_id") == "loyal00").drop(names)
    many = pl.DataFrame(priced, schema=names, orient="row").join(usual, how="cross")
    many = of_contract(CANDIDATES, many.to_dict())
    candidates = pl.concat([price_candidates(), many])
    data = planted(candidates=candidates, guardrails=guardrails)
    # No threshold: a change that is doubted breaks no guardrail.
    scores = as_written(MODEL.score(replace(fitted, threshold=0.0), data))
    actions = dict(scores["action"].value_counts().iter_rows())
    assert actions["skip"] == 1
    assert most == "0.02" or min(actions["raise"], actions["lower"]) > 10
    rows = scores.join(candidates, on="product_id", suffix="_read")
    for row in rows.iter_rows(named=True):
        price, proposed, cost = row["price"], row["proposed_price"], row["cost_amount"]
        if row["action"] == "skip":
            assert (row["reason"], proposed, cost) == ("no_cost", None, None)
            assert row["expected_daily_gain"] is row["lower_daily_gain"] is None
        elif row["action"] == "hold":
            assert proposed == price and row["change_share"] == 0
            assert row["expected_daily_gain"] == row["lower_daily_gain"] == 0
            assert row["reason"] != "margin_is_higher"
        else:
            assert row["reason"] == "margin_is_higher"
            assert (proposed > price) == (row["action"] == "raise") and proposed != price
            assert abs(proposed - price) <= price * Decimal(most)
            assert abs(row["change_share"]) <= float(most) + 1e-9
            floor = (cost * (1 + Decimal(margin))).quantize(Decimal("0.01"), ROUND_CEILING)
            reach = price * (1 + Decimal(most)) - Decimal("0.01")
            assert proposed >= min(floor, reach)
            assert row["days_since_change"] is None or row["days_since_change"] >= 28
            assert row["lower_daily_gain"] <= row["expected_daily_gain"]


def test_what_is_the_matter_with_a_price_is_its_reason(scores: pl.DataFrame) -> None:
    found = by_product(scores)

    def told(name: str) -> tuple[str, str]:
        return found[name]["action"], found[name]["reason"]

    assert told("no_cost") == ("skip", "no_cost")
    assert told("recent") == ("hold", "changed_recently")
    assert told("just_old_enough") == told("never_changed") == ("raise", "margin_is_higher")
    assert found["never_in_stock"]["expected_daily_gain"] == 0
    assert found["unheard_of"]["elasticity"] == PRIOR_MEAN
    assert found["cents"]["proposed_price"] == Decimal("0.37")  # 0.38 is more than 15 %


def test_an_unlikely_success_is_held_and_gains_nothing(shop: Data, fitted: Fitted) -> None:
    trusting = as_written(MODEL.score(replace(fitted, threshold=0.0), shop))
    changes = trusting.filter(pl.col("action").is_in(["raise", "lower"])).sort(
        "success_probability"
    )
    assert trusting["success_probability"].null_count() == trusting.height - changes.height
    likely = changes["success_probability"].unique().sort()
    line = likely[len(likely) // 2]
    scores = as_written(MODEL.score(replace(fitted, threshold=line), shop))
    is_doubted = (pl.col("success_probability") < line).fill_null(False)
    doubted, others = scores.filter(is_doubted), scores.filter(~is_doubted)
    assert 0 < doubted.height < changes.height
    assert set(doubted["action"]) == {"hold"}
    assert set(doubted["reason"]) == {"success_not_likely"}
    assert doubted["proposed_price"].equals(doubted["price"])
    gains = doubted.select("change_share", "expected_daily_gain", "lower_daily_gain")
    assert gains.sum().row(0) == (0, 0, 0)
    # Whoever reaches the line stays as proposed, in every column.
    kept = others.select("product_id").join(trusting, on="product_id", maintain_order="left")
    assert others.select(trusting.columns).equals(kept.select(trusting.columns))


def test_proposals_that_surely_lost_are_held_back_and_no_others(
    shop: Data, judged: Slice, fitted: Fitted
) -> None:
    assert fitted.threshold == 0  # what the optimum endorses won, as the planted gain has it
    # With a promotion planned the same changes lose whatever was predicted.
    loses = pl.col("planned_discount_share") > 0
    change = pl.when(loses).then(-pl.col("daily_margin_before")).otherwise("daily_margin_change")
    episodes = shop[EPISODES].with_columns(
        change.alias("daily_margin_change"), (~loses & pl.col("is_success")).alias("is_success")
    )
    wary = MODEL.fit(planted(episodes=episodes), judged, DEFAULTS)
    assert wary.threshold > 0
    promoted = pl.col("product_id").str.ends_with("1").cast(pl.Float64) / 10
    candidates = shop[CANDIDATES].with_columns(
        promoted.cast(pl.Decimal(6, 4)).alias("planned_discount_share")
    )
    scores = as_written(MODEL.score(wary, planted(candidates=candidates)))
    doubted = scores.filter(pl.col("reason") == "success_not_likely")["product_id"]
    changed = scores.filter(pl.col("reason") == "margin_is_higher")["product_id"]
    assert doubted.len() and doubted.str.ends_with("1").all()
    assert changed.len() and not changed.str.ends_with("1").any()


def test_luck_of_the_last_weeks_is_no_reason_for_or_against_a_price(
    shop: Data, scores: pl.DataFrame, fitted: Fitted
) -> None:
    lucky = shop[CANDIDATES].with_columns(pl.lit(3.0).alias("recent_sales_ratio"))
    assert as_written(MODEL.score(fitted, planted(candidates=lucky))).equals(scores)


class Echo:
    """Stands in for a booster: predicts one of the inputs as it is."""

    def __init__(self, name: str) -> None:
        self.column = INPUTS.index(name)

    def predict(self, rows: Floats) -> Floats:
        found: Floats = rows[:, self.column]
        return found


def test_a_gain_of_what_is_sold_at_a_loss_is_told_as_a_gain(shop: Data) -> None:
    # The probability is that of a scale from -10 to 10: a half stands for no gain.
    told = CalibratedTrees(
        cast("Any", Echo("predicted_gain_share")),
        INPUTS,
        np.array([-10.0, 10.0]),
        np.array([0.0, 1.0]),
    )
    sure = Elasticities({("shop", "loyal"): (-1.4, 0.01)}, {}, 0.0)
    found = by_product(MODEL.score(Fitted(sure, sure, told, threshold=0.0), shop))
    raised = found["sold_at_a_loss"]
    assert (raised["action"], raised["change_share"]) == ("raise", pytest.approx(0.15))
    gain = (10 * 1.15 - 12) * 1.15**-1.4 + 2  # of a loss of 2
    assert raised["success_probability"] == pytest.approx((gain / 2 + 10) / 20)
    usual = found["just_old_enough"]
    gain = (10 * 1.15 - 5) * 1.15**-1.4 - 5
    assert usual["success_probability"] == pytest.approx((gain / 5 + 10) / 20)
    assert found["sold_at_cost"]["success_probability"] == 1  # a gain on nothing has no bound


def test_a_category_or_source_without_a_learned_elasticity_is_held(
    shop: Data, fitted: Fitted
) -> None:
    found = by_product(MODEL.score(replace(fitted, threshold=0.0), shop))
    assert (found["unheard_of"]["action"], found["unheard_of"]["reason"]) == (
        "hold",
        "category_not_learned",
    )
    other = shop.frames[CANDIDATES].with_columns(pl.lit("elsewhere").alias("source_system"))
    moved = Data({**shop.frames, CANDIDATES: other}, "hash", shop.read_at)
    assert set(MODEL.score(fitted, moved)["action"]) <= {"hold", "skip"}


def test_what_is_saved_scores_and_judges_the_same(
    shop: Data, judged: Slice, fitted: Fitted, tmp_path: Path
) -> None:
    files = saved(fitted, tmp_path / "one")
    loaded = MODEL.load(tmp_path / "one")
    assert saved(loaded, tmp_path / "two") == files
    assert MODEL.score(loaded, shop).equals(MODEL.score(fitted, shop))
    one, two = (MODEL.judge(version, shop, judged) for version in (fitted, loaded))
    assert one.metrics == two.metrics and one.losses.equals(two.losses)


def test_without_a_model_every_price_stays_and_says_so(shop: Data, tmp_path: Path) -> None:
    scores = as_written(MODEL.score(MODEL.baseline(), shop))
    priced = scores.filter(pl.col("product_id") != "no_cost")
    assert set(priced.select("action", "reason").rows()) == {("hold", "no_model_serves")}
    assert priced["proposed_price"].equals(priced["price"])
    gains = priced.select("change_share", "expected_daily_gain", "lower_daily_gain")
    assert set(gains.rows()) == {(0.0, 0.0, 0.0)}
    skipped = by_product(scores)["no_cost"]
    assert (skipped["action"], skipped["proposed_price"]) == ("skip", None)
    guessed = scores.select("elasticity", "elasticity_deviation", "success_probability")
    assert guessed.null_count().row(0) == (scores.height,) * 3
    assert saved(MODEL.baseline(), tmp_path / "none") == {}


# What may be missing


def test_no_candidates_give_no_proposals(fitted: Fitted) -> None:
    empty = planted(candidates=price_candidates().clear())
    for version in (fitted, MODEL.baseline()):
        scores = MODEL.score(version, empty)
        assert scores.is_empty()
        assert dict(as_written(scores).drop(SERVED_BY).schema) == MODEL.scores


def test_without_guardrails_every_price_is_held_and_says_so(fitted: Fitted) -> None:
    data = planted(guardrails=price_guardrails().clear())
    for version in (fitted, MODEL.baseline()):
        scores = as_written(MODEL.score(version, data))
        found = set(scores.select("action", "reason").rows())
        assert found == {("hold", "no_guardrails"), ("skip", "no_cost")}
        kept = scores.filter(pl.col("action") == "hold")
        assert kept["proposed_price"].equals(kept["price"])
        assert kept["success_probability"].null_count() == kept.height
    insight = PROJECT / "models/insights/ml_price_recommendation.yml"
    assert "no_guardrails" in insight.read_text(encoding="utf-8")


def test_guardrails_that_say_too_much_or_too_little_are_refused(fitted: Fitted) -> None:
    one = price_guardrails()
    unbounded = one.with_columns(pl.lit(None, pl.Decimal(6, 4)).alias("max_change_share"))
    for rows in (pl.concat([one, one]), unbounded):
        with pytest.raises(ModelError, match=r"seeds/price_guardrails\.csv has .* one row"):
            MODEL.score(fitted, planted(guardrails=rows))


def test_without_any_cost_every_price_is_skipped(fitted: Fitted) -> None:
    unknown = pl.lit(None, pl.Decimal(18, 2)).alias("cost_amount")
    data = planted(candidates=price_candidates().with_columns(unknown))
    for version in (fitted, MODEL.baseline()):
        scores = as_written(MODEL.score(version, data))
        assert set(scores.select("action", "reason").rows()) == {("skip", "no_cost")}
        nothing = (
            "proposed_price",
            "expected_daily_margin",
            "expected_daily_gain",
            "lower_daily_gain",
        )
        assert scores.select(nothing).null_count().row(0) == (scores.height,) * 4


def test_each_source_is_judged_by_its_own_last_day(shop: Data, judged: Slice) -> None:
    def with_an_older(rows: pl.DataFrame, date_column: str, table: str) -> pl.DataFrame:
        older = rows.with_columns(
            pl.lit("old").alias("source_system"), pl.col(date_column).dt.offset_by("-7y")
        )
        return pl.concat([shop[table], older])

    # Changes of its own: a copy of what is calibrated by would have been learned by heart.
    other = price_episodes(shop[EPISODES]["change_date"].to_list(), seed=21)
    both = planted(
        episodes=with_an_older(other, "change_date", EPISODES),
        responses=with_an_older(shop[RESPONSES], "month_start", RESPONSES),
        candidates=with_an_older(shop[CANDIDATES], "as_of_date", CANDIDATES),
    )
    found = MODEL.slice(both)
    assert found.as_of == judged.as_of
    assert found.train_before == {"shop": TRAIN_BEFORE, "old": date(2018, 8, 11)}
    assert found.judged_from == {"shop": JUDGED_FROM, "old": date(2018, 9, 1)}
    assert found.judged_before == {"shop": JUDGED_BEFORE, "old": date(2018, 12, 1)}
    fitted = MODEL.fit(both, found, MODEL.tune(both, found, 1))
    assert fitted.elasticities is not None
    for category, elasticity in ELASTICITIES.items():
        mean, _ = fitted.elasticities.categories[("old", category)]
        assert mean == pytest.approx(elasticity, rel=0.1)
    learned, base = (MODEL.judge(version, both, found) for version in (fitted, MODEL.baseline()))
    units = learned.losses["unit"].str.split("|").list.first()
    assert min(units.eq(source).sum() for source in ("old", "shop")) > 0.4 * units.len()
    assert learned.losses["loss"].sum() < 0.8 * float(base.losses["loss"].sum())
    scores = as_written(MODEL.score(fitted, both))
    days = (
        scores.group_by("source_system")
        .agg(pl.col("as_of_date").unique(), pl.len())
        .sort("source_system")
    )
    products = shop[CANDIDATES].height
    assert days.rows() == [("old", [date(2018, 12, 20)], products), ("shop", [AS_OF], products)]
    reference = freeze_reference(MODEL, fitted, both, found, scores.drop(SERVED_BY))
    kinds = {(column.source, column.kind) for column in reference}
    assert {(source, kind) for source in ("old", "shop") for kind in (LABEL, SCORE)} <= kinds


def test_a_source_that_only_sells_by_the_week_has_no_prices_and_does_no_harm(
    shop: Data, judged: Slice, fitted: Fitted, tmp_path: Path
) -> None:
    # It has no candidates: rows that are left of it elsewhere belong to nobody's training.
    stray = {
        table: pl.concat(
            [shop[table], shop[table].with_columns(pl.lit("olist").alias("source_system"))]
        )
        for table in (EPISODES, RESPONSES)
    }
    data = planted(episodes=stray[EPISODES], responses=stray[RESPONSES])
    assert MODEL.slice(data) == judged
    one, two = saved(fitted, tmp_path / "one"), tmp_path / "two"
    assert saved(MODEL.fit(data, MODEL.slice(data), DEFAULTS), two) == one
