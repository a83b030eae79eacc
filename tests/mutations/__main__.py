"""The command line: see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutations.run import Outcome, Workshop, load_mutations, sample


def main() -> int:
    """Runs the chosen mutations and prints what caught each."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--sample", type=int, help="how many; all if left out")
    parser.add_argument("--seed", type=int, default=0, help="which ones, with --sample")
    parser.add_argument("--only", help="rules whose name holds this text")
    arguments = parser.parse_args()
    chosen = [m for m in load_mutations() if (arguments.only or "") in m.rule]
    if arguments.sample:
        chosen = sample(chosen, arguments.sample, arguments.seed)
    console = Console()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        workshop = Workshop.prepare(Path(folder))
        for mutation in chosen:
            outcome = workshop.judge(mutation)
            outcomes.append(outcome)
            mark = "caught" if outcome.is_caught else "MISSED"
            console.print(f"{mark}  {mutation.rule}", markup=False)
    table = Table("rule", "change", "caught by", title="Mutations")
    for outcome in outcomes:
        caught = "\n".join(outcome.caught_by[:3]) or "nothing"
        table.add_row(outcome.mutation.rule, outcome.mutation.change, caught)
    console.print(table)
    missed = sum(not outcome.is_caught for outcome in outcomes)
    console.print(f"{len(outcomes)} mutations, {missed} missed.")
    return 1 if missed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
