"""The bytes of a request, unzipped, never more than the limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ingest.collector.limits import Held, Limits
from ingest.errors import RequestRefusedError

_GZIP = 16 + zlib.MAX_WBITS

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def read_body(
    receive: Receive,
    encoding: str,
    declared_bytes: str,
    limits: Limits,
    held: Held,
) -> bytes:
    """The whole body; `encoding` and `declared_bytes` are what the headers say of it, or ''.

    Raises RequestRefusedError: 413 for more bytes than the limit, before or while unzipping, 415
    for another encoding than gzip, 400 for damaged gzip, 408 for a client that takes too long, 429
    when too much is waiting.
    """
    if declared_bytes.isdigit() and int(declared_bytes) > limits.body_bytes:
        raise _too_large(limits)
    match encoding.strip().lower():
        case "identity" | "":
            unzip = None
        case "gzip" | "x-gzip":
            unzip = _Unzip(limits)
        case _:
            raise RequestRefusedError(
                415, "The encoding of the body is unknown.", "Send it plain or as gzip."
            )
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.read_seconds):
            is_whole = False
            while not is_whole:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestRefusedError(400, "The client went away.")
                is_whole = not message.get("more_body", False)
                chunk = message.get("body", b"")
                part = chunk if unzip is None else unzip.take(chunk, limits.body_bytes - size)
                size += len(part)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                held.add_bytes(len(part))
                parts.append(part)
    except TimeoutError as error:
        raise RequestRefusedError(
            408, "The body did not arrive in time.", "Send smaller requests."
        ) from error
    if unzip is not None:
        unzip.finish()
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Unzip:
    """Unzips piece by piece, and no further than it is asked for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._member = zlib.decompressobj(_GZIP)

    def take(self, chunk: bytes, room: int) -> bytes:
        """What a chunk unzips to; one byte more than `room` at most."""
        found: list[bytes] = []
        while chunk:
            if self._member.eof:  # a file may hold several members
                self._member = zlib.decompressobj(_GZIP)
            try:
                part = self._member.decompress(chunk, room + 1)
            except zlib.error as error:
                raise _damaged() from error
            room -= len(part)
            if room < 0:
                raise _too_large(self._limits)
            found.append(part)
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return b"".join(found)

    def finish(self) -> None:
        if not self._member.eof:
            raise _damaged()


def _too_large(limits: Limits) -> RequestRefusedError:
    return RequestRefusedError(
        413,
        f"The body has more than {limits.body_bytes} bytes, unzipped.",
        "Send fewer records per request.",
    )


def _damaged() -> RequestRefusedError:
    return RequestRefusedError(
        400, "The gzip stream is cut short or damaged.", "Zip the body anew and send it again."
    )
