"""Sends events to the HTTP collector in batches, and again until each was judged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import httpx2 as httpx

from ingest.errors import ConfigError, DeliveryError
from ingest.replay.pace import Pace
from ingest.replay.sent import Sent

log = logging.getLogger("storehouse.replay")
MOST_AT_ONCE = 500
PATIENCE_SECONDS = 300.0
_JUDGED = (202, 207, 422)
_LATER = (429, 502, 503, 504)
_TOO_LARGE = 413
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
_PROBLEMS = 3


class _Collector:
    """Posts one batch after another over one connection that is kept."""

    def __init__(
        self, client: httpx.Client, address: str, patience: float, sleep: Callable[[float], None]
    ) -> None:
        self._client = client
        self._address = address
        self._patience = patience
        self._sleep = sleep
        self.total = Sent()

    def post(self, batch: list[bytes]) -> None:
        """Sends a batch until it was judged; halves one that is too large."""
        answer = self._answer(b"\n".join(batch) + b"\n")
        if answer.status_code == _TOO_LARGE:
            if len(batch) > 1:
                self.post(batch[: len(batch) // 2])
                self.post(batch[len(batch) // 2 :])
                return
            self.total.rejected += 1
            self._note("the event is too large")
        elif answer.status_code in _JUDGED:
            self._count(answer, len(batch))
        else:
            raise self._refusal(answer)

    def _answer(self, body: bytes) -> httpx.Response:
        """The answer to a body, tried again while the collector is away or overloaded."""
        wait, give_up = _FIRST_WAIT, time.monotonic() + self._patience
        while True:
            asked = None
            try:
                answer = self._client.post("/events", content=body)
                if answer.status_code not in _LATER:
                    return answer
                said = f"answers {answer.status_code}"
                asked = _seconds(answer.headers.get("Retry-After"))
            except httpx.TransportError as error:
                said = f"does not answer ({type(error).__name__})"
            if time.monotonic() > give_up:
                raise DeliveryError(
                    f"The collector at {self._address} {said} for {self._patience:.0f} s; "
                    f"{self.total.accepted:,} events were accepted before.",
                    "Start it, or give it time, then send again: what comes twice counts once.",
                )
            self.total.retries += 1
            log.info("The collector %s; trying again.", said)
            self._sleep(wait if asked is None else asked)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _count(self, answer: httpx.Response, count: int) -> None:
        try:
            told = answer.json()
            accepted, rejected = int(told["accepted"]), int(told["rejected"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._refusal(answer) from error
        if accepted + rejected != count:
            raise DeliveryError(
                f"The collector judged {accepted + rejected} of {count} events.",
                "Check that it is storehouse collect that answers there.",
            )
        self.total.accepted += accepted
        self.total.rejected += rejected
        for result in told.get("records") or () if rejected else ():
            for problem in result.get("errors") or ():
                self._note(_spelt(problem))

    def _note(self, problem: str) -> None:
        if len(self.total.problems) < _PROBLEMS and problem not in self.total.problems:
            self.total.problems.append(problem)

    def _refusal(self, answer: httpx.Response) -> DeliveryError:
        remedy = {
            400: "Check that the files are whole lines of JSON.",
            401: "Give a key that is valid: --key, or STOREHOUSE_API_KEY.",
            403: "Give a key that may send events: --key, or STOREHOUSE_API_KEY.",
        }.get(answer.status_code, "Check that it is storehouse collect that answers there.")
        return DeliveryError(
            f"The collector at {self._address} answers {answer.status_code}; "
            f"{self.total.accepted:,} events were accepted before.",
            remedy,
        )


def send_to_collector(
    events: Iterable[bytes],
    address: str,
    key: str,
    pace: Pace,
    *,
    patience: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Posts all events to `address`/events as NDJSON, at most 500 at once.

    Waits for a collector that is away or overloaded, for as long as it asks, up to `patience`
    seconds for one batch. Raises DeliveryError after that, and when it refuses a whole request;
    ConfigError for an address that is none.
    """
    try:
        client = httpx.Client(
            base_url=address,
            headers={"X-API-Key": key, "Content-Type": "application/x-ndjson"},
            timeout=httpx.Timeout(60.0, connect=10.0),
            trust_env=False,
        )
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise ConfigError(
            f"The address {address} or the key cannot be used.",
            "Write --to http://HOST:PORT, and the key as storehouse showed it.",
        ) from error
    with client:
        collector = _Collector(client, address, patience, sleep)
        for batch in _batches(events, pace.batch(MOST_AT_ONCE)):
            pace.wait(len(batch))
            collector.post(batch)
            collector.total.sent += len(batch)
    return collector.total


def _batches(events: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(events)
    while batch := list(islice(rest, size)):
        yield batch


def _seconds(retry_after: str | None) -> float | None:
    """The seconds that a Retry-After asks for; None where it is missing or a date."""
    try:
        return max(0.0, min(float(retry_after or ""), 60.0))
    except ValueError:
        return None


def _spelt(problem: Any) -> str:
    if isinstance(problem, dict):
        return f"{problem.get('field', '')}: {problem.get('problem', '')}".strip(": ")
    return str(problem)
