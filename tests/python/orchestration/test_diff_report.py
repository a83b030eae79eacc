"""The report of a diff: complete, escaped, offline, and small enough for a comment."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

from rich.console import Console

from orchestration.lib.diff.report import (
    MOST_MARKDOWN,
    as_html,
    as_json,
    as_markdown,
    as_text,
    print_diff,
    write_report,
)
from orchestration.lib.diff.result import (
    ColumnDiff,
    Diff,
    Example,
    Side,
    TableDiff,
    Total,
)

EVIL = "<script>alert(1)</script>|`*_x_*`\n[a](b) @team"


def sides() -> tuple[Side, Side]:
    return (
        Side("published", Path("/p.duckdb"), True, "20240101T000000000000Z", "abc"),
        Side("dev", Path("/d.duckdb"), False),
    )


def changed_table(name: str = "core.fact_orders", value: str = EVIL) -> TableDiff:
    return TableDiff(
        name,
        "changed",
        1200,
        1201,
        key=("order_id",),
        rows_added=1,
        rows_changed=2,
        columns_added=("new_column",),
        columns=(
            ColumnDiff("amount", "DECIMAL(18,2)", 2, (Total("EUR", "1000.00", "-1250.50"),)),
            ColumnDiff("quiet", "INTEGER", 0, (Total(None, "5", "5"),)),
        ),
        examples=(
            Example("added", {"order_id": value}),
            Example("changed", {"order_id": "7"}, {"amount": (None, value)}),
        ),
    )


def diff(*tables: TableDiff) -> Diff:
    before, after = sides()
    more = (
        TableDiff("core.dim_date", "equal", 5, 5),
        TableDiff("core.dim_gone", "removed", 9, None),
        TableDiff("core.dim_other", "not built", 4, None),
    )
    return Diff(before, after, 0.0, (*tables, *more))


def test_text_says_what_differs_and_nothing_else() -> None:
    text = as_text(diff(changed_table(value="A-1")))
    assert "2 of 3 tables differ; 1 not built on one side." in text
    assert "publish 20240101T000000000000Z, code abc" in text
    assert re.search(r"core\.fact_orders +1,200 +1,201 +1 +2 +\+new_column", text)
    assert re.search(r"core\.dim_gone +9 +removed table", text)
    assert re.search(r"amount +2 +EUR +1,000\.00 +-1,250\.50 +-2,250\.50", text)
    assert "~ order_id=7: amount null -> A-1" in text
    assert "quiet" not in text
    assert "dim_date" not in text
    assert as_text(Diff(*sides(), 0.0, ())).endswith("0 tables equal.\n")


def test_numbers_are_whole_on_a_narrow_terminal() -> None:
    output = io.StringIO()
    print_diff(Console(file=output, width=40, soft_wrap=True), diff(changed_table(value="A-1")))
    for shown in ("core.fact_orders", "1,000.00", "-1,250.50", "-2,250.50", "+new_column"):
        assert shown in output.getvalue()


def test_markdown_folds_details_and_escapes_values() -> None:
    text = as_markdown(diff(changed_table()))
    assert text.count("<details>") == text.count("</details>") == 1
    body = text.replace("<details>", "").replace("</details>", "")
    body = body.replace("<summary>", "").replace("</summary>", "")
    assert "<" not in body
    assert "@team" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows if "script" in line} == {4}
    assert "core.fact_orders" in text


def test_markdown_has_room_in_a_comment() -> None:
    many = [changed_table(f"core.t{number}", "x" * 2000) for number in range(100)]
    text = as_markdown(diff(*many))
    assert len(text) < MOST_MARKDOWN + 100
    assert "| core.t99 |" in text
    assert re.search(r"The details of \d+ more tables have no room here", text)


class Page(HTMLParser):
    """The tags of a page, and whatever it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [v or "" for name, v in attrs if name in {"src", "href"} and v]


def test_html_is_one_offline_page_without_markup_from_values() -> None:
    text = as_html(diff(changed_table()))
    page = Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.loads == ["#core.fact_orders"]
    assert "http" not in text
    assert "url(" not in text
    for shown in ("core.dim_date", "core.dim_gone", "core.dim_other", "-1,250.50", "alert(1)"):
        assert shown in text


def test_json_keeps_every_digit() -> None:
    found = json.loads(as_json(diff(changed_table())))
    assert found["is_equal"] is False
    (table,) = [t for t in found["tables"] if t["name"] == "core.fact_orders"]
    assert table["columns"][0]["totals"] == [
        {"currency": "EUR", "before": "1000.00", "after": "-1250.50"}
    ]
    assert table["examples"][1]["changes"] == {"amount": [None, EVIL]}


def test_a_report_goes_to_a_file(tmp_path: Path) -> None:
    said = io.StringIO()
    console = Console(file=said, soft_wrap=True)
    for form in ("text", "markdown", "html", "json"):
        write_report(console, diff(changed_table()), form, tmp_path / "out" / form)
        assert "core.fact_orders" in (tmp_path / "out" / form).read_text(encoding="utf-8")
    assert said.getvalue().count("tables differ") == 4
