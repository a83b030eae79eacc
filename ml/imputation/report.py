"""One HTML page: for each column the methods tried, their errors and the one chosen."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from jinja2 import Environment, PackageLoader

REPORT = "report.html"


def write_report(folder: Path, tried: pl.DataFrame) -> None:
    """Writes the page beside the methods tried, which are the rows of imputation_methods."""
    ordered = tried.sort("source_system", "subject", "attribute", maintain_order=True)
    columns = ordered.partition_by(
        "source_system", "subject", "attribute", maintain_order=True, as_dict=True
    )
    page = Environment(loader=PackageLoader("ml.imputation", "."), autoescape=True).get_template(
        "report.html.jinja"
    )
    html = page.render(columns={key: rows.to_dicts() for key, rows in columns.items()})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(html, encoding="utf-8")
