"""What became of the events that were sent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Sent:
    """Events sent, and of them accepted and rejected; `problems` are the first reasons told."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    retries: int = 0
    problems: list[str] = field(default_factory=list)
