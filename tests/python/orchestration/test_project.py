"""The manifest is written once for all who need it, and nobody reads half of one."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.home import PROJECT_DIR
from orchestration.lib import project


class Parser:
    """Stands in for dbt: writes a manifest in two halves and looks at the one in place between."""

    def __init__(self, manifest: Path) -> None:
        self.manifest = manifest
        self.seen: list[str] = []

    def __call__(self, *args: str) -> None:
        verb, option, folder = args
        assert (verb, option) == ("parse", "--target-path")
        new = Path(folder) / self.manifest.name
        new.write_text('{"nodes":', encoding="utf-8")
        self.seen.append(self.manifest.read_text(encoding="utf-8"))
        new.write_text('{"nodes": "new"}', encoding="utf-8")
        (Path(folder) / "partial_parse.msgpack").write_bytes(b"new")


@pytest.fixture
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parser:
    """A project whose manifest says old, and is out of date while it does."""
    manifest = tmp_path / "target" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text('{"nodes": "old"}', encoding="utf-8")
    stand_in = Parser(manifest)
    monkeypatch.setattr(project, "MANIFEST", manifest)
    monkeypatch.setattr(project, "_dbt", stand_in)
    monkeypatch.setattr(project, "_has_packages", lambda: True)
    monkeypatch.setattr(project, "_is_manifest_current", lambda: "new" in manifest.read_text())
    return stand_in


def test_of_many_who_find_it_out_of_date_one_writes_it_whole(parser: Parser) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: project.prepare_dbt(), range(4)))
    assert parser.seen == ['{"nodes": "old"}']
    assert json.loads(parser.manifest.read_text())["nodes"] == "new"
    left = {path.name for path in parser.manifest.parent.iterdir()} - {".prepare.lock"}
    assert left == {"manifest.json", "partial_parse.msgpack"}


def test_what_dbt_ignores_makes_no_manifest_out_of_date() -> None:
    lines = (PROJECT_DIR / ".dbtignore").read_text(encoding="utf-8").splitlines()
    ignored = {Path(line).name for line in lines if not line.startswith("#")}
    assert ignored | {"__pycache__"} == project._NOT_PARSED


def test_a_stage_starts_with_what_another_parsed_last_and_keeps_its_own(tmp_path: Path) -> None:
    for name, modified in (("insights", 1), ("build", 2)):
        kept = tmp_path / name / "partial_parse.msgpack"
        kept.parent.mkdir()
        kept.write_bytes(name.encode())
        os.utime(kept, (modified, modified))
    project.share_parse(tmp_path / "backfill")
    project.share_parse(tmp_path / "insights")
    found = [(tmp_path / name / "partial_parse.msgpack") for name in ("backfill", "insights")]
    assert [file.read_bytes() for file in found] == [b"build", b"insights"]
    project.share_parse(tmp_path / "new" / "build")  # nothing was parsed beside it
    assert not (tmp_path / "new").exists()
