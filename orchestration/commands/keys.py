"""`storehouse admin keys`: who may send to the collector."""

from __future__ import annotations

from typing import Annotated

import typer

from ingest.collector import keys
from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import console, error_console, friendly_errors

_Name = Annotated[str, typer.Argument(help="Name of the key, such as web-shop.")]
_Source = Annotated[str, typer.Option(help="Source that the key names, such as shop.")]


def add_key(name: _Name, source: _Source) -> None:
    """Make a key for a source and print it, this once: only its SHA-256 is kept."""
    with friendly_errors():
        _refuse_unknown(source)
        key = keys.add_key(Home.from_env(), source, name)
    error_console.print(f"The key {name} of {source}. It cannot be shown again.", markup=False)
    typer.echo(key)


def list_keys(
    source: Annotated[str | None, typer.Option(help="Only keys of this source.")] = None,
) -> None:
    """List the keys by source and name, with the day they were made."""
    with friendly_errors():
        found = [key for key in keys.read_keys(Home.from_env()) if source in (None, key.source)]
    for key in found:
        console.print(f"{key.source}  {key.name}  {key.added_at}", markup=False)
    if not found:
        console.print("There is no key.", markup=False)


def revoke_key(name: _Name, source: _Source) -> None:
    """Remove a key; a running collector refuses it at once."""
    with friendly_errors():
        keys.revoke_key(Home.from_env(), source, name)
    console.print(f"The key {name} of {source} is revoked.", markup=False)


def _refuse_unknown(source: str) -> None:
    sources = load_contracts()
    if source not in sources:
        raise ConfigError(
            f"There is no source {source!r}.", f"The sources are: {', '.join(sources)}."
        )
