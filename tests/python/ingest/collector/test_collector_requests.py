"""What requests are answered, and that what is answered as accepted is in the segments."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.collector.limits import TokenBucket
from ingest.errors import RequestRefusedError

ODD = (
    '{"event_id":"\u00fcn\u00ef-\U0001f600","event_type":"a\\u00e9\\/\\"},{\\"","value":1.10,'
    '"big":123456789012345678901234567890,"tiny":1e-400,'
    '"minus":-0.0, "nested":{"a":[{},{"b":[1]}]}}'
)


def statuses(answer: Any) -> list[str]:
    return [record["status"] for record in answer.json()["records"]]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ODD.encode(), "application/json"),
        (f"[{ODD}]".encode(), ""),
        (f'[{{"event_id":"1"}} ,\n {ODD},{{"event_id":"2"}}]'.encode(), "text/plain"),
        (f'\n{ODD}\r\n\n{{"event_id":"1"}}'.encode(), "application/x-ndjson; charset=utf-8"),
    ],
    ids=["one", "array of one", "array", "ndjson"],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_lines_are_the_bytes_that_were_sent(
    web: Any, body: bytes, content_type: str, zipped: bool
) -> None:
    headers = {"content_type": content_type}
    if zipped:
        half = len(body) // 2  # a stream of two members is one content
        body = gzip.compress(body[:half]) + gzip.compress(body[half:])
        headers["content_encoding"] = "gzip"
    answer = web.post(body, **headers)
    assert answer.status_code == 202, answer.text
    web.stop()
    lines = web.lines()
    assert ODD.encode() in lines
    assert len(lines) == answer.json()["accepted"] == len(answer.json()["records"])


def test_line_breaks_between_tokens_become_spaces(web: Any) -> None:
    body = b'[\r\n {\r\n  "event_id": "1",\n  "nested":\n{"a":\t[1,\n2]}\n }\n]'
    assert web.post(body).status_code == 202
    web.stop()
    assert web.lines() == [b'{    "event_id": "1",   "nested": {"a":\t[1, 2]}  }']


def test_an_event_without_an_id_gets_one_and_it_is_told(web: Any) -> None:
    answer = web.post(b'[{}, { "event_type" : "x"}, {"EventID": "mine"}]')
    told = [record["event_id"] for record in answer.json()["records"]]
    web.stop()
    first, second, third = web.lines()
    assert json.loads(first) == {"event_id": told[0]}
    assert second == b'{"event_id":"%s", "event_type" : "x"}' % told[1].encode()
    assert (third, told[2]) == (b'{"EventID": "mine"}', "mine")
    assert len(set(told)) == 3


def test_an_answer_has_an_entry_for_each_record_in_its_order(web: Any) -> None:
    good, bad = {"event_id": "1"}, {"event_id": "2", "occurred_at": "tomorrow"}
    assert web.post(good).status_code == 202
    assert web.post([]).status_code == 202
    some = web.post([bad, good, 7, {"event_id": ""}])
    assert some.status_code == 207
    assert some.json() == {
        "accepted": 1,
        "rejected": 3,
        "records": [
            {
                "index": 0,
                "status": "rejected",
                "event_id": "2",
                "errors": [{"field": "occurred_at", "problem": "not of type timestamp"}],
            },
            {"index": 1, "status": "accepted", "event_id": "1", "errors": []},
            {
                "index": 2,
                "status": "rejected",
                "event_id": None,
                "errors": [{"field": None, "problem": "not a JSON object"}],
            },
            {
                "index": 3,
                "status": "rejected",
                "event_id": None,
                "errors": [{"field": "event_id", "problem": "missing"}],
            },
        ],
    }
    assert web.post([bad]).status_code == 422
    web.stop()
    assert web.lines() == [b'{"event_id": "1"}'] * 2


def test_one_unreadable_line_of_many_is_rejected_alone(web: Any) -> None:
    body = b'{"event_id":"1"}\n\n{"event_id":\n{"event_id":"2"}\n'
    answer = web.post(body, content_type="application/x-ndjson")
    assert (answer.status_code, statuses(answer)) == (207, ["accepted", "rejected", "accepted"])
    [error] = answer.json()["records"][1]["errors"]
    assert error["problem"].startswith("not valid JSON at line 3, column ")


@pytest.mark.parametrize(
    ("body", "headers", "place"),
    [
        (b"", {}, None),
        (b" \n", {}, None),
        (b'{"event_id":\n  oops}', {}, (2, 3)),
        (b'[{"event_id":"1"},\n{"event_id":"2"', {}, (2, 16)),
        (b'[{"event_id":"1"},]', {}, (1, 18)),
        (b'{"event_id":"\xff"}', {}, (1, 1)),
        (b"\nx\ny", {"content_type": "application/x-ndjson"}, (2, 1)),
        (b"[" * 5000 + b"]" * 5000, {}, (1, 1)),
        (b"no gzip", {"content_encoding": "gzip"}, None),
        (gzip.compress(b'{"event_id":"1"}', mtime=0)[:-1], {"content_encoding": "gzip"}, None),
        (b"", {"content_encoding": "gzip"}, None),
    ],
    ids=[
        *("nothing", "blank", "no JSON", "cut array", "comma at the end", "no UTF-8", "no NDJSON"),
        *("nested too deep", "no gzip", "cut gzip", "nothing as gzip"),
    ],
)
def test_an_unreadable_body_is_a_400_that_tells_the_place(
    web: Any, body: bytes, headers: dict[str, str], place: tuple[int, int] | None
) -> None:
    answer = web.post(body, **headers)
    told = answer.json()
    assert answer.status_code == 400
    if place is not None:
        assert told["line"] == place[0]
        assert place == (1, 1) or told["column"] == place[1]
    assert told["remedy"]
    assert "oops" not in answer.text


@pytest.mark.parametrize(
    ("path", "source", "code", "part"),
    [
        ("/records/nothing", "web", 404, "events, orders, products"),
        ("/records/products", "web", 422, "extracts/web/"),
        ("/records/archive", "till", 422, "extracts/till/"),
        ("/records/orders", "till", 404, "events, archive"),
        ("/nothing", "web", 404, ""),
    ],
)
def test_what_is_not_taken_by_request_says_what_to_do(
    web: Any, path: str, source: str, code: int, part: str
) -> None:
    answer = web.post({"product_id": "1"}, path, source)
    assert answer.status_code == code
    assert part in answer.text


def test_each_source_has_its_own_segments_named_as_landing_finds_them(web: Any) -> None:
    sale = {"event_id": "t", "occurred_at": "2025-06-01"}
    assert web.post(sale, source="till").status_code == 202
    assert web.post({"event_id": "w"}, "/records/events").status_code == 202
    web.stop()
    assert web.lines("till", "till_events") == [json.dumps(sale).encode()]
    assert web.lines() == [b'{"event_id": "w"}']


def test_only_a_known_key_opens(web: Any) -> None:
    key = web.keys["web"]
    for headers, code in (
        ({"X-API-Key": key}, 202),
        ({"Authorization": f"Bearer {key}"}, 202),
        ({"Authorization": f"bearer  {key}"}, 202),
        ({"Authorization": f"Basic {key}"}, 401),
        ({"X-API-Key": key[:-1]}, 401),
        ({"X-API-Key": "\u00e9"}, 401),
        ({}, 401),
    ):
        sent = {name: value.encode() for name, value in headers.items()}
        answer = web.client.post("/events", content=b'{"event_id":"1"}', headers=sent)
        assert answer.status_code == code, headers
        assert key[:-1] not in answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    assert web.client.get("/events").status_code == 405


def test_sizes_are_limited_and_an_inflated_bomb_is_not_inflated(start: Callable[..., Any]) -> None:
    web = start(body_bytes=10_000, records=3, record_bytes=100)
    event = {"event_id": "1"}
    assert web.post([event] * 3).status_code == 202
    assert web.post([event] * 4).status_code == 413
    assert web.post({"event_id": "1", "x": "y" * 100}).status_code == 413
    assert web.post(b" " * 10_001).status_code == 413
    bomb = gzip.compress(b" " * 50_000_000)
    answer = web.client.post(
        "/events",
        content=iter([bomb[:5_000], bomb[5_000:]]),  # without a declared length
        headers={"X-API-Key": web.keys["web"], "Content-Encoding": "gzip"},
    )
    assert answer.status_code == 413
    assert web.collector.waiting.bytes == 0
    assert web.post(zlib.compress(b"{}"), content_encoding="deflate").status_code == 415


def test_a_rate_is_a_429_and_a_repetition_loses_nothing(start: Callable[..., Any]) -> None:
    web = start(records_per_second=400)
    sent = [[{"event_id": f"{request}-{i}"} for i in range(100)] for request in range(8)]
    refusals = 0
    for events in sent:
        while (answer := web.post(events)).status_code == 429:
            refusals += 1
            assert int(answer.headers["retry-after"]) >= 1
        assert answer.status_code == 202
    web.stop()
    assert refusals > 0
    found = [json.loads(line)["event_id"] for line in web.lines()]
    assert sorted(found) == sorted(event["event_id"] for events in sent for event in events)


def test_a_bucket_refills_at_its_rate_and_lets_large_requests_pass_when_full() -> None:
    now = 0.0
    bucket = TokenBucket(10, lambda: now)
    bucket.take(25)
    with pytest.raises(RequestRefusedError) as refused:
        bucket.take(5)
    assert refused.value.retry_seconds == pytest.approx(2.0)  # 15 owed, 5 wanted
    now = 2.0
    bucket.take(5)
    now = 100.0
    bucket.take(10)
    with pytest.raises(RequestRefusedError):
        bucket.take(1)


def test_metrics_and_health_tell_what_happened(web: Any, tmp_path: Path) -> None:
    web.post([{"event_id": "1"}, {"event_id": ""}])
    web.post(b"oops")
    text = web.client.get("/metrics").text
    prefix = "storehouse_collector_"
    for line in (
        'records_total{entity="events",source="web",status="accepted"} 1.0',
        'records_total{entity="events",source="web",status="rejected"} 1.0',
        'requests_total{code="207"} 1.0',
        'requests_total{code="400"} 1.0',
        "written_bytes_total 18.0",
        "fsync_seconds_count 1.0",
        "waiting_bytes 0.0",
    ):
        assert prefix + line in text.splitlines()
    assert f"{prefix}seconds_since_seal" in text
    assert web.client.get("/health").json()["status"] == "ok"
    web.home.segments.rename(tmp_path / "gone")
    answer = web.client.get("/health")
    assert answer.status_code == 503
    assert "the folder of the segments cannot be written to" in answer.json()["problems"]
    (tmp_path / "gone").rename(web.home.segments)


def test_health_fails_when_the_disk_is_nearly_full(start: Callable[..., Any]) -> None:
    answer = start(least_free_bytes=1 << 60).client.get("/health")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["the disk is nearly full"])


def test_every_example_of_the_description_is_accepted(web: Any) -> None:
    described = web.client.get("/openapi.json").json()["paths"]
    sent = 0
    for path in ("/events", "/records/{entity}"):
        for kind, content in described[path]["post"]["requestBody"]["content"].items():
            for name, example in content["examples"].items():
                source, _, entity = name.split()[-1].partition(".")
                answer = web.post(
                    example["value"].encode() if kind.endswith("ndjson") else example["value"],
                    path.replace("{entity}", entity),
                    source,
                    content_type=kind,
                )
                assert answer.status_code == 202, (name, answer.text)
                sent += 1
        answers = described[path]["post"]["responses"]
        assert set(answers) >= {"202", "207", "400", "401", "413", "422", "429", "503"}
    assert sent == 9


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_of_the_api_need_no_other_host(web: Any, page: str) -> None:
    answer = web.client.get(page)
    assert answer.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert any(place.endswith(".js") for place in loaded)
    assert [web.client.get(place).status_code for place in loaded] == [200] * len(loaded)
    assert all(place.startswith("/") for place in loaded)
