"""Moves the times of events by whole days and leaves the rest of their text as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

# The date of a value that is a time as a whole, such as "2025-01-31T06:00:00.5Z".
_TIME = re.compile(
    rb'(?<=")(\d{4}-\d{2}-\d{2})(?=[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"'
    rb"\s*[,}\]])"
)


def days_to_today(events: Iterable[bytes], today: date) -> int:
    """The days from the last date of any time in `events` to `today`; 0 where there is none."""
    last = b""
    for event in events:
        for found in _TIME.findall(event):
            last = max(last, found)
    return (today - date.fromisoformat(last.decode())).days if last else 0


class Shift:
    """Moves every time of an event by `days`."""

    def __init__(self, days: int) -> None:
        self._by = timedelta(days=days)
        self._moved: dict[bytes, bytes] = {}

    def __call__(self, event: bytes) -> bytes:
        """The event with its times moved; what is no date of the calendar stays."""
        return _TIME.sub(self._replace, event) if self._by else event

    def _replace(self, match: re.Match[bytes]) -> bytes:
        day = match.group(1)
        if day not in self._moved:
            try:
                moved = (date.fromisoformat(day.decode()) + self._by).isoformat().encode()
            except (ValueError, OverflowError):
                moved = day
            self._moved[day] = moved
        return self._moved[day]
