"""A trace as text for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from orchestration.lib.trace.result import FactRows, LandedEntity, LandedRow, Row, Rules, Trace

_STATES = {"latest": "green", "superseded": "dim", "duplicate": "dim", "quarantined": "bold red"}


def print_trace(console: Console, trace: Trace) -> None:
    """The row, what it came from, and the rules on the way."""
    console.print(f"{trace.table}  {_words(trace.key)}", style="bold", markup=False)
    others = {name: value for name, value in trace.row.items() if name not in trace.key}
    console.print(f"  {_words(others)}", markup=False)
    for note in trace.notes:
        console.print(note, style="yellow", markup=False)
    if trace.measures:
        _print_measures(console, trace)
    for fact in trace.facts:
        _print_facts(console, fact)
    for entity in trace.landed:
        console.print()
        _print_entity(console, entity, "")
    for seed in trace.seeds:
        console.print()
        console.print(f"Seed {seed.file}:{seed.line}  {_words(seed.by)}", markup=False)
    _print_rules(console, trace.rules)


def _print_measures(console: Console, trace: Trace) -> None:
    console.print()
    console.print("Measures and what the fact rows behind them add up to", style="bold")
    for measure in trace.measures:
        summed = "no row" if measure.summed is None else measure.summed
        if measure.agrees:
            console.print(f"  {measure.name} {_value(measure.shown)} = {summed}", markup=False)
        else:
            console.print(
                f"  {measure.name} {_value(measure.shown)}, but the rows add up to {summed}",
                style="bold red",
                markup=False,
            )


def _print_facts(console: Console, fact: FactRows) -> None:
    console.print()
    console.print(f"{fact.table}: {_count(fact.row_count, len(fact.rows))}", style="bold")
    for row in fact.rows:
        console.print(f"  {_words(row.key)}: {_words(row.measures)}", markup=False)
        for entity in row.landed:
            _print_entity(console, entity, "    ")


def _print_entity(console: Console, entity: LandedEntity, indent: str) -> None:
    counted = _count(entity.row_count, len(entity.rows))
    console.print(
        f"{indent}{escape(entity.entity)}  {escape(_words(entity.by))}: {counted}",
        style="" if indent else "bold",
    )
    for row in entity.rows:
        _print_landed(console, row, f"{indent}  ")


def _print_landed(console: Console, row: LandedRow, indent: str) -> None:
    place = f"{row.file}:{row.row_number}"
    if row.unit != "line":
        place = f"{row.file}, record {row.row_number}"
    if not row.is_file_kept:
        place += " (no longer in raw)"
    style = _STATES.get(row.state, "")
    more = f": {row.reasons}" if row.reasons else ""
    more += f" by {row.superseded_by.replace(' ', ' row ')}" if row.superseded_by else ""
    state = f"[{style}]{row.state}[/]" if style else row.state
    console.print(f"{indent}{state}{escape(more)}  {escape(place)}")
    times = f"load {row.load_id}, extracted {row.extracted_at or 'undated'}, received "
    console.print(f"{indent}  {times}{_value(row.received_at)}", style="dim", markup=False)
    if row.content is None:
        console.print(f"{indent}  its content is not in the lake any more", style="dim")
    else:
        console.print(f"{indent}  {_content(row.content)}", style="dim", markup=False)


def _print_rules(console: Console, rules: Sequence[Rules]) -> None:
    console.print()
    console.print("Rules on the way, from the table back", style="bold")
    for rule in rules:
        console.print(f"  {rule.file}", markup=False)
        for text in rule.unit_tests:
            console.print(f"    rule  {text}", markup=False)
        for text in rule.tests:
            console.print(f"    test  {text}", style="dim", markup=False)


def _content(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False)


def _count(count: int, shown: int) -> str:
    rows = f"{count:,} row{'' if count == 1 else 's'}"
    return rows if shown >= count else f"{rows}, {shown:,} shown"


def _words(row: Row) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in row.items())


def _value(text: str | None) -> str:
    return "null" if text is None else text
