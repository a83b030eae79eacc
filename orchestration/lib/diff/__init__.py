"""`storehouse diff`: two states of the warehouse compared, and the comparison shown."""

from orchestration.lib.diff.compare import compare, find_side
from orchestration.lib.diff.result import Diff

__all__ = ["Diff", "compare", "find_side"]
