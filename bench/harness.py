"""What benchmarks share: where the public data sets lie, and where results go."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from ingest.home import PROJECT_DIR

# Also the tests on real data read it: the folder that holds olist/ and the others.
DATA = Path(os.environ.get("STOREHOUSE_TEST_DATA") or PROJECT_DIR.parent / "shared" / "data")


def write_results(name: str, results: Mapping[str, float | str]) -> None:
    """Writes `results` and the machine they were measured on to bench/results/`name`.json."""
    machine = {
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    target = PROJECT_DIR / "bench" / "results" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(machine | dict(results), indent=2) + "\n", encoding="utf-8")
