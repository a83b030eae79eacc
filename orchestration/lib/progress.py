"""What a running pipeline tells the person in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class Reporter(Protocol):
    """Receives the stages of a run and the steps within each."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins; `total` is the number of its steps where known."""

    def step(self, label: str) -> None:
        """One step of the stage is done."""


class SilentReporter:
    """Says nothing: Dagster shows its own events."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Ignores the stage."""

    def step(self, label: str) -> None:
        """Ignores the step."""


class ConsoleReporter:
    """A bar for each stage on a terminal, one line for each stage elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[name]:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._name = ""

    def __enter__(self) -> ConsoleReporter:
        self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        # A stage that stopped half-way keeps its count; one of unknown length has come to its end.
        if self._task is not None and self._progress.tasks[self._task].total is None:
            self._finish()
        self._progress.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Closes the bar before and opens the next one; a stage of several parts has one bar."""
        if name == self._name and total is None:
            return
        self._name = name
        self._finish()
        self._task = self._progress.add_task("", total=total, name=name)
        if not self._console.is_terminal:
            self._console.print(f"{name} ...", markup=False)

    def step(self, label: str) -> None:
        """Moves the bar on."""
        if self._task is not None:
            self._progress.update(self._task, advance=1, description=label)

    def _finish(self) -> None:
        if self._task is not None:
            done = self._progress.tasks[self._task].completed
            self._progress.update(self._task, total=done, description="")


_reporter: ContextVar[Reporter] = ContextVar("reporter")
_SILENT = SilentReporter()


def reporter() -> Reporter:
    """The reporter of the run in progress."""
    return _reporter.get(_SILENT)


@contextmanager
def reporting_to(chosen: Reporter) -> Iterator[None]:
    """Makes `chosen` the reporter of everything run inside."""
    token = _reporter.set(chosen)
    try:
        yield
    finally:
        _reporter.reset(token)
