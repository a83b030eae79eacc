"""How good the Python models are: one table for each question, one line for each goal.

`make bench-ml`, or `python -m bench.ml [--only prices gate] [--homes FOLDER] [--sample 500]`. Needs
`uv pip install --editable '.[bench]'`, which make does, and for some parts public data sets in
STOREHOUSE_TEST_DATA, or ../shared/data. The warehouses it measures are made where they are not
there yet and kept. Prints tables and `goal NAME VALUE TARGET met|missed`; writes
bench/results/ml.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.harness import DATA, write_results
from bench.ml.homes import Homes
from bench.report import Goal, Part, rendered
from ingest.home import PROJECT_DIR

HOMES = PROJECT_DIR / "bench" / "results" / "homes"
NAMES = ["demand", "censoring", "prices", "payments", "gate", "drift", "overhead"]
OVERHEAD_SCALE = "1"
"""At 10 the repeated trainings would take an hour."""
OLIST = "olist"
SETS: dict[str, str | None] = {
    "shop": None,
    "olist by category": OLIST,
    "olist by product": OLIST,
    "retail": "online_retail_ii",
    "carparts": "carparts",
}
"""Sets of demand, and the folder of public data that each is read from."""
RESULTS = PROJECT_DIR / "bench" / "results" / "ml.json"


def parts(homes: Homes, options: argparse.Namespace) -> dict[str, Callable[[], Part]]:
    """What is measured, by name; imported late, for a part may need a library of its own."""

    def demand() -> Part:
        from bench.ml import demand

        return demand.run(homes, options.sample, options.sets)

    def censoring() -> Part:
        from bench.ml import censoring

        return censoring.run(homes.simulator())

    def prices() -> Part:
        from bench.ml import prices

        return prices.run(homes.simulator())

    def payments() -> Part:
        from bench.ml import payments

        return payments.run(homes.simulator())

    def gate() -> Part:
        from bench.ml import gate

        return gate.run(homes.demo())

    def drift() -> Part:
        from bench.ml import drift

        return drift.run()

    def overhead() -> Part:
        from bench.ml import overhead

        return overhead.run(
            homes.simulator(OVERHEAD_SCALE),
            [homes.demo(), homes.simulator(OVERHEAD_SCALE), homes.simulator(), homes.olist()],
            options.repeats,
        )

    own = (demand, censoring, prices, payments, gate, drift, overhead)
    return dict(zip(NAMES, own, strict=True))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.ml", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--homes", type=Path, default=HOMES, help="where warehouses are kept")
    parser.add_argument("--scale", default="10", help="of the simulated shop")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="of demand")
    parser.add_argument("--sample", type=int, default=500, help="series judged of each set")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of timings of the overhead")
    options = parser.parse_args()
    homes = Homes(options.homes.resolve(), options.scale)
    if missing := missing_data(homes, options.only, options.sets):
        lacking = "; ".join(f"{part}: {', '.join(names)}" for part, names in missing.items())
        sys.exit(
            f"There is not all of the public data in {DATA} ({lacking}). Set STOREHOUSE_TEST_DATA "
            "to the folder that holds it, or choose other parts by --only, other sets by --sets."
        )
    results: dict[str, Any] = {}
    goals: list[Goal] = []
    for name, measure in parts(homes, options).items():
        if name not in options.only:
            continue
        sys.stderr.write(f"{name} ...\n")
        began = time.perf_counter()
        part = measure()
        for table in part.tables:
            sys.stdout.write(rendered(table) + "\n")
        sys.stdout.flush()
        goals += part.goals
        results[name] = asdict(part) | {"seconds": time.perf_counter() - began}
    for goal in goals:
        sys.stdout.write(goal.line + "\n")
    write_results("ml", (_earlier() if options.only != NAMES else {}) | results)


def missing_data(
    homes: Homes, only: Collection[str], sets: Collection[str]
) -> dict[str, list[str]]:
    """The folders of public data that chosen parts need and that are not there, by part.

    The warehouse of Olist needs its files only to be made.
    """
    wanted: dict[str, list[str | None]] = {
        "demand": [SETS[name] for name in sets],
        "overhead": [OLIST],
    }
    there = {OLIST} if homes.has_olist else set()
    missing = {
        part: sorted({name for name in names if name and not (DATA / name).is_dir()} - there)
        for part, names in wanted.items()
        if part in only
    }
    return {part: names for part, names in missing.items() if names}


def _earlier() -> dict[str, Any]:
    """What other parts gave before, which stays."""
    if not RESULTS.exists():
        return {}
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {name: part for name, part in found.items() if name in NAMES}


if __name__ == "__main__":
    main()
