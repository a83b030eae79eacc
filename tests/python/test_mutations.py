"""A sample of the rules is broken; the tests that the list names must see it.

`python -m tests.mutations` tries all of them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ingest.home import PROJECT_DIR, Home
from tests.mutations.run import Workshop, load_mutations, sample

RULES = range(1, 27)


def test_every_line_and_identity_has_a_mutation() -> None:
    rules = [mutation.rule for mutation in load_mutations()]
    numbered = {int(found[0]) for rule in rules if (found := re.match(r"\d+", rule))}
    assert numbered == set(RULES)
    identities = {path.stem for path in (PROJECT_DIR / "tests").glob("assert_*.sql")}
    seen = {mutation.caught_by for mutation in load_mutations()}
    # Bounds and closures: what they watch is data, not a rule that a change of SQL would break.
    bounds = {
        "assert_identities_are_closed",
        "assert_identity_exclusions_name_accounts",
        "assert_rates_do_not_jump",
        "assert_service_level_is_known",
        "assert_unexplained_balances_are_few",
        "assert_unknown_keys_are_few",
        "assert_staged_reviews_reach_the_facts",
    }
    assert identities - seen <= bounds


def test_a_sample_of_mutations_is_caught(demo_home: Home, tmp_path: Path) -> None:
    """Other ones with every commit."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT_DIR, capture_output=True, text=True
    )
    chosen = sample(load_mutations(), 3, int(head.stdout[:8] or "0", 16))
    workshop = Workshop.prepare(tmp_path, demo_home)
    outcomes = [workshop.judge(mutation) for mutation in chosen]
    assert [o.mutation.rule for o in outcomes if not o.is_caught] == []
    assert len(outcomes) == 3
