"""How fast the simulator writes: rows per second by scale, and the goals for it.

`make bench-simulator`, or `python -m bench.simulator [--scale 1] [--runs 3]`. Prints a table and
one line `goal NAME VALUE TARGET met|missed` per goal; writes bench/results/simulator.json. Timings
are medians over runs.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.harness import write_results
from ingest.simulator import Summary, simulate
from ingest.simulator.customers import make_customers
from ingest.simulator.events import Clickstream, Shop
from ingest.simulator.lines import make_lines
from ingest.simulator.orders import day_weights, make_orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import make_products
from ingest.simulator.reference import Reference

DEMO_SECONDS = 2.0
SCALE_ONE_SECONDS = 60.0
EVENT_SECONDS = 10.0
MEMORY_GB = 6.0


def measure(scale: str) -> tuple[Summary, int]:
    """One simulation into a folder that is deleted again: its summary and the bytes written."""
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        out = Path(folder) / "extracts" / "shop"
        summary = simulate(scale, seed=1, days=None, loads=3, out=out)
        return summary, sum(path.stat().st_size for path in out.iterdir())


def measure_events(scale: str) -> float:
    """Seconds to make the events of a scale, writing and truth left out."""
    plan = Plan.of(scale, 1, None, 3)
    reference = Reference.read(plan)
    products, customers = make_products(plan), make_customers(plan)
    orders = make_orders(plan, reference, customers)
    full_shelf = np.zeros((products.size, plan.days), dtype=np.bool_)
    lines, _ = make_lines(plan, reference, customers, products, orders, full_shelf)
    shop = Shop(reference, customers, products, orders, lines)
    weights = day_weights(plan, reference)
    began = time.perf_counter()
    for _ in Clickstream(plan, shop, weights).hours():
        pass
    return time.perf_counter() - began


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    write = sys.stdout.write
    results: dict[str, float] = {}
    write(f"{'scale':>6} {'files':>7} {'rows':>12} {'MB':>8} {'seconds':>8} {'rows/s':>10}\n")
    for scale in dict.fromkeys(("demo", options.scale)):
        runs = [measure(scale) for _ in range(options.runs)]
        summary, size = runs[0]
        seconds = statistics.median(run.seconds for run, _ in runs)
        rows = sum(summary.rows.values())
        results[f"{scale}_seconds"] = seconds
        results[f"{scale}_rows_per_second"] = rows / seconds
        write(
            f"{scale:>6} {summary.files:>7} {rows:>12,} {size / 1e6:>8.1f} "
            f"{seconds:>8.2f} {rows / seconds:>10,.0f}\n"
        )
    events = statistics.median(measure_events(options.scale) for _ in range(options.runs))
    count = Plan.of(options.scale, 1, None, 3).sizes.events
    results["events_seconds"] = events
    results["memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    write(f"{'events':>6} {'':>7} {count:>12,} {'':>8} {events:>8.2f} {count / events:>10,.0f}\n")

    goals = [("simulate_demo_seconds", results["demo_seconds"], DEMO_SECONDS)]
    if options.scale == "1":
        goals.append(("simulate_scale_1_seconds", results["1_seconds"], SCALE_ONE_SECONDS))
        goals.append(("simulate_million_events_seconds", events, EVENT_SECONDS))
    goals.append(("simulate_memory_gb", results["memory_gb"], MEMORY_GB))
    for name, value, target in goals:
        write(f"goal {name} {value:.2f} {target:.2f} {'met' if value <= target else 'missed'}\n")

    write_results("simulator", {"scale": options.scale, **results})


if __name__ == "__main__":
    main()
