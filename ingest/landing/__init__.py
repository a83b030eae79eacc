"""Landing: delivered files become raw copies and lake Parquet under the contract."""

from ingest.landing.land import land_paths
from ingest.landing.outcome import FileOutcome
from ingest.landing.records import book_schemas, write_stubs

__all__ = ["FileOutcome", "book_schemas", "land_paths", "write_stubs"]
