"""The model card: what a version was made of and how it did, as one HTML page with its pictures."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from ml.frame.gate import Decision
from ml.frame.model import ORIGINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CARD, METRICS, RECORD = "card.html", "metrics.json", "gate.json"


@dataclass(frozen=True)
class Card:
    """All that the page tells.

    `spread` is the standard deviation of metrics over the origins that were judged, `compared` are
    the metrics of who was judged on the same rows.
    """

    model: str
    trained_as: str
    description: str
    as_of: str
    trained_before: Mapping[str, str]
    judged: Mapping[str, str]
    data_hash: str
    code_version: str
    seed: int
    features: tuple[str, ...]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    spread: Mapping[str, float]
    compared: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]


def write_card(folder: Path, card: Card, decision: Decision, plots: Mapping[str, Figure]) -> None:
    """Writes the page, its pictures as PNG, the metrics and the record of the gate as JSON."""
    pictures = {}
    for title, figure in plots.items():
        file = folder / f"{title.lower().replace(' ', '_')}.png"
        figure.savefig(file, dpi=110)
        pictures[title] = base64.b64encode(file.read_bytes()).decode()
    environment = Environment(loader=PackageLoader("ml.frame", "."), autoescape=True)
    environment.filters["significant"] = significant
    html = environment.get_template("card.html.jinja").render(
        card=card, decision=decision, pictures=pictures, origins=ORIGINS
    )
    (folder / CARD).write_text(html, encoding="utf-8")
    _write_json(
        folder / METRICS,
        {"metrics": card.metrics, "spread": card.spread, "compared": card.compared},
    )
    record = {**asdict(decision), "reason": decision.reason, "card": asdict(card)}
    _write_json(folder / RECORD, record)


def read_trained_before(folder: Path) -> dict[str, date]:
    """By source the first business date that a version did not learn from, of its record."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return {
        source: date.fromisoformat(day) for source, day in record["card"]["trained_before"].items()
    }


def significant(value: float, digits: int = 4) -> str:
    """The number to so many significant digits, and all before the point: 0.7131, 83,487."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(_finite(content), indent=2, default=str, allow_nan=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def _finite(content: Any) -> Any:
    """The content with null for what could not be computed, which JSON has no number for."""
    if isinstance(content, Mapping):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
