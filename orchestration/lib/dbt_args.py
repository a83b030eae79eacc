"""The arguments of the dbt commands that assets run."""

from __future__ import annotations


def build_args(*, is_subset: bool) -> list[str]:
    """`dbt build` without unit tests, which are a matter of CI.

    A subset runs only tests whose parents it builds (cautious): a test on a table that was never
    built would fail for no fault of the subset.
    """
    args = ["--no-use-colors", "build", "--exclude-resource-type", "unit_test"]
    if is_subset:
        args += ["--indirect-selection", "cautious"]
    return args
