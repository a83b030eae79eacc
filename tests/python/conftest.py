"""Shared by all tests: a home nobody else uses, and the demo, simulated and run once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from ingest.home import HOME_VARIABLE, Home

PROJECT = Path(__file__).resolve().parents[2]
STOREHOUSE = Path(sys.executable).with_name("storehouse")
_OF_THE_USER = ("STOREHOUSE_PII_KEY", "STOREHOUSE_ALERT_WEBHOOK", "DAGSTER_HOME")
_LONGEST = (
    "test_as_known",
    "test_documents",
    "test_readers",
    "test_prove_incremental",
    "test_reruns",
    "test_stream",
    "test_run",
    "test_models_command",
    "test_personal_data",
    "test_olist",
    "test_past",
    "test_mutations",
)
"""Files that run the warehouse again and again: begun last, they would end alone."""


@dataclass(frozen=True)
class DemoRun:
    """A home after `storehouse simulate --scale demo` and `storehouse run`, and what that said."""

    home: Home
    output: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, in that order."""
    order = {name: position for position, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session", autouse=True)
def no_default_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that names no home gets an empty one, never the `data` of the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _OF_THE_USER:
            patch.delenv(name, raising=False)
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("empty_home")))
        yield


def run_storehouse(home: Home, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `storehouse` on `home` as a person would, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_USER}
    return subprocess.run(
        [os.fspath(STOREHOUSE), *args],
        cwd=PROJECT,
        env=kept | {HOME_VARIABLE: str(home.root), "COLUMNS": "100"} | environment,
        capture_output=True,
        text=True,
        timeout=7200,  # for what hangs: two builds take half an hour where many tests share a core
    )


@pytest.fixture(scope="session")
def storehouse() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`storehouse(home, "run", NAME="value of the environment")`, as a person would run it."""
    return run_storehouse


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> DemoRun:
    """The demo, simulated, landed, built, scored and published once for all tests. Read-only.

    The first worker that needs it makes it; the others wait for what it said.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "demo"
    said = folder / "run.txt"
    home = Home(folder / "home")
    with FileLock(f"{folder}.lock"):
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose run failed
            for args in (["simulate", "--scale", "demo"], ["run"]):
                done = run_storehouse(home, *args)
                output = done.stdout + done.stderr
                assert done.returncode == 0, f"storehouse {args[0]} failed:\n{output}"
            said.write_text(output, encoding="utf-8")
    return DemoRun(home, said.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def demo_home(demo_run: DemoRun) -> Home:
    """The home of the demo after its run. Read-only: a test that changes it takes `demo_copy`."""
    return demo_run.home


@pytest.fixture
def demo_copy(demo_home: Home, tmp_path: Path) -> Home:
    """A copy of the demo's home for one test to change."""
    return Home(shutil.copytree(demo_home.root, tmp_path / "home"))


@pytest.fixture(scope="session")
def manifest(no_default_home: None) -> Mapping[str, Any]:
    """dbt's manifest of the project as it is now."""
    from orchestration.lib.project import prepare_dbt, read_manifest  # takes a second

    prepare_dbt()
    return read_manifest()
