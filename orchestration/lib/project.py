"""Where the dbt project is, and the environment in which dbt runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock

from ingest.errors import ConfigError
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home

if TYPE_CHECKING:
    from dagster_dbt import DbtProject

MANIFEST = PROJECT_DIR / "target" / "manifest.json"
_PARSED = "partial_parse.msgpack"  # what dbt keeps to parse only what changed
# Python writes into these folders of tests/ when tests run, and dbt reads nothing there.
_NOT_PARSED = {"__pycache__", "python", "mutations"}
DBT = Path(sys.executable).with_name("dbt")

# The schemas that the published file keeps; everything else is work in progress.
PUBLISHED_SCHEMAS = (
    "core",
    "customers",
    "marketing",
    "inventory",
    "finance",
    "features",
    "insights",
    "metrics",
    "ops",
)


def use_home() -> Home:
    """The warehouse home, made absolute in the environment that dbt inherits; its folders exist."""
    home = Home.from_env()
    os.environ[HOME_VARIABLE] = str(home.root)
    home.warehouse.mkdir(parents=True, exist_ok=True)
    return home


@cache
def _read_manifest(modified_ns: int) -> Mapping[str, Any]:
    try:
        manifest: Mapping[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{MANIFEST} is damaged ({error}).", "Run `dbt parse`.") from error
    return manifest


def read_manifest() -> Mapping[str, Any]:
    """The manifest of the last `dbt parse`; raises ConfigError when there is none to read."""
    if not MANIFEST.exists():
        raise ConfigError(f"There is no {MANIFEST}.", "Run `make setup`, or `dbt parse`.")
    return _read_manifest(MANIFEST.stat().st_mtime_ns)


def project_variables() -> Mapping[str, Any]:
    """The vars of dbt_project.yml."""
    text = (PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8")
    variables: Mapping[str, Any] = yaml.safe_load(text)["vars"]
    return variables


def keep_state(home: Home, manifest: Mapping[str, Any]) -> None:
    """Keeps a manifest as dbt's `--state` of the working file, whatever target it was parsed for.

    `dbt build --target dev --defer` finds in it where the tables are that it does not build.
    """
    database = home.warehouse_file.stem
    nodes = {
        unique_id: {
            **node,
            "database": database,
            "relation_name": f'"{database}"."{node["schema"]}"."{node["alias"]}"',
        }
        if node.get("relation_name")
        else node
        for unique_id, node in manifest["nodes"].items()
    }
    home.dbt_state.mkdir(parents=True, exist_ok=True)
    temporary = home.dbt_state / f".manifest-{os.getpid()}.json"
    temporary.write_text(json.dumps({**manifest, "nodes": nodes}), encoding="utf-8")
    temporary.replace(home.dbt_state / MANIFEST.name)


def published_models(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The model nodes whose tables the published file keeps."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in PUBLISHED_SCHEMAS
    ]


def prepare_dbt() -> None:
    """Installs the dbt packages where missing; writes the manifest where it is out of date.

    Of several commands that find it so at once, one does it and the others wait. Raises ConfigError
    with dbt's own words when the project does not parse.
    """
    if _has_packages() and _is_manifest_current():
        return
    MANIFEST.parent.mkdir(exist_ok=True)
    with FileLock(MANIFEST.with_name(".prepare.lock")):
        if not _has_packages():
            _dbt("deps")
        if not _is_manifest_current():
            _parse()


def share_parse(target: Path) -> None:
    """Gives a target folder that was never parsed into what dbt kept in one beside it.

    Both are of the same home: what dbt kept of another it parses anew.
    """
    if (target / _PARSED).exists():
        return
    kept = sorted(target.parent.glob(f"*/{_PARSED}"), key=lambda file: file.stat().st_mtime_ns)
    if kept:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept[-1], target / _PARSED)


def _has_packages() -> bool:
    return (PROJECT_DIR / "dbt_packages" / "dbt_expectations").exists()


def _parse() -> None:
    """Writes the manifest by rename: who reads it meanwhile, as runs of other homes do, reads a
    whole one. What dbt keeps to parse less the next time goes the same way."""
    memory = MANIFEST.with_name(_PARSED)
    with TemporaryDirectory(prefix=".parse-", dir=MANIFEST.parent) as name:
        folder = Path(name)
        if memory.exists():
            shutil.copyfile(memory, folder / memory.name)
        _dbt("parse", "--target-path", name)
        for file in (memory, MANIFEST):
            (folder / file.name).replace(file)


def _is_manifest_current() -> bool:
    """Whether no file that dbt parses, and no folder it looks into, is newer than the manifest."""
    if not MANIFEST.exists():
        return False
    written = MANIFEST.stat().st_mtime_ns
    parsed = [PROJECT_DIR / name for name in ("dbt_project.yml", "profiles.yml", "packages.yml")]
    for name in ("models", "seeds", "macros", "snapshots", "tests", "packages"):
        found = [PROJECT_DIR / name, *(PROJECT_DIR / name).rglob("*")]
        parsed += [p for p in found if not _NOT_PARSED & {*p.relative_to(PROJECT_DIR).parts}]
    return max(path.stat().st_mtime_ns for path in parsed) < written


def _dbt(*args: str) -> None:
    done = subprocess.run(
        [os.fspath(DBT), "--quiet", *args], cwd=PROJECT_DIR, capture_output=True, text=True
    )
    if done.returncode:
        raise ConfigError(
            f"dbt {' '.join(args)} failed:\n{(done.stdout + done.stderr).strip()}",
            "Mend the project, then try again.",
        )


def dbt_project() -> DbtProject:
    """The dbt project for Dagster; under `dagster dev` its manifest follows every edit."""
    from dagster_dbt import DbtProject  # takes seconds to import; publish and status need none

    # Not DbtProject.prepare_if_dev: it needs dbt on the PATH and parses on every load.
    if os.environ.get("DAGSTER_IS_DEV_CLI"):
        prepare_dbt()
    project = DbtProject(project_dir=PROJECT_DIR)
    if not project.manifest_path.exists():
        raise ConfigError(
            f"There is no {project.manifest_path}.", "Run `make setup`, or `dbt parse`."
        )
    return project
