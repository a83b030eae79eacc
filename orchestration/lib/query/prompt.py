"""`storehouse sql`: a prompt for queries, and their results as table, CSV or JSON."""

from __future__ import annotations

import code
import csv
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingest.home import Home
from orchestration.console import Format
from orchestration.lib.query.session import Answer, QueryError, SqlSession

try:
    import readline
except ImportError:  # Windows: the prompt works without history
    readline = None  # type: ignore[assignment]

MOST_ROWS = 200
HISTORY_LINES = 1_000
_ROOM = 10_000  # columns: as wide as a table may want to be
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "DOUBLE", "FLOAT")
_HELP = "A statement ends with ; - .tables lists what there is, .reopen opens all anew, .quit ends."


def print_answer(answer: Answer, chosen: Format, console: Console) -> None:
    """Prints the rows of one statement; a table shows the first 200 and says if there are more."""
    match chosen:
        case Format.TABLE:
            _print_table(answer, console)
        case Format.CSV:
            _write_csv(answer, console.file)
        case Format.JSON:
            _write_json(answer, console.file)


def run_text(session: SqlSession, text: str, chosen: Format, console: Console) -> None:
    """Runs the statements of a text and prints their rows; raises QueryError."""
    with _until_nobody_reads(console):
        for answer in session.run(text):
            print_answer(answer, chosen, console)


class SqlPrompt(code.InteractiveConsole):
    """Reads statements over several lines until a semicolon, as the sqlite3 module's does."""

    def __init__(self, session: SqlSession, chosen: Format, console: Console) -> None:
        super().__init__()
        self._session = session
        self._format = chosen
        self._console = console
        self._has_told = False

    def runsource(self, source: str, filename: str = "", symbol: str = "") -> bool:
        """Runs what was typed so far; True when more of the statement has to come."""
        typed = source.strip()
        if not typed:
            return False
        if typed.startswith("."):
            self._command(typed)
            return False
        if not sqlite3.complete_statement(source):
            return True
        self._follow()
        try:
            run_text(self._session, source, self._format, self._console)
        except QueryError as error:
            self._say(error.full, "red")
            if error.remedy:
                self._say(error.remedy)
        except KeyboardInterrupt:
            self._say("Interrupted.", "yellow")
        return False

    def _command(self, typed: str) -> None:
        match typed.rstrip(";").split():
            case [".tables"]:
                _print_names(self._session.tables(), self._console)
            case [".reopen"]:
                self._reopen()
            case [".quit"] | [".exit"]:
                raise SystemExit(0)
            case _:
                self._say(_HELP)

    def _follow(self) -> None:
        """Sees to it that a statement reads what is published and landed now."""
        if not self._session.is_outdated():
            return
        if not self._session.has_own_tables():
            self._reopen()
        elif not self._has_told:
            self._has_told = True
            self._say(
                f"Something was published or landed since; open is {self._session.published}. "
                ".reopen reads it anew, without the tables you made.",
                "yellow",
            )

    def _reopen(self) -> None:
        self._session.reopen()
        self._has_told = False
        for line in self._session.says():
            self._say(line, "dim")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False)


def prompt(session: SqlSession, home: Home, chosen: Format, console: Console) -> None:
    """Asks for statements until Ctrl-D or .quit; Ctrl-C leaves the line or ends the statement."""
    for line in session.says():
        console.print(line, markup=False)
    if left_out := session.left_out():
        console.print(
            f"Left out as personal data: {', '.join(left_out)}.", style="dim", markup=False
        )
    console.print(_HELP, style="dim", markup=False)
    sys.ps1, sys.ps2 = "sql> ", "...> "
    asking = SqlPrompt(session, chosen, console)
    with _history(home.logs / "sql_history", session), suppress(SystemExit):
        asking.interact(banner="", exitmsg="")


@contextmanager
def _history(file: Path, session: SqlSession) -> Iterator[None]:
    """Keeps what was typed for the next time, for the user alone, and completes table names."""
    if readline is None:
        yield
        return
    with suppress(OSError):  # none yet, or one that cannot be read
        readline.read_history_file(file)
    readline.set_history_length(HISTORY_LINES)
    readline.set_completer_delims(" \t\n,()=<>")
    readline.set_completer(_completer(session))
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(None)
        if readline.get_current_history_length():
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
            file.chmod(0o600)  # a condition that was typed may hold personal data
            readline.write_history_file(file)


def _completer(session: SqlSession) -> Callable[[str, int], str | None]:
    def complete(text: str, state: int) -> str | None:
        found = [name for name, _ in session.tables() if name.startswith(text)]
        return found[state] if state < len(found) else None

    return complete


def _print_table(answer: Answer, console: Console) -> None:
    rows = answer.cells(MOST_ROWS + 1)
    shown = rows[:MOST_ROWS]
    table = Table(header_style="dim")
    for name, kind in answer.columns:
        is_number = kind.startswith(_NUMBERS)
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in shown:
        table.add_row(*map(_cell, row))
    room = console.options.update(width=_ROOM, max_width=_ROOM)
    if table.__rich_measure__(console, room).maximum <= console.width:
        console.print(table, soft_wrap=False)
    else:
        _print_records(answer, shown, console)
    if len(rows) > MOST_ROWS:
        console.print(
            f"The first {MOST_ROWS:,} rows; --format csv or json prints all.", style="dim"
        )


def _print_records(
    answer: Answer, rows: Sequence[tuple[str | None, ...]], console: Console
) -> None:
    """Rows that are wider than the terminal: a line for each column, as other prompts do."""
    for number, row in enumerate(rows, start=1):
        console.print(f"row {number}", style="dim")
        record = Table(box=None, show_header=False, pad_edge=False)
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        for (name, _), cell in zip(answer.columns, row, strict=True):
            record.add_row(Text(name, "dim"), _cell(cell))
        console.print(record, soft_wrap=False)


def _cell(value: str | None) -> Text:
    return Text("NULL", "dim") if value is None else Text(value)


def _write_csv(answer: Answer, file: IO[str]) -> None:
    """RFC 4180 with a header; NULL is an empty cell."""
    rows = answer.cells()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(name for name, _ in answer.columns)
    writer.writerows(rows)


def _write_json(answer: Answer, file: IO[str]) -> None:
    """One array of objects; decimals are numbers with all their digits."""
    file.write("[" + ",\n".join(answer.json()) + "]\n")


def _print_names(names: list[tuple[str, str]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, description in names:
        first = " ".join(description.split()).partition(". ")[0]
        table.add_row(Text(name), Text(first, "dim", overflow="ellipsis", no_wrap=True))
    console.print(table, soft_wrap=False)


@contextmanager
def _until_nobody_reads(console: Console) -> Iterator[None]:
    """A pipe that is closed early, as by `head`, is no error."""
    try:
        yield
        console.file.flush()
    except BrokenPipeError:
        # What is still in the buffer has nowhere to go; Python would complain of it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
