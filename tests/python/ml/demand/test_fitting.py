"""The fitted forecast: no look-ahead, no effect of masked periods, sane numbers, save and load."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from panels import QUICK, counted, counts, frame, period

from ml.demand.baselines import Baseline
from ml.demand.boosting import PARAMETERS, SEARCH_SPACE
from ml.demand.choice import Choice
from ml.demand.classes import CLASSES
from ml.demand.errors import DemandError, FutureLeakError, ModelFileError, PanelError
from ml.demand.features import FeatureMaker, FeaturePlan
from ml.demand.fitted import COLUMNS, Fitted
from ml.demand.fitting import fit, history_grid, tune
from ml.demand.frequency import DAY, WEEK
from ml.demand.methods import METHODS
from ml.demand.panel import Panel
from ml.demand.validation import Backtest, train_before

SERIES = 220  # so many that trees compete
NOW = 45
ORIGIN = period(WEEK, NOW)


@pytest.fixture(scope="module")
def history() -> Panel:
    return counted(SERIES).as_of(ORIGIN)


@pytest.fixture(scope="module")
def fitted(history: Panel) -> Fitted:
    """A fit whose trees are used, whatever they are worth."""
    found = fit(history, ORIGIN, WEEK, QUICK, seed=5)
    return with_trees(found, history)


def with_trees(found: Fitted, panel: Panel) -> Fitted:
    """The fit with trees for all classes, so that tests see them too."""
    model = found.model
    grid = history_grid(panel, model.origin, model.frequency)
    backtest = Backtest.of(grid, model.settings)
    maker = FeatureMaker(grid, backtest.smoothed, model.plan)
    text = train_before(maker, grid.now, model.settings, model.seed)
    assert text is not None
    choice = Choice(model.choice.variants, dict.fromkeys(CLASSES, "lightgbm"))
    return Fitted(replace(model, choice=choice), text)


def saved(found: Fitted, folder: Path) -> dict[str, bytes]:
    found.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(st.integers(0, SERIES - 1), st.integers(NOW, 59), st.floats(0, 1e6))
def test_nothing_at_or_after_the_origin_changes_fit_or_forecast(
    series: int, column: int, value: float
) -> None:
    units = counts(SERIES)
    changed = units.copy()
    changed[series, column] = value
    found = []
    for values in (units, changed):
        panel = Panel(frame(values)).as_of(ORIGIN)
        own = fit(panel, ORIGIN, WEEK, QUICK)
        assert "lightgbm" in own.model.scores
        trees = with_trees(own, panel)
        found.append((own.model, trees.trees, trees.forecast(panel, ORIGIN)))
    assert found[0][:2] == found[1][:2]
    assert found[0][2].equals(found[1][2])


def test_validation_does_not_see_past_its_origins() -> None:
    """Trees and methods of a validation origin are the same whatever comes after it."""
    units = counts(SERIES)
    found = []
    for factor in (1.0, 9.0):
        values = units.copy()
        first = NOW - WEEK.horizon - 2 * QUICK.step_of(WEEK)
        values[:, first:] *= factor
        grid = history_grid(Panel(frame(values)).as_of(ORIGIN), ORIGIN, WEEK)
        backtest = Backtest.of(grid, QUICK)
        assert backtest.targets[0].column == first
        lessons = backtest.lessons(FeaturePlan.of(grid, 0, 1.0), seed=5)
        assert lessons is not None
        trees = [lesson.forecast({}, QUICK, seed=5) for lesson in lessons]
        found.append((trees[0], backtest.targets[0].naive, trees[2]))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])
    assert not np.array_equal(found[0][2], found[1][2])


@settings(max_examples=4, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, SERIES - 1), st.integers(1, NOW - 1)), min_size=1),
    st.floats(0, 1e4),
)
def test_units_of_masked_periods_never_matter(cells: list[tuple[int, int]], value: float) -> None:
    masked = pl.DataFrame(
        [(f"s{series:03d}", period(WEEK, column)) for series, column in set(cells)],
        schema={"series_id": pl.String, "period": pl.Date},
        orient="row",
    ).with_columns(hit=True)
    found = []
    for units in (pl.col("units"), pl.lit(value), pl.lit(None, pl.Float64)):
        rows = frame(counts(SERIES)).join(masked, on=["series_id", "period"], how="left")
        panel = Panel(
            rows.with_columns(
                is_masked=pl.col("hit").fill_null(False),
                units=pl.when("hit").then(units).otherwise("units"),
            )
        ).as_of(ORIGIN)
        own = with_trees(fit(panel, ORIGIN, WEEK, QUICK), panel)
        found.append((own.trees, own.forecast(panel, ORIGIN)))
    assert found[0][0] == found[1][0] == found[2][0]
    assert found[0][1].equals(found[1][1])
    assert found[0][1].equals(found[2][1])


def test_a_masked_period_is_not_a_period_without_sales() -> None:
    rows = frame([[5.0] * 10 + [0.0] * 5]).with_columns(
        is_masked=pl.col("period") >= period(WEEK, 10)
    )
    origin = period(WEEK, 15)
    masked = Baseline("moving_average", WEEK).forecast(Panel(rows), origin)
    assert masked["forecast_units"].to_list() == pytest.approx([5.0] * 13)


@pytest.mark.parametrize("method", METHODS)
def test_forecasts_of_baselines_are_sane(method: str, history: Panel) -> None:
    check_rows(Baseline(method, WEEK).forecast(history, ORIGIN), SERIES)


def test_forecasts_are_sane(fitted: Fitted, history: Panel) -> None:
    found = fitted.forecast(history, ORIGIN)
    check_rows(found, SERIES)
    assert set(found["served_by"]) == {"lightgbm"}


def check_rows(found: pl.DataFrame, series: int) -> None:
    assert dict(found.schema) == COLUMNS
    assert found.height == series * WEEK.horizon
    assert found.null_count().sum_horizontal().item() == 0
    assert found["forecast_units"].is_finite().all()
    assert found.filter(pl.col("forecast_units") < 0).is_empty()
    assert found.filter(
        (pl.col("p10") > pl.col("p50")) | (pl.col("p50") > pl.col("p90"))
    ).is_empty()
    assert found.filter(pl.col("p10") < 0).is_empty()
    assert found["horizon"].unique().sort().to_list() == list(range(1, 14))
    weeks = (found["period"] - ORIGIN).dt.total_days() // 7 + 1
    assert weeks.to_list() == found["horizon"].to_list()


def test_saved_and_loaded_it_forecasts_the_same(
    fitted: Fitted, history: Panel, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = Fitted.load(tmp_path)
    assert loaded == fitted
    assert loaded.forecast(history, ORIGIN).equals(fitted.forecast(history, ORIGIN))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "trees.txt"]


def test_files_that_are_no_model_are_refused(fitted: Fitted, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        Fitted.load(tmp_path)
    fitted.save(tmp_path)
    (tmp_path / "trees.txt").unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        Fitted.load(tmp_path)
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"format": 1', '"format": 0'))
    with pytest.raises(ModelFileError, match="format 0"):
        Fitted.load(tmp_path)


def test_the_same_input_gives_the_same_files(history: Panel, tmp_path: Path) -> None:
    shuffled = Panel(history.frame.sample(fraction=1, shuffle=True, seed=9))
    files = []
    for number, panel in enumerate((history, history, shuffled)):
        own = with_trees(fit(panel, ORIGIN, WEEK, QUICK, seed=5), panel)
        files.append(saved(own, tmp_path / str(number)))
    assert files[0] == files[1] == files[2]
    other = with_trees(fit(history, ORIGIN, WEEK, QUICK, seed=6), history)
    assert saved(other, tmp_path / "other")["trees.txt"] != files[0]["trees.txt"]


def test_a_later_origin_is_forecast_without_a_new_fit(fitted: Fitted) -> None:
    later = period(WEEK, 50)
    panel = counted(SERIES).as_of(later)
    found = fitted.forecast(panel, later)
    check = found["period"].min()
    assert isinstance(check, date)
    assert check == later
    with pytest.raises(FutureLeakError):
        fitted.forecast(counted(SERIES), later)


def test_a_constant_panel_is_forecast_as_its_constant() -> None:
    units = np.repeat(np.arange(1.0, 41.0)[:, None], 60, axis=1)
    panel = Panel(frame(units)).as_of(ORIGIN)
    found = fit(panel, ORIGIN, WEEK, QUICK).forecast(panel, ORIGIN)
    expected = [1.0 + int(name[1:]) for name in found["series_id"]]
    assert found["forecast_units"].to_list() == pytest.approx(expected)
    for name in ("p10", "p50", "p90"):
        assert (found[name] - pl.Series(expected)).abs().max() <= 2  # type: ignore[operator]


def test_the_winner_on_a_seasonal_panel_is_not_the_moving_average() -> None:
    rng = np.random.default_rng(2)
    weekday = np.array([1, 1, 1, 2, 4, 9, 6])[np.arange(200) % 7]
    level = rng.uniform(2, 6, 40)
    units = rng.poisson(level[:, None] * weekday[None, :]).astype(np.float64)
    origin = period(DAY, 170)
    panel = Panel(frame(units, DAY)).as_of(origin)
    own = fit(panel, origin, DAY, QUICK)
    found = own.forecast(panel, origin)
    assert not set(found["served_by"]) & {"moving_average", "smoothers", "sba", "croston"}
    by_day = found.group_by(pl.col("period").dt.weekday()).agg(pl.col("forecast_units").mean())
    means = dict(by_day.iter_rows())
    assert means[6] > 5 * means[1]


def test_a_panel_too_small_for_trees_is_served_all_smoothers_or_its_season() -> None:
    rng = np.random.default_rng(3)
    origin = period(DAY, 170)
    weekday = np.array([1, 1, 1, 2, 4, 9, 6])[np.arange(170) % 7]
    served = {}
    for name, mean in {"level": np.full(170, 3.0), "season": 20.0 * weekday}.items():
        panel = Panel(frame(rng.poisson(mean, (12, 170)).astype(np.float64), DAY))
        served[name] = set(fit(panel, origin, DAY, QUICK).model.choice.serving.values())
    assert served == {"level": {"smoothers"}, "season": {"seasonal_naive"}}


def test_cold_and_planned_series_get_the_level_of_their_category() -> None:
    origin = period(WEEK, 30)
    units = np.random.default_rng(1).poisson(20, (20, 30)).astype(float)
    units[1::2] = np.random.default_rng(2).poisson(2, (10, 30))
    new = [
        frame([[3.0]], categories=["a"]).with_columns(
            series_id=pl.lit("young"), period=pl.lit(period(WEEK, 29))
        ),
        frame([[None]], categories=["b"]).with_columns(
            series_id=pl.lit("planned"), period=pl.lit(period(WEEK, 32))
        ),
    ]
    panel = Panel(pl.concat([frame(units), *new]))
    found = fit(panel, origin, WEEK, QUICK).forecast(panel, origin)
    young = found.filter(pl.col("series_id") == "young")
    planned = found.filter(pl.col("series_id") == "planned")
    assert set(young["served_by"]) == set(planned["served_by"]) == {"pooled_mean"}
    assert young.height == 13
    assert 3 < young["forecast_units"][0] < 20
    alone = Baseline("moving_average", WEEK).forecast(panel, origin)
    assert alone.filter(pl.col("series_id") == "young")["forecast_units"][0] > 3
    assert planned["period"].min() == period(WEEK, 32)
    assert planned["forecast_units"][0] == pytest.approx(2, abs=0.6)


def test_a_short_history_is_served_the_pooled_mean() -> None:
    panel = Panel(frame([[2.0, 4.0], [0.0, 0.0]]))
    found = fit(panel, period(WEEK, 2), WEEK, QUICK).forecast(panel, period(WEEK, 2))
    assert set(found["served_by"]) == {"pooled_mean"}
    assert found.height == 2 * 13


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(PanelError, match="No series has known units"):
        fit(Panel(frame([[None, None]])), period(WEEK, 2), WEEK, QUICK)
    with pytest.raises(DemandError, match="no baseline mean"):
        Baseline("mean", WEEK)


def test_a_model_asks_for_the_plans_it_was_fitted_with() -> None:
    rows = frame(counts(SERIES)).with_columns(discount_share=0.1)
    panel = Panel(rows, planned=["discount_share"]).as_of(ORIGIN)
    own = with_trees(fit(panel, ORIGIN, WEEK, QUICK), panel)
    with pytest.raises(PanelError, match="discount_share, which the panel lacks"):
        own.forecast(Panel(rows.drop("discount_share")).as_of(ORIGIN), ORIGIN)
    with pytest.raises(PanelError, match="does not declare as planned"):
        own.forecast(Panel(rows).as_of(ORIGIN), ORIGIN)


def test_a_search_leaves_parameters_that_learn_by_heart(
    history: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units are noise around a mean by series, of which large trees remember every row."""
    rote = {"num_trees": 300, "num_leaves": 63, "min_data_in_leaf": 50, "learning_rate": 0.15}
    monkeypatch.setattr("ml.demand.fitting.PARAMETERS", PARAMETERS | rote)
    found = tune(history, ORIGIN, WEEK, 6, QUICK, seed=5)
    assert set(found) == set(SEARCH_SPACE)
    assert found != rote | {name: PARAMETERS[name] for name in SEARCH_SPACE if name not in rote}
    assert found == tune(history, ORIGIN, WEEK, 6, QUICK, seed=5)


def test_a_search_without_trials_or_trees_changes_nothing(history: Panel) -> None:
    assert tune(history, ORIGIN, WEEK, 0, QUICK) == {}
    small = counted(20).as_of(ORIGIN)
    assert tune(small, ORIGIN, WEEK, 2, QUICK) == {}


def test_what_wins_by_no_more_than_the_spread_is_not_taken(
    history: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.demand.fitting.is_better", lambda challenger, incumbent: False)
    assert tune(history, ORIGIN, WEEK, 3, QUICK) == {}
