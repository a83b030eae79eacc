"""Empty files where nothing was landed, scored or run yet, so that every model can be built."""

from __future__ import annotations

from ingest.contracts import load_contracts
from ingest.home import Home
from ingest.landing import write_stubs
from ml import payment_anomaly
from orchestration.lib import run_files


def write_empty_inputs(home: Home) -> None:
    """Writes the stub of every entity, score and run history that has no file."""
    write_stubs(home, load_contracts())
    payment_anomaly.write_stub(home.scores / "payment_anomaly")
    run_files.write_stubs(home)
