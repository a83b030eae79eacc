"""Makes a load appear whole or not at all.

Every part is written under a temporary name and flushed; a journal names the final paths; then
the parts are renamed, the load records last. A load whose record exists is complete, and so are
the others of its extract. A journal of which a record is missing is what a crash leaves behind:
`recover` removes the parts it names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ingest.home import Home
from ingest.landing.exchange import finish, remove
from ingest.landing.records import LoadPaths, loads_dir
from ingest.landing.sink import fsync_path, temporary

JOURNAL_SUFFIX = ".journal.json"


class Pending:
    """A load being written: the temporary and final names of its parts.

    With `keeps_raw` the raw zone has its bytes already (the lake was removed, raw was not), and is
    left as it is.
    """

    def __init__(self, home: Home, load_id: str, final: LoadPaths, *, keeps_raw: bool) -> None:
        self.load_id = load_id
        self.keeps_raw = keeps_raw
        self._home = home
        self._final = final
        self._journal = loads_dir(home) / f".{load_id}{JOURNAL_SUFFIX}"
        self._new = [final.lake, final.rejects, final.record]
        if not keeps_raw:
            self._new.insert(0, final.raw)
        self.parts = LoadPaths(
            raw=temporary(final.raw),
            lake=temporary(final.lake),
            rejects=temporary(final.rejects),
            record=temporary(final.record),
        )

    def begin(self) -> None:
        """Writes the journal and makes room for the parts."""
        for path in self._new:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._note([self._final.record])
        if not self.keeps_raw:
            self.parts.raw.mkdir(exist_ok=True)

    def _note(self, records: Sequence[Path]) -> None:
        """Writes the journal: the parts of this load, and the records of its whole extract."""
        noted = {
            "parts": [str(path.relative_to(self._home.root)) for path in self._new],
            "records": [str(path.relative_to(self._home.root)) for path in records],
        }
        new = temporary(self._journal)
        new.write_text(json.dumps(noted), encoding="utf-8")
        fsync_path(new)
        new.rename(self._journal)
        fsync_path(self._journal.parent)

    def _rename(self, paths: Sequence[Path]) -> None:
        for path in paths:
            part = temporary(path)
            if part.exists():
                part.replace(path)
                fsync_path(path.parent)
            elif path == self._final.rejects:
                path.unlink(missing_ok=True)  # of a reading in another encoding

    def roll_back(self) -> None:
        """Removes every trace of the load, unless the records of its extract were written."""
        _undo(self._journal, self._home)


def commit(loads: Sequence[Pending]) -> None:
    """Renames the flushed parts of the loads of one extract to their final names.

    The records come last: until all are there a build finds rows of no load, which blocks it.
    """
    records = [load._final.record for load in loads]
    if len(loads) > 1:
        for load in loads:
            load._note(records)
    for load in loads:
        load._rename([path for path in load._new if path != load._final.record])
    for load in loads:
        load._rename([load._final.record])
    for load in loads:
        load._journal.unlink()


def replaced_lake(home: Home) -> Path:
    """Where the old lake lies for the moment in which a new one takes its place."""
    return home.root / ".replaced_lake"


def recover(home: Home) -> int:
    """Removes what interrupted landings left behind, and ends interrupted exchanges of files.

    Returns how many there were.
    """
    replaced = replaced_lake(home)
    if replaced.exists() and not home.lake.exists():
        replaced.rename(home.lake)
    shutil.rmtree(replaced, ignore_errors=True)
    journals = list(loads_dir(home).glob(f".*{JOURNAL_SUFFIX}"))
    torn = [(journal, *_noted(journal, home)) for journal in journals]
    whole = {journal: all(record.exists() for record in records) for journal, _, records in torn}
    for journal, parts, _ in torn:  # judged before any is undone: they name each other's records
        _clear(journal, parts, is_whole=whole[journal])
    return len(journals) + finish(home)


def _undo(journal: Path, home: Home) -> None:
    parts, records = _noted(journal, home)
    _clear(journal, parts, is_whole=all(record.exists() for record in records))


def _noted(journal: Path, home: Home) -> tuple[list[Path], list[Path]]:
    """The parts and records that a journal names; none where it was not whole yet, or is gone."""
    try:
        noted = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [], []
    return (
        [home.root / name for name in noted["parts"]],
        [home.root / name for name in noted["records"]],
    )


def _clear(journal: Path, parts: Sequence[Path], *, is_whole: bool) -> None:
    for path in parts:
        remove(temporary(path))
        if not is_whole:
            remove(path)
    journal.unlink(missing_ok=True)
