"""Which files there are to land, and which source each belongs to."""

from __future__ import annotations

from pathlib import Path

from ingest.contracts import Contracts
from ingest.errors import ConfigError
from ingest.home import Home
from ingest.landing.delivery import SIDECAR_SUFFIX


def find_files(
    home: Home, contracts: Contracts, source: str | None, path: Path | None
) -> list[tuple[str, Path]]:
    """(source name, path) of everything to land, in name order; '' where no source is told.

    What is neither a file nor a folder, such as a broken link, is among them: to be refused, not
    overlooked. Raises ConfigError for an unknown source, a path that does not exist, a folder
    without files or a path that belongs to no source.
    """
    if source is not None and source not in contracts:
        raise _unknown_source(contracts, source)
    if path is None:
        loose = [] if source else _files_in(home.extracts, deep=False)
        return [("", file) for file in loose] + [
            (folder.name, file)
            for zone in (home.extracts, home.segments)
            for folder in ([zone / source] if source else _source_folders(zone))
            for file in _files_in(folder)
        ]
    path = path.absolute()
    if not path.exists():
        raise ConfigError(f"{path} does not exist.", "Give a file or a folder of extracts.")
    name = source or _source_of(home, contracts, path)
    if path.is_file():
        return [(name, path)]
    files = _files_in(path)
    if not files:
        raise ConfigError(f"The folder {path} holds no files.", "Give a folder with extracts.")
    return [(name, file) for file in files]


def _source_of(home: Home, contracts: Contracts, path: Path) -> str:
    for zone in (home.extracts, home.segments):
        if path.is_relative_to(zone) and path != zone:
            name = path.relative_to(zone).parts[0]
            if name in contracts:
                return name
    if len(contracts) == 1:
        return next(iter(contracts))
    raise ConfigError(
        f"It is not clear which source {path} belongs to.",
        f"Give --source, one of: {', '.join(contracts)}.",
    )


def _unknown_source(contracts: Contracts, name: str) -> ConfigError:
    return ConfigError(
        f"There is no source {name!r}.", f"The sources are: {', '.join(contracts) or 'none'}."
    )


def _source_folders(zone: Path) -> list[Path]:
    if not zone.is_dir():
        return []
    return sorted(
        path for path in zone.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _files_in(folder: Path, *, deep: bool = True) -> list[Path]:
    """What a folder holds but for folders, sidecars and hidden files, in name order."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in (folder.rglob("*") if deep else folder.iterdir())
        if (path.is_symlink() or not path.is_dir())
        and not path.name.endswith(SIDECAR_SUFFIX)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
