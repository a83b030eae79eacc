"""Empty files where nothing was landed, scored or run yet, so that every model can be built."""

from __future__ import annotations

from ingest.contracts import load_contracts
from ingest.home import Home
from ingest.landing import write_stubs
from ml.frame import audit, monitoring, records
from ml.frame.scores import write_stub
from ml.imputation.tables import TABLES
from ml.models import MODELS
from orchestration.lib import run_files


def write_empty_inputs(home: Home) -> None:
    """Writes the stub of every entity, score and run history that has no file."""
    write_stubs(home, load_contracts())
    for model in MODELS:
        write_stub(home.scores / model.name, model.written, model.key)
    for table in TABLES:
        write_stub(home.scores / table.name, table.columns, table.key)
    for folder, schema in (
        (audit.FOLDER, audit.SCHEMA),
        (monitoring.DRIFT_FOLDER, monitoring.DRIFT),
        (monitoring.PERFORMANCE_FOLDER, monitoring.PERFORMANCE),
    ):
        records.write_stub(home.models / folder, schema)
    run_files.write_stubs(home)
