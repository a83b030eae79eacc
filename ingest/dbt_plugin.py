"""Gives every dbt-duckdb cursor the pads of the key for personal data.

Named in profiles.yml as `plugins: [{module: ingest.dbt_plugin}]`. The pads are session variables
set through bound parameters, so neither they nor the key stand in a statement, a log or the
manifest. A view that uses them is NULL in any other session: materialise tokens as tables.
"""

from __future__ import annotations

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from ingest.home import Home
from ingest.pii import Pads, pii_key, pii_pads


class Plugin(BasePlugin):
    """The plugin dbt-duckdb creates once and calls for each cursor."""

    _pads: Pads | None = None

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Makes the folder of the working file, which DuckDB does not.

        The key is read when the first cursor needs it, not while parsing.
        """
        Home.from_env().warehouse.mkdir(parents=True, exist_ok=True)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Sets `pii_ipad` and `pii_opad` (BLOB) on the cursor; raises SecretError."""
        if self._pads is None:
            self._pads = pii_pads(pii_key(Home.from_env()))
        set_pads(cursor, self._pads)


def set_pads(cursor: DuckDBPyConnection, pads: Pads) -> None:
    """Sets the session variables that the SQL of tokens reads."""
    cursor.execute("set variable pii_ipad = $1::blob", [pads.inner])
    cursor.execute("set variable pii_opad = $1::blob", [pads.outer])
