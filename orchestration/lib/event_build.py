"""Builds the event models, those with the tag `stream`, by dbt in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from ingest.errors import StorehouseError
from ingest.home import PROJECT_DIR, Home
from orchestration.lib.dbt_failure import describe_failure
from orchestration.lib.project import project_variables


class EventBuild:
    """dbt with the project as it is when this is made; `manifest` is what it parsed.

    Raises StorehouseError when the project does not parse.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._target = home.logs / "dbt" / "stream"
        self._window = timedelta(hours=int(project_variables()["event_window_hours"]))
        parsed = self._invoke(dbtRunner(), [], "parse")
        if not parsed.success:
            raise StorehouseError(
                f"dbt cannot read the project: {parsed.exception}", "Mend it, then stream again."
            )
        manifest = cast(Manifest, parsed.result)
        self._dbt = dbtRunner(manifest=manifest)
        self.manifest: Mapping[str, Any] = manifest.writable_manifest().to_dict()

    def build(self, extracted: Sequence[datetime]) -> list[dict[str, Any]]:
        """Builds and tests what streams, from loads extracted at these times (naive UTC).

        Tables that are built by day are built for the days of which those loads can tell. Returns
        dbt's results by node; raises StorehouseError with what failed.
        """
        done = self._invoke(
            self._dbt,
            extracted,
            *("build", "--selector", "stream", "--indirect-selection", "empty"),
            # To write the manifest of all models would take longer than to build these.
            *("--exclude-resource-type", "unit_test", "--no-write-json"),
        )
        results = [_as_written(result) for result in getattr(done.result, "results", ())]
        if not done.success:
            nodes, output = self.manifest["nodes"], str(done.exception or "")
            raise StorehouseError(describe_failure(results, nodes, output, self._home), "")
        return results

    def _invoke(
        self, runner: dbtRunner, extracted: Sequence[datetime], *command: str
    ) -> dbtRunnerResult:
        """Runs a dbt command in this process, then lets go of the warehouse file."""
        now = datetime.now(UTC).replace(tzinfo=None)
        since, until = min(extracted, default=now), max(extracted, default=now)
        variables = stream_variables(since, until, self._window)
        folder, project = os.fspath(self._target), os.fspath(PROJECT_DIR)
        try:
            return runner.invoke(
                [
                    *("--log-level", "none", "--log-level-file", "info", "--log-path", folder),
                    *(*command, "--target-path", folder),
                    *("--project-dir", project, "--profiles-dir", project),
                    *("--vars", json.dumps(variables)),
                ]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def stream_variables(since: datetime, until: datetime, window: timedelta) -> dict[str, Any]:
    """The vars of a build of what was extracted in a time, at most `window` after it happened."""
    return {
        "event_stream": {"since": f"{since}", "until": f"{until}"},
        "feature_days": {  # of business, in whatever zone
            "first": f"{(since - window - timedelta(days=1)).date()}",
            "before": f"{(until + timedelta(days=3)).date()}",
        },
    }


def _as_written(result: Any) -> dict[str, Any]:
    """A result of a node as it stands in run_results.json."""
    return {
        "unique_id": result.node.unique_id,
        "status": str(result.status),
        "execution_time": result.execution_time,
        "failures": result.failures,
        "message": result.message,
    }
