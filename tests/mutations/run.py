"""One mutation after the other in a copy of the project, on a copy of the demo."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from orchestration.lib.project import DBT
from tests.project_copy import copy_project

_FAILED = {"fail", "error", "runtime error"}
_DATA_TESTS = ("assert_", "expect_", "seamless_")


@dataclass(frozen=True)
class Mutation:
    """A rule, the change that breaks it, and what is run to see it.

    Either `select`, a dbt selection that is built with its tests, or `pytest`, a test to run.
    `caught_by` is a part of the name of a test that must be among those that fail.
    """

    rule: str
    file: str
    find: str
    replace: str
    caught_by: str
    select: str = ""
    pytest: str = ""

    @property
    def change(self) -> str:
        """The change in one line."""
        before, after = (" ".join(text.split()) for text in (self.find, self.replace))
        return f"{Path(self.file).name}: {before} -> {after or '(nothing)'}"


@dataclass(frozen=True)
class Outcome:
    """The tests that failed under a mutation."""

    mutation: Mutation
    caught_by: tuple[str, ...]

    @property
    def is_caught(self) -> bool:
        """Whether the test that the list names is among them."""
        return any(self.mutation.caught_by in name for name in self.caught_by)


def load_mutations() -> list[Mutation]:
    """The list; raises ValueError where an entry no longer fits the project."""
    text = Path(__file__).with_name("mutations.yml").read_text(encoding="utf-8")
    found = [Mutation(**entry) for entry in yaml.safe_load(text)]
    for mutation in found:
        times = (PROJECT_DIR / mutation.file).read_text(encoding="utf-8").count(mutation.find)
        if times != 1:
            raise ValueError(f"{mutation.rule}: {mutation.file} has the text {times} times.")
        if bool(mutation.select) == bool(mutation.pytest):
            raise ValueError(f"{mutation.rule}: give either select or pytest.")
    return found


def sample(mutations: list[Mutation], count: int, seed: int) -> list[Mutation]:
    """Some of the mutations, those that dbt judges, in their order."""
    quick = [mutation for mutation in mutations if mutation.select]
    chosen = random.Random(seed).sample(range(len(quick)), min(count, len(quick)))
    return [quick[number] for number in sorted(chosen)]


@dataclass(frozen=True)
class Workshop:
    """A copy of the project, and a home with the demo as it was built."""

    project: Path
    home: Home

    @classmethod
    def prepare(cls, folder: Path, demo: Home | None = None) -> Workshop:
        """Copies the project; simulates and runs the demo, or copies that of `demo`."""
        home = Home(folder / "home")
        if demo is not None:
            shutil.copytree(demo.root, home.root)
        else:
            storehouse = Path(sys.executable).with_name("storehouse")
            for args in (["simulate", "--scale", "demo"], ["run"]):
                _run([os.fspath(storehouse), *args], PROJECT_DIR, home).check_returncode()
        return cls(copy_project(folder / "project"), home)

    def judge(self, mutation: Mutation) -> Outcome:
        """Makes the change, runs what should see it, takes the change and its tables back."""
        file = self.project / mutation.file
        before = file.read_text(encoding="utf-8")
        kept = self.home.root / "kept.duckdb"
        shutil.copyfile(self.home.warehouse_file, kept)
        file.write_text(before.replace(mutation.find, mutation.replace), encoding="utf-8")
        try:
            failed = self._dbt(mutation) if mutation.select else self._pytest(mutation)
        finally:
            file.write_text(before, encoding="utf-8")
            kept.replace(self.home.warehouse_file)
        return Outcome(mutation, tuple(failed))

    def _dbt(self, mutation: Mutation) -> list[str]:
        results = self.project / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        chosen = mutation.select.split()
        if mutation.caught_by.startswith(_DATA_TESTS):
            # A unit test that fails first would keep the table, and so its tests, from being made.
            verb = ["build", "--exclude-resource-type", "unit_test", "--select", *chosen]
        else:
            # A build skips the other unit tests of a model of which one failed.
            verb = ["test", "--select", *(f"{name},test_type:unit" for name in chosen)]
        command = [os.fspath(DBT), "--quiet", *verb]
        done = _run(command, self.project, self.home)
        if not results.exists():
            raise RuntimeError(f"{mutation.rule}: dbt did not run.\n{done.stdout}{done.stderr}")
        found: Mapping[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return [
            str(result["unique_id"]).split(".", 2)[2]
            for result in found["results"]
            if result["status"] in _FAILED
        ]

    def _pytest(self, mutation: Mutation) -> list[str]:
        done = _run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", mutation.pytest],
            self.project,
            self.home,
        )
        return re.findall(r"^FAILED (\S+)", done.stdout, flags=re.MULTILINE)


def _run(command: list[str], folder: Path, home: Home) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        # The copy goes before the installed project, in every process that this one starts.
        env=os.environ | {HOME_VARIABLE: str(home.root), "PYTHONPATH": os.fspath(folder)},
        capture_output=True,
        text=True,
        timeout=900,
    )
