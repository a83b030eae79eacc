"""The zones of a warehouse home: the one place where their paths are spelt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigError

HOME_VARIABLE = "STOREHOUSE_HOME"
PROJECT_DIR = Path(__file__).resolve().parents[1]
# What dbt, DuckDB or a glob reads as something else than a letter of a path.
_NO_PLAIN_PATH = "'\"[]{}*?#%\\"
_READ_BY_DBT = ("models", "seeds", "snapshots", "macros", "tests", "packages", "target")


@dataclass(frozen=True)
class Home:
    """The folder that holds every zone; `root` is absolute.

    Creating a Home touches nothing on disk: whoever writes to a zone creates it.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.expanduser().resolve())

    @classmethod
    def from_env(cls) -> Home:
        """The home named by STOREHOUSE_HOME, or `data` in the project, wherever one stands.

        Raises ConfigError when the variable names something that is not a folder, a path that dbt
        or DuckDB would misread, or a folder in which dbt looks for models: what dbt writes there
        would be read as a part of the project.
        """
        home = cls(Path(os.environ.get(HOME_VARIABLE) or PROJECT_DIR / "data"))
        if odd := sorted(set(str(home.root)) & set(_NO_PLAIN_PATH)):
            raise ConfigError(
                f"{HOME_VARIABLE} is {home.root}, with {' '.join(odd)} in its path.",
                "Name a folder without quotes, brackets, braces and the signs * ? # %.",
            )
        if home.root == PROJECT_DIR or any(
            home.root.is_relative_to(PROJECT_DIR / name) for name in _READ_BY_DBT
        ):
            raise ConfigError(
                f"{HOME_VARIABLE} is {home.root}, a folder that dbt reads the project from.",
                f"Point it at another folder, such as {PROJECT_DIR / 'data'}.",
            )
        if home.root.exists() and not home.root.is_dir():
            raise ConfigError(
                f"{HOME_VARIABLE} is {home.root}, which is not a folder.",
                "Point it at a folder; it is created when it does not exist.",
            )
        return home

    @property
    def extracts(self) -> Path:
        """Files a user or the simulator drops in, one folder per source."""
        return self.root / "extracts"

    @property
    def segments(self) -> Path:
        """Files of what arrives without a pause, sealed every few seconds, one folder per source.

        Landing takes them from there and removes them; a hidden one is still being written.
        """
        return self.root / "segments"

    @property
    def raw(self) -> Path:
        """The bytes as they came: a folder per load, or an archive of the loads of a day."""
        return self.root / "raw"

    @property
    def lake(self) -> Path:
        """Landed rows as Parquet under the contract's columns."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The folder of the working file, written by dbt only."""
        return self.root / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        """The working DuckDB file."""
        return self.warehouse / "storehouse.duckdb"

    @property
    def dev_file(self) -> Path:
        """The file of dbt's target `dev`: what an engineer builds to try a change."""
        return self.warehouse / "dev.duckdb"

    @property
    def dbt_state(self) -> Path:
        """The folder of the manifest that was published last, for `dbt --state`."""
        return self.warehouse / "state"

    @property
    def scores(self) -> Path:
        """Predictions as Parquet, one folder per model."""
        return self.root / "scores"

    @property
    def runs(self) -> Path:
        """What orchestration did, as Parquet: steps of runs, ticks of schedules and sensors."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """Model artefacts and the experiment store."""
        return self.root / "models"

    @property
    def published(self) -> Path:
        """The folder of the served file."""
        return self.root / "published"

    @property
    def published_file(self) -> Path:
        """The DuckDB file that BI, dashboard and API open."""
        return self.published / "storehouse.duckdb"

    @property
    def versions(self) -> Path:
        """The folder of the published files that are kept, with their records."""
        return self.published / "versions"

    @property
    def truth(self) -> Path:
        """What the simulator planted; read by tests and scoreboards only."""
        return self.root / "truth"

    @property
    def secrets(self) -> Path:
        """Keys that must stay outside the warehouse folder (mode 700)."""
        return self.root / "secrets"

    @property
    def locks(self) -> Path:
        """Lock files; holding one is a matter of the operating system, not of their content."""
        return self.root / "locks"

    @property
    def logs(self) -> Path:
        """What the last run printed."""
        return self.root / "logs"
