"""Makes a load appear whole or not at all.

Every part is written under a temporary name and flushed; a journal names the final paths; then
the parts are renamed, the load record last. A load whose record exists is complete. A journal
without its record is what a crash leaves behind: `recover` removes the parts it names.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ingest.home import Home
from ingest.landing.records import LoadPaths, loads_dir
from ingest.landing.sink import fsync_path

JOURNAL_SUFFIX = ".journal.json"


def temporary(path: Path) -> Path:
    """The temporary name of a part: hidden, beside its final name, matched by no reader."""
    return path.with_name(f".{path.name}.tmp")


class Pending:
    """A load being written: the temporary and final names of its parts.

    A raw folder that is already there (the lake was removed, raw was not) is kept as it is.
    """

    def __init__(self, home: Home, load_id: str, final: LoadPaths) -> None:
        self._home = home
        self._final = final
        self._journal = loads_dir(home) / f".{load_id}{JOURNAL_SUFFIX}"
        self._new = [final.lake, final.rejects, final.record]
        if not final.raw.exists():
            self._new.insert(0, final.raw)
        self.parts = LoadPaths(
            raw=temporary(final.raw),
            lake=temporary(final.lake),
            rejects=temporary(final.rejects),
            record=temporary(final.record),
        )

    @property
    def keeps_raw(self) -> bool:
        """Whether the raw folder was there before."""
        return self._final.raw not in self._new

    def begin(self) -> None:
        """Writes the journal and makes room for the parts."""
        for path in self._new:
            path.parent.mkdir(parents=True, exist_ok=True)
        names = [str(path.relative_to(self._home.root)) for path in self._new]
        self._journal.write_text(json.dumps(names), encoding="utf-8")
        fsync_path(self._journal)
        fsync_path(self._journal.parent)
        if not self.keeps_raw:
            self.parts.raw.mkdir(exist_ok=True)

    def commit(self) -> None:
        """Renames the flushed parts to their final names, the record last."""
        for path in self._new:
            part = temporary(path)
            if part.exists():
                part.replace(path)
                fsync_path(path.parent)
        self._journal.unlink()

    def roll_back(self) -> None:
        """Removes every trace of the load, unless its record was written."""
        _undo(self._journal, self._new)


def recover(home: Home) -> int:
    """Removes what interrupted landings left behind; returns how many there were."""
    journals = list(loads_dir(home).glob(f".*{JOURNAL_SUFFIX}"))
    for journal in journals:
        try:
            names = json.loads(journal.read_text(encoding="utf-8"))
        except ValueError:
            names = []  # the crash came before the journal was whole: nothing was written yet
        _undo(journal, [home.root / name for name in names])
    return len(journals)


def _undo(journal: Path, final: list[Path]) -> None:
    committed = bool(final) and final[-1].exists()
    for path in final:
        _remove(temporary(path))
        if not committed:
            _remove(path)
    journal.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
