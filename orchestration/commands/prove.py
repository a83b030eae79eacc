"""`storehouse prove-incremental`: building step by step equals building at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import FAILED, console, error_console, friendly_errors

if TYPE_CHECKING:
    from orchestration.lib.rebuild.prove_incremental import Proof


def prove_incremental(
    batches: Annotated[int, typer.Option(min=1, help="Batches the rows are cut into.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same batches.")] = 1,
    source: Annotated[str | None, typer.Option(help="Only this source, such as olist.")] = None,
    build_every: Annotated[
        int, typer.Option(min=1, help="Build after every so many batches, not after each.")
    ] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="New folder that keeps both warehouses, to look into.")
    ] = None,
) -> None:
    """Prove that random batches, built step by step, give the tables of one build; else status 1.

    Increments and appends are cut, shuffled, delayed and in part delivered twice; full extracts
    move whole. What you landed is only read (the demo, if nothing was); both builds run in a
    temporary folder. Every business table is compared row by row, as `storehouse diff` does.
    """
    from orchestration.lib.diff.report import print_diff
    from orchestration.lib.grain import table_keys
    from orchestration.lib.project import prepare_dbt, read_manifest
    from orchestration.lib.rebuild.prove_incremental import prove_incremental as prove
    from orchestration.lib.rebuild.scratch import scratch_folder
    from orchestration.lib.run import terminable

    with friendly_errors():
        home, contracts = Home.from_env(), load_contracts()
        if source is not None and source not in contracts:
            raise ConfigError(
                f"There is no source {source!r}.", f"The sources are: {', '.join(contracts)}."
            )
        prepare_dbt()
        with terminable(), scratch_folder(keep, home) as folder:
            proof = prove(
                home,
                contracts,
                table_keys(read_manifest()),
                folder,
                batches=batches,
                seed=seed,
                build_every=build_every,
                source=source,
                tell=lambda line: console.print(line, markup=False),
            )
    _print_proof(proof)
    if proof.is_equal and not proof.is_vacuous:
        console.print(
            f"{len(proof.tables.tables)} tables with {proof.rows:,} rows are equal: landed in "
            f"{batches} batches and built step by step, or at once (seed {seed}).",
            style="bold",
            markup=False,
        )
        return
    if proof.is_vacuous:
        error_console.print("No row was compared: this proves nothing.", style="bold red")
    for sentence in proof.lost_or_added:
        error_console.print(sentence, style="bold red", markup=False)
    if proof.tables.differing:
        print_diff(error_console, proof.tables)
    raise typer.Exit(FAILED)


def _print_proof(proof: Proof) -> None:
    landed = Table("landed rows", box=None, pad_edge=False)
    for heading in ("at once", "in steps", "lost", "added"):
        landed.add_column(heading, justify="right")
    for entity in proof.landed:
        counts = (entity.at_once, entity.in_steps, entity.lost, entity.added)
        landed.add_row(entity.entity, *(f"{count:,}" for count in counts))
    console.print(landed)
    console.print(
        f"{proof.delivered_rows:,} rows delivered, {proof.late_rows:,} of them after newer ones.\n",
        markup=False,
    )
    tables = Table("table", box=None, pad_edge=False)
    for heading in ("in steps", "at once"):
        tables.add_column(heading, justify="right")
    tables.add_column("")
    for table in proof.tables.tables:
        rows = [
            "missing" if count is None else f"{count:,}"
            for count in (table.rows_before, table.rows_after)
        ]
        said = "equal" if table.status == "equal" else "[bold red]differs[/]"
        tables.add_row(table.name, *rows, said)
    console.print(tables)
