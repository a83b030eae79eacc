"""What became of one delivered file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Status = Literal["landed", "already landed", "refused"]


@dataclass(frozen=True)
class FileOutcome:
    """The outcome of landing one file.

    `rows` are in the lake, `rejected` are listed in the rejects with line and reason, the first of
    them in `first_reject`; `message` and `remedy` are set when the file was refused whole.
    """

    path: Path
    source: str
    entity: str | None
    status: Status
    load_id: str | None = None
    rows: int = 0
    rejected: int = 0
    first_reject: str = ""
    extracted_at: datetime | None = None
    notes: tuple[str, ...] = ()
    message: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """A mapping of plain JSON values."""
        return {
            "path": str(self.path),
            "source": self.source,
            "entity": self.entity,
            "status": self.status,
            "load_id": self.load_id,
            "rows": self.rows,
            "rejected": self.rejected,
            "first_reject": self.first_reject,
            "extracted_at": self.extracted_at.isoformat() + "Z" if self.extracted_at else None,
            "notes": list(self.notes),
            "message": self.message,
            "remedy": self.remedy,
        }
