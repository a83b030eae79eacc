"""What benchmarks share: where the public data sets lie, how a command is measured, results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.home import HOME_VARIABLE, PROJECT_DIR

# Also the tests on real data read it: the folder that holds olist/ and the others.
DATA = Path(os.environ.get("STOREHOUSE_TEST_DATA") or PROJECT_DIR.parent / "shared" / "data")


_PEAK = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def measure(home: Path, *command: str) -> tuple[float, float]:
    """Seconds and peak MB of a command of the environment, such as `storehouse land`, on `home`.

    Raises CalledProcessError when it fails.
    """
    program = Path(sys.executable).with_name(command[0])
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(program), *command[1:]],
        cwd=PROJECT_DIR,
        env=os.environ | {HOME_VARIABLE: str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began, int(done.stdout) / 1024


def write_results(name: str, results: Mapping[str, Any]) -> None:
    """Writes `results` and the machine they were measured on to bench/results/`name`.json."""
    machine = {
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    target = PROJECT_DIR / "bench" / "results" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(machine | dict(results), indent=2) + "\n", encoding="utf-8")
