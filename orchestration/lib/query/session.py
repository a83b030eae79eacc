"""A place for queries: the lake and the published file, read-only, in a DuckDB in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ingest.contracts import BOOKS
from ingest.errors import ConfigError, StorehouseError
from ingest.home import Home
from orchestration.lib.duckdb_errors import explained
from orchestration.lib.project import PUBLISHED_SCHEMAS
from orchestration.lib.query.lake_views import LakeView, lake_views
from orchestration.lib.sql_text import literal

T = TypeVar("T")
_SCAN = "lake__"  # names of the datasets that the views select from


class QueryError(StorehouseError):
    """A statement that DuckDB did not run; `full` is all it said, with the place in the text."""

    def __init__(self, full: str, remedy: str = "") -> None:
        self.full = full
        super().__init__(" ".join(full.partition("\nLINE ")[0].split()), remedy)


@dataclass(frozen=True)
class Answer:
    """The rows of a statement, computed when they are read: read them before the next statement.

    Reading raises QueryError, and KeyboardInterrupt when it is interrupted.
    """

    relation: duckdb.DuckDBPyRelation
    session: SqlSession

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Name and type of each column."""
        return [
            (name, str(kind))
            for name, kind in zip(self.relation.columns, self.relation.types, strict=True)
        ]

    def cells(self, most: int | None = None) -> list[tuple[str | None, ...]]:
        """The rows, at most so many, each cell as DuckDB writes it: decimals exact, times ISO."""
        relation = self.relation if most is None else self.relation.limit(most)
        return self._read(relation, "cast(columns(*) as varchar)")

    def json(self) -> list[str]:
        """Each row as a JSON object; decimals are numbers with all their digits."""
        return [row for (row,) in self._read(self.relation, "cast(to_json(answer) as varchar)")]

    def _read(self, relation: duckdb.DuckDBPyRelation, expression: str) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            found = relation.query("answer", f"select {expression} from answer")
            return found.fetchall() if found is not None else []

        return self.session.work(read)


class SqlSession:
    """A connection that reads all and writes nothing outside its memory.

    Views `source.entity` show the lake without personal data, the catalog `published` the served
    file as it was when the session was opened, its schemas also without that prefix. After opening
    DuckDB may touch no file: neither a query nor a setting can read what the views leave out or
    write anywhere, but in `allowed`, a folder.
    """

    def __init__(self, home: Home, allowed: Path | None = None) -> None:
        self.home = home
        self.allowed = _checked(home, allowed) if allowed else None
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._open()

    def _open(self) -> None:
        self._stamp = self._stamp_now()
        self.published: str | None = None
        self.not_published = "nothing yet. Run `storehouse run`."
        self.views = lake_views(self.home)
        self.connection = duckdb.connect(
            config={"temp_directory": "", "autoinstall_known_extensions": "false"}
        )
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("set python_enable_replacements = false")
        for view in self.views:
            self._create(view)
        self._attach()
        if self.allowed:
            self.connection.execute("set allowed_directories = [$1]", [str(self.allowed)])
        self.connection.execute("set enable_external_access = false")
        self._own = self._relations()

    def _create(self, view: LakeView) -> None:
        scan = f"{_SCAN}{view.source}__{view.entity}"
        self.connection.register(scan, view.data)
        place = f'"{view.source}"."{view.entity}"'
        self.connection.execute(f'create schema if not exists "{view.source}"')
        self.connection.execute(f'create view {place} as select * from "{scan}"')
        self.connection.execute(f"comment on view {place} is {literal(view.description)}")
        for name in view.data.schema.names:
            if text := view.comments.get(name):
                self.connection.execute(f'comment on column {place}."{name}" is {literal(text)}')

    def _attach(self) -> None:
        """Attaches the served file; one that is missing or damaged is said in `not_published`."""
        file = self.home.published_file
        if not file.exists():
            return
        try:
            with _other_name(file) as name:
                self.connection.execute(f"attach {literal(str(name))} as published (read_only)")
            found = self.connection.execute("select publish_id from published.ops.publish")
            self.published = str(found.fetchall()[0][0])
        except duckdb.Error as error:
            self.not_published = f"not readable. {explained(str(error), file)}"
            return
        except OSError as error:
            self.not_published = f"not opened, {file.parent} takes no links ({error.strerror})."
            return
        present = self.connection.execute(
            "select schema_name from duckdb_schemas() where database_name = 'published'"
        ).fetchall()
        schemas = [name for name in PUBLISHED_SCHEMAS if (name,) in present]
        path = ",".join(["memory.main", *(f"published.{name}" for name in schemas)])
        self.connection.execute(f"set search_path = '{path}'")

    def run(self, text: str) -> Iterator[Answer]:
        """Runs each statement and yields the rows of those that have any; raises QueryError.

        An interrupt ends the statement and is raised as KeyboardInterrupt.
        """
        with _query_errors(self.left_out()):
            statements = duckdb.extract_statements(text)
        for statement in statements:
            rows = self.work(partial(self.connection.sql, statement.query))
            is_query = statement.expected_result_type == [duckdb.ExpectedResultType.QUERY_RESULT]
            if rows is not None and (is_query or rows.columns not in (["Count"], ["Success"])):
                yield Answer(rows, self)

    def work(self, ask: Callable[[], T]) -> T:
        """Has DuckDB do something, so that Ctrl-C ends it; raises QueryError, KeyboardInterrupt.

        In a thread of its own: Python hears of Ctrl-C in the main thread only, and not while that
        is within DuckDB.
        """
        future = self._worker.submit(ask)
        try:
            while not future.done():  # in small steps: a wait without end may sleep through Ctrl-C
                wait([future], timeout=0.05)
            with _query_errors(self.left_out()):
                return future.result()
        except KeyboardInterrupt:
            while not future.done():
                self.connection.interrupt()
                wait([future], timeout=0.05)
            raise

    def reopen(self) -> None:
        """Opens all anew: what was landed or published since is seen, own tables are gone."""
        self.close()
        self._open()

    def is_outdated(self) -> bool:
        """Whether something was landed or published since the session was opened."""
        return self._stamp_now() != self._stamp

    def has_own_tables(self) -> bool:
        """Whether there are tables or views that reopening would lose."""
        return self._relations() != self._own

    def close(self) -> None:
        """Frees the memory and the published file."""
        self.connection.close()

    def tables(self) -> list[tuple[str, str]]:
        """Name and description of everything that can be queried, the published tables first."""
        found = self.connection.execute(
            """
            select schema_name || '.' || table_name, coalesce(comment, '')
            from duckdb_tables() where database_name = 'published' order by all
            """
        ).fetchall()
        return [*found, *((view.name, view.description) for view in self.views)]

    def left_out(self) -> list[str]:
        """The columns of the lake that hold personal data, as `shop.customers.contact`."""
        return [f"{view.name}.{column}" for view in self.views for column in view.left_out]

    def says(self) -> list[str]:
        """What is open, in a few lines."""
        lines = [f"Published: {self.published or self.not_published}"]
        for source in sorted({view.source for view in self.views} - {BOOKS}):
            entities = [view for view in self.views if view.source == source]
            landed = sum(view.has_rows for view in entities)
            lines.append(f"Lake, {source}: {landed} of {len(entities)} entities landed.")
        return lines

    def _relations(self) -> list[tuple[str, str]]:
        return self.connection.execute(
            """
            select schema_name, table_name from duckdb_tables()
            where database_name in ('memory', 'temp')
            union all
            select schema_name, view_name from duckdb_views()
            where not internal and database_name in ('memory', 'temp') order by all
            """
        ).fetchall()

    def _stamp_now(self) -> tuple[int, ...]:
        """Changes when something is published (another file) or landed (another record)."""
        stamp: tuple[int, ...] = ()
        for path in (self.home.published_file, self.home.lake / BOOKS / "loads"):
            try:
                facts = path.stat()
            except FileNotFoundError:
                stamp += (0, 0)
            else:
                stamp += (facts.st_ino, facts.st_mtime_ns)
        return stamp


@contextmanager
def _query_errors(left_out: Sequence[str]) -> Iterator[None]:
    """Turns what DuckDB says about a statement into a QueryError."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        told = str(error).strip()
        missing = [name for name in left_out if f'"{name.rpartition(".")[2]}"' in told]
        remedy = f"Personal data is left out: {', '.join(missing)}." if missing else ""
        if "No such file or directory" in told:
            remedy = "The lake was landed into or compacted meanwhile: ask again."
        if isinstance(error, duckdb.PermissionException):
            remedy = "Queries may read and write files in the folder of --allow alone."
        raise QueryError(told, remedy) from error


@contextmanager
def _other_name(file: Path) -> Iterator[Path]:
    """A name of the file that is gone afterwards, and its folder with it.

    What DuckDB attached it may open again and write to, the `.wal` beside it too, whatever else is
    closed to it. Under a name in a folder that is gone it finds nothing. Where nobody can write,
    the file's own name does no harm. Raises OSError.
    """
    if not os.access(file.parent, os.W_OK):
        yield file
        return
    with TemporaryDirectory(prefix=".reading-", dir=file.parent) as folder:
        name = Path(folder) / file.name
        os.link(file, name)
        yield name


def _checked(home: Home, folder: Path) -> Path:
    """The folder, absolute; raises ConfigError when it is none or would open the home."""
    found = folder.expanduser().resolve()
    if not found.is_dir():
        raise ConfigError(f"{folder} is not a folder.", "Name a folder that exists.")
    if found.is_relative_to(home.root) or home.root.is_relative_to(found):
        raise ConfigError(
            f"{found} shares files with the home {home.root}, which queries must not touch.",
            "Name a folder elsewhere.",
        )
    return found
