"""Errors a person can act on, as failures of a Dagster step."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure

from ingest.errors import StorehouseError
from ml.errors import ModelError


@contextmanager
def as_failures() -> Iterator[None]:
    """Fails the step with the message and remedy of an error for people; a retry would not help."""
    try:
        yield
    except (StorehouseError, ModelError) as error:
        raise Failure(str(error), allow_retries=False) from error
