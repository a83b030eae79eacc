"""How long the nine Olist files take from landing to publishing, and how much memory.

`make bench-olist`, in a scratch home. Prints a table and writes bench/results/olist.json. Needs the
files in STOREHOUSE_TEST_DATA/olist, or ../shared/data/olist.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.harness import DATA, measure, write_results

STEPS: dict[str, list[str]] = {
    "prepare": ["admin", "prepare"],
    "land": ["land", str(DATA / "olist"), "--source", "olist"],
    "run": ["run"],
    "run again": ["run"],
}


def main() -> None:
    """Measures and prints."""
    if not (DATA / "olist").is_dir():
        sys.exit(f"There is no {DATA / 'olist'}: set STOREHOUSE_TEST_DATA to the folder above it.")
    results: dict[str, float] = {}
    write = sys.stdout.write
    write(f"{'step':<10} {'seconds':>8} {'peak MB':>8}\n")
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        for step, arguments in STEPS.items():
            seconds, megabytes = measure(Path(folder), "storehouse", *arguments)
            write(f"{step:<10} {seconds:>8.1f} {megabytes:>8.0f}\n")
            results |= {f"{step} seconds": seconds, f"{step} peak MB": megabytes}
    write_results("olist", results)


if __name__ == "__main__":
    main()
