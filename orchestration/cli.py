"""The command line: `storehouse VERB`."""

from __future__ import annotations

import typer

from orchestration.commands.admin import compact, is_empty, prepare, rebuild_history
from orchestration.commands.collect import collect
from orchestration.commands.consume import consume
from orchestration.commands.diff import diff
from orchestration.commands.keys import add_key, list_keys, revoke_key
from orchestration.commands.land import land, simulate
from orchestration.commands.models import (
    compare,
    drift,
    forget_days,
    list_models,
    promote,
    train,
)
from orchestration.commands.models import rollback as roll_back_model
from orchestration.commands.produce import produce
from orchestration.commands.prove import prove_incremental
from orchestration.commands.publish import publish, rollback, versions
from orchestration.commands.run import run
from orchestration.commands.sql import sql
from orchestration.commands.status import status
from orchestration.commands.stream import stream
from orchestration.commands.trace import trace

app = typer.Typer(
    help="storehouse: an e-commerce warehouse from raw extracts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(help="Rarely needed commands.", no_args_is_help=True)
models = typer.Typer(help="Versions of the Python models.", no_args_is_help=True)
keys = typer.Typer(help="Keys of those who send to the collector.", no_args_is_help=True)
app.add_typer(admin, name="admin")
admin.add_typer(keys, name="keys")
app.add_typer(models, name="models")

for command in (land, simulate, run, publish, status, sql, diff, trace, prove_incremental):
    app.command()(command)
app.command()(collect)
app.command()(consume)
app.command()(produce)
app.command()(stream)
for command in (versions, rollback, rebuild_history, compact, prepare, is_empty):
    admin.command()(command)
keys.command("list")(list_keys)
keys.command("add")(add_key)
keys.command("revoke")(revoke_key)
models.command("list")(list_models)
models.command("rollback")(roll_back_model)
models.command()(compare)
models.command()(drift)
models.command()(forget_days)
models.command()(promote)
models.command()(train)


def main() -> None:
    """The entry point of the `storehouse` command."""
    app()
