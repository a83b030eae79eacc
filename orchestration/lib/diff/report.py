"""A comparison as text for the terminal, Markdown for a pull request, or one offline HTML page."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.padding import Padding
from rich.segment import Segments
from rich.table import Table

from orchestration.lib.diff.result import ColumnDiff, Diff, Example, Side, TableDiff

# A comment on GitHub has room for 65,536 characters.
MOST_MARKDOWN = 60_000
# What Markdown or HTML would read as something else than itself; _ only at the end of a word.
_SPECIAL = re.compile(r"[&<>|*`\[\]~@#\\]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_RIGHT = {"before", "after", "added", "removed", "changed", "change", "rows changed"}
_WIDEST = 60
_ROOM = 1000
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_SUMMARY = ("table", "before", "after", "added", "removed", "changed", "columns")
_COLUMNS = ("column", "rows changed", "currency", "before", "after", "change")


def write_report(console: Console, diff: Diff, form: str, out: Path | None) -> None:
    """Writes the comparison as text, markdown, html or json to `out`, or else to the console."""
    if form == "text" and out is None:
        print_diff(console, diff)
        return
    text = {"text": as_text, "markdown": as_markdown, "html": as_html, "json": as_json}[form](diff)
    if out is None:
        console.print(text, markup=False, end="")
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        console.print(f"{verdict(diff)} {out}", markup=False)


def as_text(diff: Diff) -> str:
    """The comparison as the terminal shows it, 120 characters wide."""
    output = io.StringIO()
    print_diff(Console(file=output, width=120, soft_wrap=True, highlight=False), diff)
    return output.getvalue()


def as_json(diff: Diff) -> str:
    """The comparison as a JSON text; numbers of totals and examples are text."""
    return json.dumps(diff.as_json(), indent=2) + "\n"


def print_diff(console: Console, diff: Diff) -> None:
    """The comparison for a person at a terminal."""
    console.print(f"before  {_side(diff.before)}", style="dim", markup=False)
    console.print(f"after   {_side(diff.after)}", style="dim", markup=False)
    if diff.differing:
        console.print()
        _print_table(console, _SUMMARY, [_summary(table) for table in diff.differing])
    for table in diff.differing:
        if _has_details(table):
            _print_details(console, table)
    console.print()
    console.print(verdict(diff), style="bold", markup=False)


def as_markdown(diff: Diff) -> str:
    """The comparison as a comment on a pull request: a short table, the details folded in."""
    lines = [f"### Data diff: {verdict(diff)}", ""]
    lines += [
        f"- before: {_escaped(_side(diff.before))}",
        f"- after: {_escaped(_side(diff.after))}",
    ]
    if diff.differing:
        lines += ["", *_markdown_table(_SUMMARY, [_summary(table) for table in diff.differing])]
    text = "\n".join(lines) + "\n"
    left_out = 0
    for table in diff.differing:
        details = _markdown_details(table) if _has_details(table) else ""
        if len(text) + len(details) > MOST_MARKDOWN:
            left_out += 1
        else:
            text += details
    if left_out:
        text += f"\nThe details of {left_out:,} more tables have no room here.\n"
    return text


def as_html(diff: Diff) -> str:
    """The comparison as one page that needs no network."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("diff.html").render(
        diff=diff,
        verdict=verdict(diff),
        sides=[("before", _side(diff.before)), ("after", _side(diff.after))],
        summary=[(table, _summary(table)) for table in diff.differing],
        heads=_SUMMARY,
        column_heads=_COLUMNS,
        column_rows=_column_rows,
        key=_key,
        has_details=_has_details,
        right=_RIGHT,
        signs=_SIGNS,
        value=_value,
    )


def verdict(diff: Diff) -> str:
    """How the comparison came out, as a sentence."""
    compared = len(diff.tables) - len(diff.names("not built"))
    tables = f"{compared:,} table{'' if compared == 1 else 's'}"
    found = (
        f"{tables} equal" if not diff.differing else f"{len(diff.differing):,} of {tables} differ"
    )
    unbuilt = len(diff.names("not built"))
    return f"{found}; {unbuilt:,} not built on one side." if unbuilt else f"{found}."


def _side(side: Side) -> str:
    if side.publish_id is None:
        return str(side.file) if side.name.endswith(".duckdb") else f"{side.name}: {side.file}"
    return f"{side.name}: publish {side.publish_id}, code {side.code_version}"


def _summary(table: TableDiff) -> list[str]:
    """The cells of a table under the heads of the summary."""
    if table.status != "changed":
        sizes = [_rows(table.rows_before), _rows(table.rows_after)]
        return [table.name, *sizes, "", "", "", f"{table.status} table"]
    counts = [table.rows_added, table.rows_removed, table.rows_changed]
    return [
        table.name,
        _rows(table.rows_before),
        _rows(table.rows_after),
        *(f"{count:,}" if count else "" for count in counts),
        ", ".join(table.shape or [column.name for column in table.changed_columns]),
    ]


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _column_rows(table: TableDiff) -> list[list[str]]:
    """The changed columns of a table under the heads of the columns, a row for each total."""
    return [row for column in table.changed_columns for row in _rows_of(column)]


def _rows_of(column: ColumnDiff) -> list[list[str]]:
    changed = "" if column.rows_changed is None else f"{column.rows_changed:,}"
    moved = [total for total in column.totals if total.before != total.after]
    if not moved:
        return [[column.name, changed, *[""] * 3, "total unchanged" if column.totals else ""]]
    return [
        [  # rows are those of the column, not of one currency
            *(column.name, "" if number else changed, total.currency or ""),
            *(_number(total.before), _number(total.after), total.change),
        ]
        for number, total in enumerate(moved)
    ]


def _number(text: str | None) -> str:
    if text is None:
        return ""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.lstrip("-").isdigit() else text


def _print_details(console: Console, table: TableDiff) -> None:
    console.print()
    console.print(f"{table.name}  by {_key_name(table)}", style="bold", markup=False)
    if table.note:
        console.print(f"  {table.note}", style="yellow", markup=False)
    if rows := _column_rows(table):
        _print_table(console, _COLUMNS, rows)
    for example in table.examples:
        console.print(f"  {_SIGNS[example.kind]} {_example(example)}", markup=False)


def _has_details(table: TableDiff) -> bool:
    """Whether there is more to say than the line of the summary."""
    return bool(table.note or table.changed_columns or table.examples)


def _key_name(table: TableDiff) -> str:
    return ", ".join(table.key) or "whole rows"


def _example(example: Example) -> str:
    changes = "; ".join(
        f"{column} {_value(before)} -> {_value(after)}"
        for column, (before, after) in example.changes.items()
    )
    return f"{_key(example)}{': ' if changes else ''}{changes}"


def _key(example: Example) -> str:
    return ", ".join(f"{column}={_value(value)}" for column, value in example.key.items())


def _value(text: str | None) -> str:
    return "null" if text is None else text


def _print_table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(
            head,
            justify="right" if head in _RIGHT else "left",
            overflow="fold",
            max_width=_WIDEST if head == "columns" else None,
            no_wrap=head != "columns",
        )
    for row in rows:
        table.add_row(*row)
    # As wide as it needs to be: a number must not be cut where the terminal ends.
    padded = Padding(table, (0, 0, 0, 2), expand=False)
    room = console.options.update(width=_ROOM, max_width=_ROOM)
    console.print(Segments(console.render(padded, room)), crop=False, end="")


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rules = ["---:" if head in _RIGHT else "---" for head in heads]
    lines = [_line(heads), _line(rules)]
    return lines + [_line([_escaped(cell) for cell in row]) for row in rows]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_details(table: TableDiff) -> str:
    lines = ["", "<details>", f"<summary>{_escaped(table.name)}, by {_escaped(_key_name(table))}"]
    lines[-1] += "</summary>"
    lines.append("")
    if table.note:
        lines += [_escaped(table.note), ""]
    if rows := _column_rows(table):
        lines += [*_markdown_table(_COLUMNS, rows), ""]
    if table.examples:
        shown = [[_SIGNS[e.kind], _key(e), _changes(e)] for e in table.examples]
        lines += [*_markdown_table(("", "row", "values"), shown), ""]
    return "\n".join([*lines, "</details>", ""])


def _changes(example: Example) -> str:
    return _example(example).removeprefix(_key(example)).removeprefix(": ")


def _escaped(text: str) -> str:
    """A text that Markdown and HTML show as it is."""
    one_line = " ".join(text.splitlines())
    return _SPECIAL.sub(lambda sign: f"&#{ord(sign[0])};", one_line)
