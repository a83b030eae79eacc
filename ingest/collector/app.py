"""The web application: FastAPI with the paths of the collector.

Requests with records are answered before FastAPI sees them: its routing and observing took more
than half of the processor time of a request with one event. It answers everything else, and its
description holds all paths.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Response
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.collector import openapi
from ingest.collector.collector import Answer, Collector
from ingest.collector.health import health
from ingest.collector.limits import Limits
from ingest.contracts import Contracts
from ingest.home import Home

EVENTS = "events"
_RECORDS = "/records/"
_DESCRIPTION = """Takes events and changed records of a source and answers when they are on disk.

Send the key of the source as `X-API-Key` or as `Authorization: Bearer`. A record that was answered
with `accepted` is never lost. After 429, 503 or no answer send the same request again: events are
counted once by their `event_id`, so give it yourself. Any other answer tells what to change.
"""


class RecordPaths:
    """Answers /events and /records/{entity}, and gives everything else to `app`."""

    def __init__(self, app: ASGIApp, collector: Collector) -> None:
        self.collector = collector
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entity = _entity_of(scope)
        if entity is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "POST":
            answer = await self.collector.collect(entity, dict(scope["headers"]), receive)
        else:
            error = {"error": "Records come by POST.", "remedy": "See /docs."}
            answer = Answer(405, orjson.dumps(error), ((b"allow", b"POST"),))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _entity_of(scope: Scope) -> str | None:
    if scope["type"] != "http":
        return None
    path: str = scope["path"]
    if path == "/events":
        return EVENTS
    return path[len(_RECORDS) :] if path.startswith(_RECORDS) else None


def create_app(home: Home, contracts: Contracts, limits: Limits) -> RecordPaths:
    """The application; segments that dead collectors left are sealed when it starts.

    Raises ContractError for a contract that records cannot be checked against; its start raises
    OSError when the home cannot be written to.
    """
    collector = Collector(home, contracts, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        collector.writer.start()
        try:
            yield
        finally:
            await asyncio.to_thread(collector.writer.close)

    app = FastAPIOffline(
        title="storehouse collector", description=_DESCRIPTION, version="1", lifespan=lifespan
    )

    def get_health() -> Response:
        """Whether records can be taken: folder, disk and flushes; 503 if not."""
        is_well, report = health(home.segments, limits, collector.writer.state)
        status = 200 if is_well else 503
        return Response(orjson.dumps(report), status, media_type="application/json")

    def get_metrics() -> Response:
        """Requests, records, bytes and flushes in the text format of Prometheus."""
        return Response(collector.metrics.text(), media_type="text/plain; version=0.0.4")

    for path, summary, endpoint in (
        ("/health", "Tell whether records can be taken.", get_health),
        ("/metrics", "Tell the numbers for Prometheus.", get_metrics),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_class=Response,
            summary=summary,
            tags=["Watch"],
        )
    describe = app.openapi

    def described() -> dict[str, Any]:
        schema = describe()
        schema["paths"] = openapi.record_paths(contracts) | schema["paths"]
        schema["components"] = {"securitySchemes": openapi.SECURITY_SCHEMES}
        return schema

    app.openapi = described  # type: ignore[method-assign]
    return RecordPaths(app, collector)
