"""Alerts: delivered as JSON, and never a second failure."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from orchestration.lib import alerts
from orchestration.lib.alerts import WEBHOOK_VARIABLE, alert


class Server(HTTPServer):
    """Answers every POST with `status` and keeps what came."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str | None, object]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_posts_the_text(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, f" {server.url}\n")
    assert alert("run 7 failed", "build: äöü") is True
    assert server.received == [("application/json", {"text": "run 7 failed\nbuild: äöü"})]


def test_a_refusal_is_logged_without_the_secret_address(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 403
    monkeypatch.setenv(WEBHOOK_VARIABLE, server.url)
    assert alert("run 7 failed", "build") is False
    assert "run 7 failed: build" in caplog.text
    assert f"could not be delivered to {WEBHOOK_VARIABLE}: Forbidden" in caplog.text
    assert "secret" not in caplog.text


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/secret",
        "http://no-such-host.invalid/secret",
        "http://127.0.0.1:{port}/with a space/secret",
        "http://127.0.0.1:notaport/secret",
        "http:///secret",
        "http://[::1/secret",
        "ftp://127.0.0.1/secret",
        "file:///etc/secret",
        "secret",
    ],
)
def test_an_address_nobody_answers_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, address.format(port=closed_port()))
    assert alert("run 7 failed", "build") is False
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


def test_somebody_who_answers_rubbish_or_nothing_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        assert alert("run 7 failed", "build") is False  # accepts, never answers

        def answer_rubbish() -> None:
            for _ in range(2):  # the alert above is still in the queue
                connection, _ = deaf.accept()
                connection.sendall(b"rubbish\r\n\r\n")
                connection.close()

        Thread(target=answer_rubbish, daemon=True).start()
        assert alert("run 7 failed", "build") is False
    assert caplog.text.count("could not be delivered") == 2


def test_without_a_webhook_the_log_has_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(WEBHOOK_VARIABLE, raising=False)
    assert alert("run 7 failed", "build") is False
    assert [record.getMessage() for record in caplog.records] == ["run 7 failed: build"]
