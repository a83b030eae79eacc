"""The key for personal data, and the tokens made with it.

A token is HMAC-SHA256 (RFC 2104) of the text's UTF-8 bytes. SQL computes it from the two padded
keys, so the key itself never enters a statement:
`sha256(opad || unhex(sha256(ipad || encode(text))))`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import SecretError
from ingest.home import Home

KEY_VARIABLE = "STOREHOUSE_PII_KEY"
KEY_FILE = "pii.key"
LEAST_KEY_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256


@dataclass(frozen=True)
class Pads:
    """The key, filled up to 64 bytes, under HMAC's inner and outer pad; never shown."""

    inner: bytes = field(repr=False)
    outer: bytes = field(repr=False)


def pii_key(home: Home) -> bytes:
    """The key from STOREHOUSE_PII_KEY, or from `<home>/secrets/pii.key`, made on first use.

    Raises SecretError for a key that is too short or a file that others may read.
    """
    if given := os.environ.get(KEY_VARIABLE):
        return _checked(given.encode("utf-8"), KEY_VARIABLE)
    path = home.secrets / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise SecretError(
            f"The key for personal data {path} cannot be read or made ({error.strerror}).",
            f"Check the folder's permissions, or set {KEY_VARIABLE}.",
        ) from error


def pii_pads(key: bytes) -> Pads:
    """The two pads of a key of any length."""
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    filled = key.ljust(_BLOCK_BYTES, b"\0")
    return Pads(inner=bytes(b ^ 0x36 for b in filled), outer=bytes(b ^ 0x5C for b in filled))


def pii_token(text: str, key: bytes) -> str:
    """The token of a text: 64 lower-case hex digits."""
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).hexdigest()


def _create(path: Path) -> None:
    """Makes the key file with mode 600 in one step: a second process finds it whole or not."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return  # another process was first: its key is the key
    finally:
        temporary.unlink()


def _read(path: Path) -> bytes:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(
            f"The key for personal data {path} is open to others.", f"Run: chmod 600 {path}"
        )
    return _checked(path.read_bytes().strip(), str(path))


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < LEAST_KEY_BYTES:
        raise SecretError(
            f"The key for personal data in {where} is shorter than {LEAST_KEY_BYTES} bytes.",
            "Use a random one, such as 64 hex digits.",
        )
    return key
