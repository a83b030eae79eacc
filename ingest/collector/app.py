"""The web application: who may send what, and what is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from ingest.collector import openapi
from ingest.collector.body import read_body
from ingest.collector.checks import EVENT_ID, Checker, Verdict
from ingest.collector.health import health
from ingest.collector.keys import Key, KeyRing
from ingest.collector.limits import Limits, TokenBucket, Waiting, retry_after
from ingest.collector.metrics import Metrics
from ingest.collector.records import Record, is_ndjson, split_body
from ingest.collector.writer import GroupWriter
from ingest.contracts import Contract, Contracts
from ingest.errors import RequestRefusedError, SecretError
from ingest.home import Home

EVENTS = "events"
_JSON = "application/json"
_DESCRIPTION = """Takes events and changed records of a source and answers when they are on disk.

Send the key of the source as `X-API-Key` or as `Authorization: Bearer`. A record that was answered
with `accepted` is never lost. After any other end, 429 and 503 among them, send the same request
again: events are counted once by their `event_id`, so give it yourself.
"""


class Collector:
    """What the routes share."""

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
        self._checkers: dict[tuple[str, str], Checker] = {}

    async def collect(self, request: Request, entity: str) -> Response:
        """Takes the records of a request; every refusal is an answer."""
        try:
            key = self._key_of(request.headers)
            checker = self._checker(key.source, entity)
            with self.waiting.enter() as held:
                body = await read_body(
                    request.stream(),
                    request.headers.get("content-encoding"),
                    request.headers.get("content-length"),
                    self.limits,
                    held,
                )
                records = self._records(body, request, checker.contract)
                self._bucket(key).take(len(records))
                verdicts = list(checker.check_all(records, datetime.now(UTC)))
                lines = [verdict.line for verdict in verdicts if verdict.line]
                if lines:
                    held.add_records(len(lines))
                    stream = (key.source, checker.contract.file_stems[0])
                    await self.writer.append(stream, b"\n".join(lines) + b"\n")
            return self._answer(checker.contract, verdicts)
        except RequestRefusedError as refusal:
            return self._refusal(refusal)

    def _key_of(self, headers: Mapping[str, str]) -> Key:
        presented = headers.get("x-api-key")
        if presented is None:
            scheme, _, token = headers.get("authorization", "").partition(" ")
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
        if (source, entity) not in self._checkers:
            contract = self._contract(source, entity)
            self._checkers[source, entity] = Checker(self.contracts[source], contract)
        return self._checkers[source, entity]

    def _contract(self, source: str, entity: str) -> Contract:
        entities = self.contracts[source].entities
        if entity not in entities:
            raise RequestRefusedError(
                404,
                f"The source {source} has no such entity.",
                f"It has: {', '.join(entities)}.",
            )
        contract = entities[entity]
        if not is_collected(contract):
            raise RequestRefusedError(
                422,
                f"{source}.{entity} is delivered as a whole: what an extract lacks is deleted.",
                f"Put the whole extract as a file into extracts/{source}/.",
            )
        return contract

    def _bucket(self, key: Key) -> TokenBucket:
        name = (key.source, key.name)
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self.limits.records_per_second)
        return self._buckets[name]

    def _records(self, body: bytes, request: Request, contract: Contract) -> list[Record]:
        records = split_body(body, by_line=is_ndjson(request.headers.get("content-type")))
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

    def _answer(self, contract: Contract, verdicts: list[Verdict]) -> Response:
        has_ids = contract.key == (EVENT_ID,)
        told: list[dict[str, Any]] = []
        for index, (line, event_id, problems) in enumerate(verdicts):
            record: dict[str, Any] = {
                "index": index,
                "status": "accepted" if line else "rejected",
                "errors": problems,
            }
            if has_ids:
                record["event_id"] = event_id
            told.append(record)
        statuses = Counter(record["status"] for record in told)
        code = 202 if not statuses["rejected"] else 207 if statuses["accepted"] else 422
        self.metrics.answered(code, contract.source, contract.entity, statuses)
        content = {
            "accepted": statuses["accepted"],
            "rejected": statuses["rejected"],
            "records": told,
        }
        return Response(orjson.dumps(content), code, media_type=_JSON)

    def _refusal(self, refusal: RequestRefusedError) -> Response:
        self.metrics.refused(refusal.status)
        content: dict[str, Any] = {"error": refusal.message, "remedy": refusal.remedy}
        if refusal.place is not None:
            content["line"], content["column"] = refusal.place
        headers = {}
        if refusal.retry_seconds is not None:
            headers["Retry-After"] = retry_after(refusal.retry_seconds)
        if refusal.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(orjson.dumps(content), refusal.status, headers, media_type=_JSON)


def is_collected(contract: Contract) -> bool:
    """Whether records of the entity may come one by one: no whole extract, and text as in JSON."""
    is_utf_8 = contract.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii")
    return contract.load_kind != "full" and is_utf_8


def create_app(home: Home, contracts: Contracts, limits: Limits) -> FastAPI:
    """The application; segments that dead collectors left are sealed when it starts.

    Starting raises OSError when the home cannot be written to.
    """
    collector = Collector(home, contracts, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        collector.writer.start()
        try:
            yield
        finally:
            await asyncio.to_thread(collector.writer.close)

    app = FastAPI(
        title="storehouse collector", description=_DESCRIPTION, version="1", lifespan=lifespan
    )
    app.state.collector = collector

    async def post_events(request: Request) -> Response:
        """Take events: one, an array, or one per line.

        An event without `event_id` gets one, which the answer tells.
        """
        return await collector.collect(request, EVENTS)

    async def post_records(request: Request, entity: str) -> Response:
        """Take records of an entity that is delivered by changes: one, an array, or one per line.

        Entities that are delivered as a whole are refused.
        """
        return await collector.collect(request, entity)

    def get_health() -> Response:
        """Tell whether records can be taken: folder, disk and flushes; 503 if not."""
        is_well, report = health(home.segments, limits, collector.writer.state)
        return Response(orjson.dumps(report), 200 if is_well else 503, media_type=_JSON)

    def get_metrics() -> Response:
        """Tell the numbers for Prometheus."""
        return Response(collector.metrics.text(), media_type="text/plain; version=0.0.4")

    taken = [
        contract
        for source in contracts.values()
        for contract in source.entities.values()
        if is_collected(contract)
    ]
    events = [contract for contract in taken if contract.entity == EVENTS]
    others = [contract for contract in taken if contract.entity != EVENTS]
    keys: dict[str, Any] = {"security": [{"X-API-Key": []}, {"Bearer": []}]}
    for path, endpoint, bodies in (
        ("/events", post_events, events),
        ("/records/{entity}", post_records, others),
    ):
        optional = frozenset({EVENT_ID}) if endpoint is post_events else frozenset()
        extra = {"requestBody": openapi.request_body(bodies, optional=optional)} if bodies else {}
        app.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            status_code=202,
            response_class=Response,
            responses=openapi.answers(with_ids=endpoint is post_events),
            openapi_extra={**extra, **keys},
        )
    app.add_api_route("/health", get_health, methods=["GET"], response_class=Response)
    app.add_api_route("/metrics", get_metrics, methods=["GET"], response_class=Response)
    _describe_keys(app)
    return app


def _describe_keys(app: FastAPI) -> None:
    """Adds the two ways to send a key to the description, so that /docs asks for one."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        schema = describe()
        schema.setdefault("components", {})["securitySchemes"] = {
            "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "Bearer": {"type": "http", "scheme": "bearer"},
        }
        return schema

    app.openapi = described  # type: ignore[method-assign]
