"""What goes wrong in a model, said so that a person can act on it."""

from __future__ import annotations


class ModelError(ValueError):
    """A model cannot be trained, judged, promoted or scored; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}")
