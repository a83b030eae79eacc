"""API keys: each names a source; only their SHA-256 is kept, in `<home>/secrets/`."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from filelock import FileLock

from ingest.errors import ConfigError, SecretError
from ingest.home import Home
from ingest.landing.sink import fsync_path

KEY_BYTES = 32
LOOK_SECONDS = 0.5  # how often a collector looks whether the file has changed
FILE_NAME = "collector_keys.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Key:
    """One key of a source: a name, the SHA-256 of the key in hex, when it was added (UTC)."""

    source: str
    name: str
    sha256: str
    added_at: str


def add_key(home: Home, source: str, name: str) -> str:
    """Adds a key of 256 random bits to a source and returns it: it is kept nowhere.

    Raises ConfigError for a name that is taken or no name, SecretError for a file that is open to
    others or cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a key.",
            "Use letters, digits, dots, dashes and underscores, such as web-shop.",
        )
    key = secrets.token_urlsafe(KEY_BYTES)
    with _lock(home):
        keys = read_keys(home)
        if any((known.source, known.name) == (source, name) for known in keys):
            raise ConfigError(
                f"The source {source} has a key named {name}.", "Revoke it, or take another name."
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        _write(home, [*keys, Key(source, name, _digest(key), now)])
    return key


def revoke_key(home: Home, source: str, name: str) -> None:
    """Removes a key; a running collector refuses it within a second.

    Raises ConfigError when the source has no such key, SecretError as `read_keys`.
    """
    with _lock(home):
        keys = read_keys(home)
        left = [key for key in keys if (key.source, key.name) != (source, name)]
        if len(left) == len(keys):
            raise ConfigError(
                f"The source {source} has no key named {name}.",
                "See `storehouse admin keys list`.",
            )
        _write(home, left)


def read_keys(home: Home) -> list[Key]:
    """The keys of every source in the order they were added; none where there is no file.

    Raises SecretError for a file that is open to others or cannot be read.
    """
    path = home.secrets / FILE_NAME
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretError(
                f"The keys of the collector {path} are open to others.", f"Run: chmod 600 {path}"
            )
        return [Key(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise SecretError(
            f"The keys of the collector {path} cannot be read ({type(error).__name__}).",
            "Restore the file, or remove it and add the keys anew.",
        ) from error


class KeyRing:
    """The keys as they are on disk, read again when the file has changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = home.secrets / FILE_NAME
        self._look_at = 0.0
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[Key] = []

    def find(self, presented: str) -> Key | None:
        """The key that was presented, compared in constant time; None when it is none.

        Raises SecretError as `read_keys`: keys that cannot be read open nothing.
        """
        self._refresh()
        digest = _digest(presented)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            status = self._path.stat()
        except OSError:
            self._seen, self._keys = None, []
            return
        seen = (status.st_ino, status.st_mtime_ns, status.st_mode)
        if seen != self._seen:
            self._seen, self._keys, self._look_at = None, [], now  # should they be unreadable
            self._keys = read_keys(self._home)
            self._seen, self._look_at = seen, now + LOOK_SECONDS


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _lock(home: Home) -> FileLock:
    home.locks.mkdir(parents=True, exist_ok=True)
    return FileLock(home.locks / "collector_keys.lock")


def _write(home: Home, keys: list[Key]) -> None:
    """By rename, with mode 600 from the first byte on."""
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.secrets.chmod(0o700)
    path = home.secrets / FILE_NAME
    temporary = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps([asdict(key) for key in keys], indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_path(home.secrets)
