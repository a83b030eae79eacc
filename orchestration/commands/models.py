"""`storehouse models`: versions of the Python models, who serves, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.table import Table

from ingest.home import Home
from orchestration.commands.shared import print_wait
from orchestration.console import console, friendly_errors
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.lock import warehouse_lock

Name = Annotated[str, typer.Argument(metavar="MODEL", help="Such as demand_forecast.")]


def _number(text: str) -> int:
    """The number of a version, which is shown as v2."""
    if not re.fullmatch(r"v?[0-9]{1,9}", text):
        raise typer.BadParameter(f"{text!r} is no version: `storehouse models list` has them.")
    return int(text.removeprefix("v"))


@contextmanager
def _reading(home: Home, verb: str) -> Iterator[None]:
    """Under the lock of the warehouse, with what DuckDB says of the working file in plain words."""
    with warehouse_lock(home, verb, on_wait=print_wait), plain_errors(home.warehouse_file):
        yield


def list_models() -> None:
    """List every model with its versions: who serves, what the gate said, and of what day it is."""
    from ml.frame.registry import Registry
    from ml.frame.scoring import serving
    from ml.models import MODELS

    table = Table("model", "version", "serves", "gate", "as of", "trained", "code", box=None)
    warnings: list[str] = []
    with friendly_errors():
        registry = Registry(Home.from_env().models)
        for model in MODELS:
            predictor, warning = serving(model, registry)
            warnings += [warning] if warning else []
            if predictor.served.version is None:
                table.add_row(model.name, model.baseline_name, "yes", "", "", "", "")
            for version in reversed(registry.versions(model.name)):
                table.add_row(
                    model.name,
                    f"v{version.number}",
                    ("no" if warning else "yes") if version.is_champion else "",
                    version.tags.get("gate", ""),
                    version.tags.get("as_of", ""),
                    f"{version.created_at:%Y-%m-%d %H:%M}",
                    version.tags.get("code_version", ""),
                )
    console.print(table)
    for warning in warnings:
        console.print(warning, markup=False)


def compare(
    model: Name,
    first: Annotated[
        int | None,
        typer.Argument(parser=_number, metavar="[VERSION]", help="Default: the champion."),
    ] = None,
    second: Annotated[
        int | None,
        typer.Argument(parser=_number, metavar="[VERSION]", help="Default: the latest other one."),
    ] = None,
) -> None:
    """Compare two versions of a model by their metrics, each on the slice it was judged on."""
    from ml.frame.card import significant
    from ml.frame.registry import Registry
    from orchestration.lib.model_runs import versions_to_compare

    with friendly_errors():
        left, right = versions_to_compare(Registry(Home.from_env().models), model, first, second)
    table = Table("", f"v{left.number}", f"v{right.number}", box=None)
    for tag in ("as_of", "gate", "data_hash", "code_version", "reason"):
        table.add_row(tag, left.tags.get(tag, ""), right.tags.get(tag, ""))
    for name in sorted({*left.metrics, *right.metrics}):
        values = (version.metrics.get(name) for version in (left, right))
        table.add_row(name, *("" if value is None else significant(value) for value in values))
    console.print(table)


def promote(
    model: Name,
    version: Annotated[int, typer.Argument(parser=_number, help="Such as v2.")],
    force: Annotated[bool, typer.Option(help="Promote even if the gate refused it.")] = False,
) -> None:
    """Let a version serve from the next scoring on."""
    from orchestration.lib.model_runs import promote_version

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse models promote", on_wait=print_wait):
            promote_version(home, model, version, force=force)
    console.print(f"{model} v{version} serves from the next run on.", markup=False)


def rollback(model: Name) -> None:
    """Let the version serve that did before the present one, or the baseline."""
    from orchestration.lib.model_runs import roll_back

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse models rollback", on_wait=print_wait):
            served, warning = roll_back(home, model)
    console.print(f"{model}: {served} serves from the next run on.", markup=False)
    if warning:
        console.print(warning, markup=False)


def forget_days(model: Name) -> None:
    """Take back-filled days out of the scores of a model; its latest day stays."""
    from orchestration.lib.model_runs import forget_days as forget

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse models forget-days", on_wait=print_wait):
            days = forget(home, model)
    if not days:
        console.print(f"{model}: no day but the latest was back-filled.", markup=False)
        return
    console.print(
        f"{model}: {len(days):,} {'day' if len(days) == 1 else 'days'} taken out, "
        f"from {days[0]} to {days[-1]}. "
        "Insights show them until the next run.",
        markup=False,
    )


def train(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="All of them if left out.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Sets of hyper-parameters to try, per model.",
            show_default="10, none for demand_forecast",
        ),
    ] = None,
) -> None:
    """Train candidates now and let the gate judge them.

    Status 0: every candidate may serve, or there is too little data for one. Status 1: the gate
    refused one. Needs features that are built: `storehouse run` before it.
    """
    from ml.frame.card import significant
    from ml.models import MODELS, model_named
    from orchestration.lib.model_runs import train_model
    from orchestration.lib.project import use_home

    refused = False
    with friendly_errors():
        home = use_home()
        with _reading(home, "storehouse models train"):
            for name in models or [model.name for model in MODELS]:
                trained = train_model(home, model_named(name), force=True, trials=trials)
                refused |= trained.version is not None and not trained.is_promoted
                if trained.version is None:
                    console.print(f"{name}: not trained: {trained.reason}", markup=False)
                    continue
                console.print(
                    f"{name} v{trained.version}: "
                    f"{'serves' if trained.is_promoted else 'refused'}: {trained.reason}",
                    markup=False,
                )
                for metric, value in trained.metrics.items():
                    console.print(f"  {metric:<24} {significant(value)}", markup=False)
                console.print(f"  card: {trained.card}", markup=False)
    if refused:
        raise typer.Exit(1)


def drift(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="All of them if left out.")
    ] = None,
) -> None:
    """Measure how far features, labels and scores are from what training saw.

    Status 0: nothing is a reason to train. Status 1: something is; `storehouse models train` lets
    the gate judge a new candidate.
    """
    import polars as pl

    from ml.frame.drift import STEADY
    from ml.frame.monitoring import NO_REASON
    from ml.models import MODELS, model_named
    from orchestration.lib.model_runs import watch_model
    from orchestration.lib.project import use_home

    heads = ("model", "source", "column", "window from", "psi", "alarm at", "state")
    table = Table(*heads, box=None)
    reasons = {}
    with friendly_errors():
        home = use_home()
        with _reading(home, "storehouse models drift"):
            for name in models or [model.name for model in MODELS]:
                found = watch_model(home, model_named(name))
                if found is None:
                    console.print(f"{name}: no version to measure against.", markup=False)
                    continue
                reasons[name] = found.reason_to_retrain
                console.print(
                    f"{name}: {found.drift.height:,} columns and windows measured: "
                    f"{reasons[name] or NO_REASON}",
                    markup=False,
                )
                for row in found.drift.filter(pl.col("state") != STEADY).to_dicts():
                    table.add_row(
                        name,
                        row["source_system"],
                        f"{row['kind']} {row['column_name']}",
                        f"{row['window_start_date']}",
                        f"{row['psi']:.3f}",
                        f"{row['alarm_at']:.3f}",
                        row["state"] if row["is_important"] else f"{row['state']}, not important",
                    )
    if table.row_count:
        console.print(table)
    if any(reasons.values()):
        raise typer.Exit(1)
