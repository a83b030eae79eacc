"""The warehouse homes that are measured: made once, then kept and used again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import DATA
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home


@dataclass(frozen=True)
class Homes:
    """Homes under one folder; `scale` is that of the simulated shop."""

    folder: Path
    scale: str = "10"

    def simulator(self, scale: str | None = None) -> Home:
        """A simulated shop of this or another scale after `storehouse run`."""
        size = scale or self.scale
        simulate = ["simulate", "--scale", size]
        return self._made(f"simulator-{size}", simulate, ["land"], ["run"])

    def demo(self) -> Home:
        """The demo after `storehouse run`."""
        return self._made("demo", ["simulate", "--scale", "demo"], ["run"])

    def olist(self) -> Home:
        """Olist after `storehouse run`; its files are in STOREHOUSE_TEST_DATA."""
        return self._made("olist", ["land", str(DATA / "olist"), "--source", "olist"], ["run"])

    @property
    def has_olist(self) -> bool:
        """Whether that of Olist was made."""
        return Home(self.folder / "olist").published_file.exists()

    def _made(self, name: str, *commands: list[str]) -> Home:
        home = Home(self.folder / name)
        if home.published_file.exists():
            return home
        if home.root.exists():
            sys.exit(f"{home.root} was never published: `storehouse run` in it, or delete it.")
        for command in commands:
            sys.stderr.write(f"{name}: storehouse {' '.join(command)} ...\n")
            storehouse(home, *command)
        return home


def storehouse(home: Home, *arguments: str) -> str:
    """What `storehouse` wrote when it ran on a home; raises CalledProcessError where it failed."""
    program = Path(sys.executable).with_name("storehouse")
    done = subprocess.run(
        [str(program), *arguments],
        cwd=PROJECT_DIR,
        env=os.environ | {HOME_VARIABLE: str(home.root)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


@contextmanager
def copied(home: Home) -> Iterator[Home]:
    """A copy of a home to change at will; it is deleted again."""
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        yield Home(shutil.copytree(home.root, Path(folder) / "home"))
