"""A small working file to publish, and a way to run Python in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import SmallProject, small_project, write_working_file

from ingest.home import Home


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    """A project in a home with nothing in it."""
    return small_project(Home(tmp_path / "home"))


@pytest.fixture
def working(small: SmallProject) -> SmallProject:
    """The same with a working file that may be published."""
    write_working_file(small)
    return small


@pytest.fixture
def python_process(tmp_path: Path) -> Callable[[str], list[str]]:
    """The command line that runs a piece of Python in the checkout."""
    root = Path(__file__).resolve().parents[3]

    def command(code: str) -> list[str]:
        return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{code}"]

    return command
