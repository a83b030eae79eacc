"""How long a full build of the simulated shop takes, how much memory, and which nodes dominate.

`make bench-build`, or `python -m bench.build [--scale 1 10] [--top 15]`, in a scratch home. Events
are left out: no model reads them yet. Prints the steps, the slowest nodes and what kinds of nodes
cost; writes bench/results/build.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench.harness import measure, write_results


def nodes_of(folder: Path) -> list[dict[str, Any]]:
    """What dbt wrote of the nodes of its last invocation."""
    found: dict[str, Any] = json.loads((folder / "run_results.json").read_text(encoding="utf-8"))
    results: list[dict[str, Any]] = found["results"]
    return results


def measure_scale(scale: str, top: int) -> dict[str, float]:
    """Simulates, lands and builds a shop of this scale; prints as it goes."""
    write = sys.stdout.write
    results: dict[str, float] = {}
    write(f"scale {scale}\n{'step':<10} {'seconds':>8} {'peak MB':>8}\n")
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        home, target = Path(folder), Path(folder) / "dbt"
        scratch = ["--target-path", str(target), "--log-path", str(target)]
        for step, command in {
            "prepare": ["storehouse", "admin", "prepare"],
            "simulate": ["storehouse", "simulate", "--scale", scale],
            "land": ["storehouse", "land"],
            "build": ["dbt", "build", "--exclude-resource-type", "unit_test", *scratch],
        }.items():
            seconds, megabytes = measure(home, *command)
            write(f"{step:<10} {seconds:>8.1f} {megabytes:>8.0f}\n")
            sys.stdout.flush()
            results |= {f"{step} seconds": seconds, f"{step} peak MB": megabytes}
            if step == "simulate":
                for file in (home / "extracts" / "shop").glob("events_*"):
                    file.unlink()
        nodes = nodes_of(target)
    kinds: Counter[str] = Counter()
    for node in nodes:
        kinds[str(node["unique_id"]).partition(".")[0]] += node["execution_time"]
    write("\nseconds of two threads by kind of node: ")
    write(", ".join(f"{kind} {seconds:.1f}" for kind, seconds in kinds.most_common()) + "\n\n")
    for node in sorted(nodes, key=lambda node: -node["execution_time"])[:top]:
        name = str(node["unique_id"]).split(".", 2)[2]
        write(f"{node['execution_time']:>8.1f}  {name}\n")
        results[name] = node["execution_time"]
    write("\n")
    return results


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", nargs="+", default=["1", "10"])
    parser.add_argument("--top", type=int, default=15)
    options = parser.parse_args()
    write_results(
        "build",
        {f"scale {scale}": measure_scale(scale, options.top) for scale in options.scale},
    )


if __name__ == "__main__":
    main()
