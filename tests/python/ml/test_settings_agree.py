"""What Python models and dbt both need to know is the same on either side.

`ml` reads nothing of the project but its tables, so that a model can be trained without dbt; it
repeats some settings of dbt_project.yml as constants. A change of one side alone would judge a
model by other days, another budget or another horizon than its features and insights have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.demand import frequency
from ml.demand.model import DemandForecast
from ml.frame.days import SETTLEMENT_DAYS
from ml.imputation.attributes import SUBJECTS, Subject
from ml.payment_anomaly.judging import BUDGETS
from ml.payment_anomaly.model import BUDGET
from ml.payment_anomaly.zscore import BASELINE_DAYS
from ml.pricing.model import WINDOW_DAYS

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = project["vars"]
    return found


def test_days_and_budgets_are_those_of_dbt(variables: dict[str, Any]) -> None:
    assert variables["settlement_days"] == SETTLEMENT_DAYS
    assert variables["price_window_days"] == WINDOW_DAYS
    assert variables["review_budget_share"] == BUDGET
    assert variables["payment_history_days"] == BASELINE_DAYS
    assert BUDGET in BUDGETS  # so that precision and recall are told at the budget of the queue


def test_what_is_planned_reaches_as_far_as_forecasts(variables: dict[str, Any]) -> None:
    """Weeks end with the plan; days end before it, and the calendar not before either."""
    planned = variables["demand_horizon_days"]
    assert frequency.WEEK.horizon * 7 == planned
    assert frequency.DAY.horizon <= planned <= variables["forecast_horizon_days"]


def test_forecasts_are_kept_until_they_can_be_judged() -> None:
    assert frequency.DAY.horizon + SETTLEMENT_DAYS == DemandForecast.kept_dates


def test_the_attributes_of_products_are_those_of_dbt(variables: dict[str, Any]) -> None:
    found = {subject.name: list(subject.attributes) for subject in SUBJECTS}
    assert found["product"] == variables["product_attributes"]


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.name for subject in SUBJECTS])
def test_what_is_completed_is_what_insights_declare(subject: Subject) -> None:
    file = PROJECT / "models" / "insights" / f"{subject.name}_attributes_completed.yml"
    model = yaml.safe_load(file.read_text(encoding="utf-8"))["models"][0]
    declared = [column["name"] for column in model["columns"]]
    completed = [name for name in declared if name.endswith("_completed")]
    assert completed == [f"{name}_completed" for name in subject.attributes]
