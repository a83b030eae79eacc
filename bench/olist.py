"""How long the nine Olist files take from landing to publishing, and how much memory.

`make bench-olist`, in a scratch home. Prints a table and writes bench/results/olist.json. Needs the
files in STOREHOUSE_TEST_DATA/olist, or ../shared/data/olist.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import DATA, write_results
from ingest.home import HOME_VARIABLE

STEPS: dict[str, list[str]] = {
    "prepare": ["admin", "prepare"],
    "land": ["land", str(DATA / "olist"), "--source", "olist"],
    "run": ["run"],
    "run again": ["run"],
}
_PEAK = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def measure(home: Path, arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of one `storehouse` command; raises CalledProcessError when it fails."""
    storehouse = Path(sys.executable).with_name("storehouse")
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(storehouse), *arguments],
        env=os.environ | {HOME_VARIABLE: str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began, int(done.stdout) / 1024


def main() -> None:
    """Measures and prints."""
    if not (DATA / "olist").is_dir():
        sys.exit(f"There is no {DATA / 'olist'}: set STOREHOUSE_TEST_DATA to the folder above it.")
    results: dict[str, float] = {}
    write = sys.stdout.write
    write(f"{'step':<10} {'seconds':>8} {'peak MB':>8}\n")
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        for step, arguments in STEPS.items():
            seconds, megabytes = measure(Path(folder), arguments)
            write(f"{step:<10} {seconds:>8.1f} {megabytes:>8.0f}\n")
            results |= {f"{step} seconds": seconds, f"{step} peak MB": megabytes}
    write_results("olist", results)


if __name__ == "__main__":
    main()
