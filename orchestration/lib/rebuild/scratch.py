"""A scratch home: a warehouse built beside the user's own, which is only read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.errors import ConfigError, StorehouseError
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from ingest.landing.records import read_records
from ingest.pii import pii_key
from orchestration.lib.empty_inputs import write_empty_inputs
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.project import DBT

_LAST_LINES = 25
_OF_THE_USER = ("STOREHOUSE_ALERT_WEBHOOK", "DBT_TARGET_PATH", "DBT_LOG_PATH")


@contextmanager
def scratch_folder(keep: Path | None, home: Home) -> Iterator[Path]:
    """A new folder: `keep`, which stays, or a temporary one that is removed at the end.

    Raises ConfigError when `keep` holds something, or lies in `home`.
    """
    if keep is not None:
        yield kept_folder(keep, home)
        return
    with tempfile.TemporaryDirectory(prefix="storehouse-") as name:
        yield Path(name).resolve()


def kept_folder(folder: Path, home: Home) -> Path:
    """The folder, made and empty; raises ConfigError when it holds something or is in `home`."""
    folder = folder.expanduser().resolve()
    if folder.is_relative_to(home.root):
        raise ConfigError(f"{folder} lies in the home {home.root}.", "Name a folder outside of it.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not an empty folder.", "Name a new one, or empty it.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_home(root: Path, like: Home) -> Home:
    """A home without loads, with the key of `like`, so that its tokens are the same."""
    home = Home(root)
    home.root.mkdir(parents=True, exist_ok=True)
    if like.secrets.is_dir():
        shutil.copytree(like.secrets, home.secrets)
        home.secrets.chmod(0o700)
    pii_key(home)  # makes one where neither home nor environment has it
    write_empty_inputs(home)
    return home


@contextmanager
def read_home(
    home: Home, holder: str, on_wait: Callable[[str], None] | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The load records of a home while nobody lands into it; none of a home without a lake.

    `on_wait` hears who holds the warehouse meanwhile.
    """
    if not home.lake.is_dir():
        yield []
        return
    with warehouse_lock(home, holder, on_wait=on_wait):
        yield read_records(home)


def build_tables(home: Home, select: Sequence[str] = ()) -> None:
    """Builds seeds, models and snapshots of a scratch home, without tests, by bare dbt.

    A state on the way need not be whole: tests on shares of orphans hold for all loads together.
    Raises StorehouseError with dbt's last words.
    """
    logs = home.logs / "dbt" / "steps"
    arguments = ["--no-use-colors", "build", "--target-path", str(logs), "--log-path", str(logs)]
    for kind in ("test", "unit_test"):
        arguments += ["--exclude-resource-type", kind]
    if select:
        arguments += ["--select", *select]
    _call([os.fspath(DBT), *arguments], home)


def run_all(home: Home) -> None:
    """`storehouse run` in a scratch home: build, test, train, score, watch, insights, publish.

    Raises StorehouseError with its last words when nothing was published.
    """
    _call([os.fspath(DBT.with_name("storehouse")), "run"], home)


def _call(command: Sequence[str], home: Home) -> None:
    done = subprocess.run(
        command,
        cwd=PROJECT_DIR,
        env=environment(home),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:]
        raise StorehouseError(
            f"`{Path(command[0]).name}` failed in {home.root}:\n" + "\n".join(said),
            "If it fails in your own home too, mend that first.",
        )


def environment(home: Home) -> Mapping[str, str]:
    """The environment of a process that works in a scratch home; it alerts nobody."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_USER}
    return kept | {HOME_VARIABLE: str(home.root)}
