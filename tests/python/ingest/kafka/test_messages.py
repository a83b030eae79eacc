"""Lines of messages, with Python's json module as the oracle."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts import load_contracts
from ingest.kafka.messages import MessageReader

READER = MessageReader(load_contracts()["shop"].entities["events"])
ORDERS = MessageReader(load_contracts()["shop"].entities["orders"])

TEXTS = st.text(max_size=6)
KEYS = st.sampled_from(["event_id", "Event ID", "eventid", "page", 'a"b', "{"]) | TEXTS
SCALARS = st.none() | st.integers() | st.floats() | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(KEYS, SCALARS, max_size=2)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=3)
STYLES = st.sampled_from(
    [
        {"indent": 2},
        {"separators": (",\r\n", " :\t")},
        {"separators": (",", ":")},
        {"ensure_ascii": False},
    ]
)
ID_NAMES = {"event_id", "eventid"}


def written(value: Any, style: dict[str, Any]) -> bytes:
    return json.dumps(value, **style).encode("utf-8", "surrogatepass")


def with_id(record: dict[str, Any], identity: str) -> str:
    """The record as the line must read, spelt canonically."""
    names = {"_".join(key.strip().lower().replace("-", " ").split()) for key in record}
    own = {} if names & ID_NAMES else {"event_id": identity}
    return json.dumps(own | record)


def spelt(line: bytes) -> str:
    assert b"\n" not in line and b"\r" not in line
    return json.dumps(json.loads(line))


def is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(RECORDS, STYLES)
def test_an_object_is_one_line_with_an_id(record: dict[str, Any], style: dict[str, Any]) -> None:
    value = written(record, style)
    objects, others = READER.read(value, "t-0-7")
    if is_text(value):
        assert (list(map(spelt, objects)), others) == ([with_id(record, "t-0-7")], [])
    else:
        assert (objects, len(others)) == ([], 1)


@given(st.lists(RECORDS | VALUES, max_size=3), STYLES)
def test_an_array_is_a_line_for_each_element(elements: list[Any], style: dict[str, Any]) -> None:
    value = written(elements, style)
    if not is_text(value):
        return
    objects, others = READER.read(value, "t-0-7")
    assert list(map(spelt, objects)) == [
        with_id(element, f"t-0-7-{number}")
        for number, element in enumerate(elements, 1)
        if isinstance(element, dict)
    ]
    assert list(map(spelt, others)) == [
        json.dumps(element) for element in elements if not isinstance(element, dict)
    ]


@given(st.binary())
def test_whatever_bytes_there_are_some_line_holds_them(value: bytes) -> None:
    objects, others = READER.read(value, "t-0-7")
    if not objects:
        spaced = value.replace(b"\r", b" ").replace(b"\n", b" ")
        assert b"".join(others) in spaced


def test_the_text_of_an_object_stays_as_it_was_sent() -> None:
    value = (
        b' {"event_id":"E1","n":1.10,"big":123456789012345678901234567890,"n":2e400,"x":"\\u00e9"}'
    )
    assert READER.read(value, "t-0-7") == ([value], [])
    assert READER.read(b"[1.10," + value + b"]", "t-0-7") == ([value[1:]], [b"1.10"])


def test_an_entity_without_event_ids_gets_none() -> None:
    assert ORDERS.read(b'{"order_id":"O1"}', "t-0-7") == ([b'{"order_id":"O1"}'], [])


def test_depths_that_no_parser_follows_are_no_json() -> None:
    value = b"[" * 100_000 + b"]" * 100_000
    assert READER.read(value, "t-0-7") == ([], [value])
