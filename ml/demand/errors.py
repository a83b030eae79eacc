"""The errors of the demand forecast: what happened, and what to do about it."""

from __future__ import annotations

from ml.errors import ModelError


class DemandError(ModelError):
    """An error of the demand forecast that a person can act on."""


class PanelError(DemandError):
    """A panel that is malformed, has gaps, or has nothing to learn from."""


class FutureLeakError(DemandError):
    """A panel that tells what nobody could know at the origin: using actuals is refused."""


class ModelFileError(DemandError):
    """A saved model that is missing or was written by another version of the code."""
