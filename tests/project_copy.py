"""A copy of the project, whose files a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingest.home import PROJECT_DIR

_NOT_OF_THE_PROJECT = shutil.ignore_patterns(
    *(".git", ".venv", ".dagster", ".*_cache", ".hypothesis", ".tmp_dagster_home_*"),
    *("__pycache__", "*.egg-info", "data", "target", "logs", "results"),
)


def copy_project(folder: Path) -> Path:
    """Copies what the project consists of to the new `folder`, and no product of a run."""
    return Path(shutil.copytree(PROJECT_DIR, folder, ignore=_NOT_OF_THE_PROJECT))
