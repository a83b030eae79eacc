"""Puts new files in the place of others, all or none, whatever is killed when.

A journal names the new files and what each replaces. While it says that they are being written,
`finish` removes what there is of them; once it says that all are whole and flushed, `finish` puts
them in place and removes what they replace. Doing that twice changes nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.home import Home
from ingest.landing.records import loads_dir
from ingest.landing.sink import fsync_path, temporary

_SUFFIX = ".exchange.json"


@dataclass(frozen=True)
class Step:
    """A new file, and the files and folders that go when it is in its place."""

    new: Path
    old: Sequence[Path]


def exchange(home: Home, name: str, steps: Sequence[Step], write: Callable[[], None]) -> None:
    """Has `write` make every new file under its temporary name, then takes the steps in order.

    `name` tells the exchange from others of the home. What `write` raises is raised, with
    everything as it was; raises OSError when a file cannot be written.
    """
    journal = loads_dir(home) / f".{name}{_SUFFIX}"
    _note(home, journal, steps, is_whole=False)
    try:
        write()
        _flush(temporary(step.new) for step in steps)
        _flush({step.new.parent for step in steps})
        _note(home, journal, steps, is_whole=True)
    finally:
        _finish(home, journal)


def finish(home: Home) -> int:
    """Ends the exchanges that were interrupted; returns how many there were."""
    for torn in loads_dir(home).glob(temporary(Path(f"*{_SUFFIX}")).name):
        torn.unlink()
    journals = list(loads_dir(home).glob(f".*{_SUFFIX}"))
    for journal in journals:
        _finish(home, journal)
    return len(journals)


def remove(path: Path) -> None:
    """Removes a file, or a folder with all in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _note(home: Home, journal: Path, steps: Sequence[Step], *, is_whole: bool) -> None:
    noted = {
        "is_whole": is_whole,
        "steps": [
            [str(path.relative_to(home.root)) for path in (step.new, *step.old)] for step in steps
        ],
    }
    new = temporary(journal)
    new.write_text(json.dumps(noted), encoding="utf-8")
    fsync_path(new)
    new.replace(journal)
    fsync_path(journal.parent)


def _finish(home: Home, journal: Path) -> None:
    noted = json.loads(journal.read_text(encoding="utf-8"))
    for new, *old in noted["steps"]:
        path = home.root / new
        part = temporary(path)
        if not noted["is_whole"]:
            part.unlink(missing_ok=True)
            continue
        if part.exists():
            part.replace(path)
            fsync_path(path.parent)
        replaced = [home.root / name for name in old]
        for gone in replaced:
            remove(gone)
        # Before the journal goes: what a power cut brings back would be there twice.
        _flush({gone.parent for gone in replaced})
    journal.unlink()


def _flush(paths: Iterable[Path]) -> None:
    for path in paths:
        fsync_path(path)
