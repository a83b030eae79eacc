"""Events from a click to the published file: how fast, and whether every one arrives.

`make bench-events`, or `python -m bench.events [--only history latency] [--homes FOLDER]`. Prints a
table for each part and `goal NAME VALUE TARGET met|missed`; writes bench/results/events_PART.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.events.history import SIZES
from bench.harness import write_results
from bench.report import Part, rendered


def parts(folder: Path, options: argparse.Namespace) -> dict[str, Callable[[], Part]]:
    """What is measured, by name, in scratch homes under `folder`."""
    from bench.events import collector, history, kafka, pipeline, scale

    return {
        "history": lambda: history.run(folder, options.sizes),
        "collector": collector.run,
        "kafka": kafka.run,
        "kills": lambda: pipeline.kills(folder),
        "latency": lambda: pipeline.latency(folder),
        "truth": lambda: scale.truth(folder),
        "build": lambda: scale.full_build(folder, options.scale),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--scale", default="10", help="Of the full build.")
    parser.add_argument("--homes", type=Path, help="Folder for the scratch homes, which stay.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as scratch:
        made = parts(options.homes or Path(scratch), options)
        if unknown := set(options.only or ()) - set(made):
            parser.error(
                f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(made)}"
            )
        for name in options.only or made:
            part = made[name]()
            for table in part.tables:
                sys.stdout.write(f"{rendered(table)}\n\n")
            for goal in part.goals:
                sys.stdout.write(f"{goal.line}\n")
            sys.stdout.flush()
            write_results(f"events_{name}", asdict(part))


if __name__ == "__main__":
    main()
