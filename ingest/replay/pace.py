"""Keeps to a number of events per second."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Lets `rate` events per second pass; 0 lets all pass at once."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None
        self._passed = 0

    def batch(self, most: int) -> int:
        """How many events to send at once, so that there are about ten batches in a second."""
        return most if self._rate == 0 else max(1, min(most, round(self._rate / 10)))

    def wait(self, count: int) -> None:
        """Waits until `count` more events may be sent."""
        if self._rate == 0:
            return
        if self._began is None:
            self._began = self._clock()
        due = self._began + self._passed / self._rate
        self._passed += count
        if (ahead := due - self._clock()) > 0:
            self._sleep(ahead)
