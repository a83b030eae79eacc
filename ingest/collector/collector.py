"""Takes the records of one request: who may send what, and what is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from ingest.collector.body import Receive, read_body
from ingest.collector.checks import EVENT_ID, Checker, Verdict
from ingest.collector.keys import Key, KeyRing
from ingest.collector.limits import Limits, TokenBucket, Waiting, retry_after
from ingest.collector.metrics import Metrics
from ingest.collector.records import Record, is_ndjson, split_body
from ingest.collector.writer import GroupWriter
from ingest.contracts import Contract, Contracts
from ingest.errors import RequestRefusedError, SecretError
from ingest.home import Home

Headers = Mapping[bytes, bytes]


class Answer(NamedTuple):
    """Status, JSON and further headers of an answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Told(NamedTuple):
    """The lines of a request that are to be written, and its answer once they are."""

    lines: bytes
    statuses: Counter[str]
    answer: Answer


class Collector:
    """One collector: its keys, limits, checks and numbers, and the writer of its segments."""

    def __init__(self, home: Home, contracts: Contracts, limits: Limits) -> None:
        self.home = home
        self.limits = limits
        self.contracts = contracts
        self.waiting = Waiting(limits)
        self.metrics = Metrics(self.waiting)
        self.writer = GroupWriter(home.segments, limits, self.metrics)
        self.metrics.watch(self.writer.state)
        self._keys = KeyRing(home)
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._checkers = {
            (source.name, contract.entity): Checker(source, contract)
            for source in contracts.values()
            for contract in source.entities.values()
            if is_collected(contract)
        }

    async def collect(self, entity: str, headers: Headers, receive: Receive) -> Answer:
        """Takes the records of a request; every refusal is an answer.

        `headers` have lower-case names; `receive` gives the body, as in ASGI.
        """
        try:
            key = self._key_of(headers)
            checker = self._checker(key.source, entity)
            with self.waiting.enter() as held:
                body = await read_body(
                    receive,
                    _text(headers, b"content-encoding"),
                    _text(headers, b"content-length"),
                    self.limits,
                    held,
                )
                told = self._judge(key, checker, body, headers)
                del body  # what waits for the disk is its lines and the answer, no more
                if told.lines:
                    held.add_records(told.statuses["accepted"])
                    await self.writer.append(
                        (key.source, checker.contract.file_stems[0]), told.lines
                    )
            self.metrics.answered(told.answer.status, key.source, entity, told.statuses)
            return told.answer
        except RequestRefusedError as refusal:
            return self._refusal(refusal)

    def _judge(self, key: Key, checker: Checker, body: bytes, headers: Headers) -> _Told:
        records = self._records(body, headers, checker.contract)
        self._bucket(key).take(len(records))
        verdicts = list(checker.check_all(records, datetime.now(UTC)))
        lines = b"".join(verdict.line + b"\n" for verdict in verdicts if verdict.line)
        return _told(verdicts, lines, has_ids=checker.contract.key == (EVENT_ID,))

    def _key_of(self, headers: Headers) -> Key:
        presented = _text(headers, b"x-api-key")
        if not presented:
            scheme, _, token = _text(headers, b"authorization").partition(" ")
            presented = token.strip() if scheme.lower() == "bearer" else ""
        if not presented:
            raise RequestRefusedError(
                401, "The API key is missing.", "Send it as X-API-Key or Authorization: Bearer."
            )
        try:
            key = self._keys.find(presented)
        except SecretError as error:
            raise RequestRefusedError(
                503, "The keys of the collector cannot be read.", "Tell its operator."
            ) from error
        if key is None or key.source not in self.contracts:
            raise RequestRefusedError(
                401, "The API key is unknown.", "Ask the operator of the warehouse for one."
            )
        return key

    def _checker(self, source: str, entity: str) -> Checker:
        checker = self._checkers.get((source, entity))
        if checker is not None:
            return checker
        entities = self.contracts[source].entities
        if entity not in entities:
            raise RequestRefusedError(
                404,
                f"The source {source} has no such entity.",
                f"It has: {', '.join(entities)}.",
            )
        why = (
            "is delivered as a whole: what an extract lacks is deleted"
            if entities[entity].load_kind == "full"
            else "is delivered in an encoding that JSON does not have"
        )
        raise RequestRefusedError(
            422,
            f"{source}.{entity} {why}.",
            f"Put the extract as a file into extracts/{source}/.",
        )

    def _bucket(self, key: Key) -> TokenBucket:
        name = (key.source, key.name)
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self.limits.records_per_second)
        return self._buckets[name]

    def _records(self, body: bytes, headers: Headers, contract: Contract) -> list[Record]:
        records = split_body(body, by_line=is_ndjson(_text(headers, b"content-type")))
        if len(records) > self.limits.records:
            raise RequestRefusedError(
                413,
                f"The request has {len(records)} records; at most {self.limits.records} may be.",
                "Send fewer records per request.",
            )
        most = min(self.limits.record_bytes, contract.max_field_bytes)
        for index, record in enumerate(records):
            if len(record.line) > most:
                raise RequestRefusedError(
                    413,
                    f"The record with index {index} has {len(record.line)} bytes; at most {most} "
                    "may be.",
                    "Leave it out or shorten it, and send the others again.",
                )
        return records

    def _refusal(self, refusal: RequestRefusedError) -> Answer:
        self.metrics.refused(refusal.status)
        content: dict[str, Any] = {"error": refusal.message, "remedy": refusal.remedy}
        if refusal.place is not None:
            content["line"], content["column"] = refusal.place
        headers: list[tuple[bytes, bytes]] = []
        if refusal.retry_seconds is not None:
            headers.append((b"retry-after", retry_after(refusal.retry_seconds).encode()))
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return Answer(refusal.status, orjson.dumps(content), tuple(headers))


def is_collected(contract: Contract) -> bool:
    """Whether records of the entity may come one by one: no whole extract, and text as in JSON."""
    is_utf_8 = contract.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii")
    return contract.load_kind != "full" and is_utf_8


def _told(verdicts: list[Verdict], lines: bytes, *, has_ids: bool) -> _Told:
    records: list[dict[str, Any]] = []
    for index, (line, event_id, problems) in enumerate(verdicts):
        record: dict[str, Any] = {
            "index": index,
            "status": "accepted" if line else "rejected",
            "errors": problems,
        }
        if has_ids:
            record["event_id"] = event_id
        records.append(record)
    statuses = Counter(record["status"] for record in records)
    accepted, rejected = statuses["accepted"], statuses["rejected"]
    content = {"accepted": accepted, "rejected": rejected, "records": records}
    status = 202 if not rejected else 207 if accepted else 422
    return _Told(lines, statuses, Answer(status, orjson.dumps(content)))


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
