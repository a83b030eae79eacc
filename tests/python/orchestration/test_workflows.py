"""The workflows of CI call what there is, and the gate's word decides how they end."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from ml.frame.card import METRICS
from ml.frame.monitoring import DRIFT_FOLDER, PERFORMANCE_FOLDER
from ml.frame.registry import Registry
from orchestration.cli import app

GITHUB = PROJECT_DIR / ".github"
NAMES = sorted(file.stem for file in (GITHUB / "workflows").glob("*.yml"))
FETCH = ".github/fetch_models.sh"
STOREHOUSE = ".venv/bin/storehouse"
DBT_VERBS = ("build", "deps")


def workflow(name: str) -> dict[Any, Any]:
    """A workflow as GitHub reads it; YAML 1.1 reads its key `on` as True."""
    text = (GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    content: dict[Any, Any] = yaml.safe_load(text)
    return content


def jobs(name: str) -> list[dict[str, Any]]:
    return list(workflow(name)["jobs"].values())


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name) for step in job["steps"]]


def lines(name: str) -> list[str]:
    """The lines of all `run:` steps, in their order."""
    return [line for step in steps(name) for line in step.get("run", "").splitlines()]


def complaint(line: str) -> str | None:
    """Why a line of a workflow would not run in a checkout; None if it would."""
    if odd := set(line) & set("|&;$`<>"):
        return f"no plain command: {' '.join(sorted(odd))}"
    program, *args = shlex.split(line)
    if program in ("bash", "python"):
        return None if (PROJECT_DIR / args[0]).is_file() else f"there is no {args[0]}"
    if program == "make":
        made = subprocess.run(["make", "-n", *args], cwd=PROJECT_DIR, capture_output=True)
        return None if made.returncode == 0 else made.stderr.decode()
    if program == STOREHOUSE:
        done = CliRunner().invoke(app, [*args, "--help"])  # after all arguments were parsed
        return None if done.exit_code == 0 else done.output
    if program == ".venv/bin/dbt":
        return None if args[0] in DBT_VERBS else f"dbt {args[0]}"
    return f"what is {program}?"


def uploads(name: str) -> dict[str, list[str]]:
    """Path by path what each artefact holds, by its name."""
    return {
        step["with"]["name"]: step["with"]["path"].split()
        for step in steps(name)
        if step.get("uses", "").startswith("actions/upload-artifact@")
    }


def test_training_follows_each_push_and_drift_is_looked_for_each_day() -> None:
    assert workflow("train")[True] == {"push": {"branches": ["main"]}}
    on = workflow("drift")[True]
    assert on.keys() == {"schedule", "workflow_dispatch"}
    (cron,) = (entry["cron"] for entry in on["schedule"])
    assert re.fullmatch(r"\d+ \d+ \* \* \*", cron)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_runs_in_a_checkout(name: str) -> None:
    assert lines(name)
    assert [said for line in lines(name) if (said := complaint(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "make rum",
        f"{STOREHOUSE} models retrain",
        f"{STOREHOUSE} models train --tries 3",
        f"{STOREHOUSE} models train || true",
        "bash .github/gone.sh",
        "gh run list",
    ],
)
def test_a_line_that_would_not_run_is_seen(line: str) -> None:
    assert complaint(line)


@pytest.mark.parametrize("name", ["train", "drift"])
def test_the_status_of_the_command_is_that_of_the_job(name: str) -> None:
    """The champion is fetched first; a step that fails ends the job, and nothing hides it."""
    assert lines(name) == [f"bash {FETCH}", "make run", f"{STOREHOUSE} models {name}"]
    for job in jobs(name):
        assert "continue-on-error" not in job and "defaults" not in job
        assert {"STOREHOUSE_HOME", "GH_TOKEN"} == job["env"].keys()
    for step in steps(name):
        assert "continue-on-error" not in step and "shell" not in step
        assert "if" not in step or "uses" in step
        if step.get("uses", "").startswith("actions/upload-artifact@"):
            assert step["if"] == "always()"  # what a refused candidate is like, too
    assert workflow(name)["permissions"] == {"actions": "read", "contents": "read"}


def test_the_artefacts_hold_the_metrics_of_each_version(tmp_path: Path) -> None:
    """And what training uploads is what is fetched."""
    workspace = Path("${{ github.workspace }}")
    for name in ("train", "drift"):
        assert [Path(job["env"][HOME_VARIABLE]) for job in jobs(name)] == [workspace / "data"]
    registry = Registry(Home(tmp_path / "data").models)
    metrics = (registry.folder("demand_forecast", 1) / METRICS).relative_to(tmp_path)
    ((artefact, (path,)),) = uploads("train").items()
    assert metrics.is_relative_to(path)
    script = (PROJECT_DIR / FETCH).read_text(encoding="utf-8")
    assert f"--name {artefact} " in script and "--workflow train.yml " in script
    watched = (registry.models / folder for folder in (DRIFT_FOLDER, PERFORMANCE_FOLDER))
    folders = [file.relative_to(tmp_path) for file in watched]
    assert [Path(path) for path in uploads("drift")["drift"]] == folders


def fetch(folder: Path, gh: str) -> subprocess.CompletedProcess[str]:
    """Runs the script where `gh` is a piece of bash; the home is `folder`/data."""
    program = folder / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(f"#!/usr/bin/env bash\n{gh}", encoding="utf-8")
    program.chmod(0o755)
    return subprocess.run(
        ["bash", str(PROJECT_DIR / FETCH)],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(folder),
            HOME_VARIABLE: str(folder / "data"),
        },
        capture_output=True,
        text=True,
    )


# `gh run download ID --name models --dir FOLDER`
DOWNLOAD = 'if [ "$2" = list ]; then echo 7; else echo metrics > "$7/metrics.json"; fi\n'


def test_the_models_of_the_latest_training_are_fetched(tmp_path: Path) -> None:
    done = fetch(tmp_path, DOWNLOAD)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path / "data" / "models").iterdir()] == ["metrics.json"]
    assert "run 7" in done.stdout


@pytest.mark.parametrize(
    "gh",
    [
        "exit 0\n",  # main was never trained
        f"{DOWNLOAD}[ $2 = list ] || {{ echo no valid artifacts found >&2; exit 1; }}\n",
    ],
)
def test_a_missing_or_expired_artefact_fails_nothing(tmp_path: Path, gh: str) -> None:
    """And half of one is none: the run trains its own."""
    done = fetch(tmp_path, gh)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data" / "models").exists()
    assert "no models of an earlier training" in done.stdout


def test_github_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """Else a missing permission would leave every candidate without a champion to meet."""
    assert fetch(tmp_path, "echo HTTP 403 >&2; exit 1\n").returncode != 0
