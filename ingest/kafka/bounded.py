"""Calls into the client library that may never return, as a commit when all brokers vanish."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BoundedCall:
    """Makes one call at a time on a thread of its own and waits for it no longer than asked.

    `is_stuck` tells whether one has not returned; the client must not be closed then.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether the last call is still on its way."""
        return self._thread is not None and self._thread.is_alive()

    def make(self, call: Callable[[], None], seconds: float) -> bool:
        """Whether the call returned in time; False, without making it, while another is stuck.

        The call must not raise: there is nobody to hear it.
        """
        if self.is_stuck:
            return False
        self._thread = threading.Thread(target=call, daemon=True)
        self._thread.start()
        self._thread.join(seconds)
        return not self.is_stuck
