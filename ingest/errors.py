"""The errors of storehouse: what happened, and what to do about it."""

from __future__ import annotations


class StorehouseError(Exception):
    """An error a person can act on; printed as two sentences, never as a stack trace.

    `message` says what happened (with file, row and column where known), `remedy` what to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(StorehouseError):
    """An option, environment variable or path that cannot be used."""


class ContractError(StorehouseError):
    """A source contract that is missing, unreadable or contradictory."""


class RefusedFileError(StorehouseError):
    """A delivered file that was refused whole: nothing of it was landed."""


class SecretError(StorehouseError):
    """A secret that is missing, malformed or readable by others."""


class LockedError(StorehouseError):
    """Another process holds the lock that this one needs."""


class RequestRefusedError(StorehouseError):
    """A request to the collector of which nothing was taken.

    `status` is the HTTP status of the answer, `retry_seconds` the wait after which a repetition
    may be taken, `place` where the body cannot be read: line and column, both from 1.
    """

    def __init__(
        self,
        status: int,
        message: str,
        remedy: str = "",
        *,
        retry_seconds: float | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.retry_seconds = retry_seconds
        self.place = place


class DeliveryError(StorehouseError):
    """A broker or collector that refuses to be read from or sent to, or stays out of reach."""
