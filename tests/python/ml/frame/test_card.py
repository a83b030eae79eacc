"""The page of a version: its pictures lie beside it and are shown in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from toy import Toy

from ml.frame.card import CARD, METRICS, significant
from ml.frame.gate import Judgement
from ml.frame.model import Data, Slice
from ml.frame.registry import Registry
from ml.frame.training import train


class Drawn(Toy):
    """A toy with two pictures."""

    def plots(self, fitted: dict[str, float], data: Data, judged: Slice) -> Mapping[str, Figure]:
        figures = {}
        for title, values in (("Means by kind", list(fitted.values())), ("Nothing", [])):
            figures[title] = Figure(figsize=(2, 2))
            figures[title].subplots().plot(values)
        return figures


def test_pictures_are_beside_the_page_and_in_it(registry: Registry, warehouse: Path) -> None:
    train(Drawn(), warehouse, registry, code_version="abc", leaks=(), trials=0)
    folder = registry.folder("toy", 1)
    files = {file.name: file.read_bytes() for file in folder.glob("*.png")}
    assert files.keys() == {"means_by_kind.png", "nothing.png"}
    assert all(content.startswith(b"\x89PNG\r\n\x1a\n") for content in files.values())
    page = (folder / CARD).read_text(encoding="utf-8")
    shown = re.findall(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)">', page)
    assert [(title, base64.b64decode(text)) for title, text in shown] == [
        ("Means by kind", files["means_by_kind.png"]),
        ("Nothing", files["nothing.png"]),
    ]


def test_a_model_without_pictures_has_a_page_without_them(
    registry: Registry, warehouse: Path
) -> None:
    train(Toy(), warehouse, registry, code_version="abc", leaks=(), trials=0)
    folder = registry.folder("toy", 1)
    assert list(folder.glob("*.png")) == []
    assert "<img" not in (folder / CARD).read_text(encoding="utf-8")


def test_what_could_not_be_computed_is_null_in_json(registry: Registry, warehouse: Path) -> None:
    class Unsure(Toy):
        def judge(self, fitted: dict[str, float], data: Data, judged: Slice) -> Judgement:
            found = super().judge(fitted, data, judged)
            return replace(found, metrics={**found.metrics, "unknown": float("nan")})

    train(Unsure(), warehouse, registry, code_version="abc", leaks=(), trials=0)
    text = (registry.folder("toy", 1) / METRICS).read_text(encoding="utf-8")
    assert json.loads(text)["metrics"]["unknown"] is None and "NaN" not in text


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.713149, 4, "0.7131"),
        (-1.5, 4, "-1.5"),
        (83_487.0, 4, "83,487"),
        (1_234.5, 4, "1,234"),
        (158.7, 2, "159"),
        (0.0592, 2, "0.059"),
        (0.0, 4, "0"),
    ],
)
def test_numbers_keep_the_digits_before_the_point(value: float, digits: int, shown: str) -> None:
    assert significant(value, digits) == shown
