"""What is common to all models, apart from training and scoring."""

from __future__ import annotations

import pytest

from ml.frame.model import TooLittleDataError, require_rows


def test_the_first_purpose_that_lacks_rows_is_named() -> None:
    counts = {"to learn from": 1_000, "to calibrate by": 1, "to judge by": 0}
    require_rows(counts, 0, "Price changes", "Wait.")
    require_rows({"to learn from": 1_000}, 1_000, "Price changes", "Wait.")
    with pytest.raises(TooLittleDataError) as raised:
        require_rows(counts, 100, "Price changes", "Wait.")
    assert raised.value.message == "Price changes to calibrate by: 1; at least 100 are needed."
    assert raised.value.remedy == "Wait."
    with pytest.raises(TooLittleDataError, match="to learn from: 1,000; at least 1,001 are"):
        require_rows(counts, 1_001, "Price changes", "Wait.")
