"""The arguments of dbt."""

from __future__ import annotations

from orchestration.lib.dbt_args import build_args


def test_a_full_build_runs_every_data_test_and_no_unit_test() -> None:
    assert build_args(is_subset=False) == [
        "--no-use-colors",
        "build",
        "--exclude-resource-type",
        "unit_test",
    ]


def test_a_subset_leaves_out_tests_with_other_parents() -> None:
    assert build_args(is_subset=True) == [
        *build_args(is_subset=False),
        "--indirect-selection",
        "cautious",
    ]
