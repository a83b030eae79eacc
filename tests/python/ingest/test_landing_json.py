"""JSON and NDJSON: exact leaves, shapes, bad records and bad files."""

from __future__ import annotations

import gzip
import json
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.errors import RefusedFileError
from ingest.landing import read_ndjson, stream
from ingest.landing.sink import Sink
from ingest.landing.stream import Text


@pytest.fixture(params=[stream.BLOCK_BYTES, 5], ids=["whole", "tiny blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", request.param)


@pytest.fixture(params=[1, 10**9], ids=["duckdb", "python"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ndjson, "_FEWEST_LINES", request.param)


PEOPLE = """[
  {"person_id": "p1", "name": {"first": "Ann", "last": ""}, "homes": [{"city": "Ulm"}, null],
   "is_vip": true, "score": 1.10},
  {"Person ID": 12345678901234567890123, "score": 1e5, "homes": [], "name": null},
  {"person_id": "p3", "name": {"First": "Bo", "middle": "x"}, "is_vip": null, "age": 4}
]"""


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
def test_array_keeps_shape_and_text_of_every_leaf(toy: Any, gzipped: bool) -> None:
    content = gzip.compress(PEOPLE.encode()) if gzipped else PEOPLE
    outcome = toy.land("people_2024-01-05.json", content)
    rows = toy.rows("people")
    assert [row["_row_number"] for row in rows] == [1, 2, 3]
    assert [row["person_id"] for row in rows] == ["p1", "12345678901234567890123", "p3"]
    assert [row["name"] for row in rows] == [
        {"first": "Ann", "last": ""},
        None,
        {"first": "Bo", "last": None},
    ]
    assert [row["homes"] for row in rows] == [[{"city": "Ulm", "since": None}, None], [], None]
    assert [row["is_vip"] for row in rows] == ["true", None, None]
    assert [row["score"] for row in rows] == ["1.10", "1e5", None]
    assert outcome.notes == (
        "columns read under another name: Person ID -> person_id",
        "extra columns, kept in the raw zone only: age",
        "extra fields, kept in the raw zone only: name.middle",
    )


@pytest.mark.usefixtures("blocks")
def test_array_elements_are_rejected_by_ordinal(toy: Any) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    long = json.dumps({"person_id": "x" * 1001})
    too_long = json.dumps({"person_id": ['"\\', "y" * 20_000, {"a": "]"}]})
    content = (
        '[{"person_id": "1"}, 7, "x", [{}], null, {"person_id": "2", "name": "Ann"}, '
        '{"person_id": ["3"]}, {"person_id": "4", "homes": {"city": "Ulm"}}, '
        f'{{"person_id": {deep}}}, {{"person_id": NaN}}, {{"person_id": "5", "person_id": "6"}}, '
        f'{{"person_id": "\\ud83d"}}, {long}, {too_long}, {{"person_id": "end"}}]'
    )
    outcome = toy.land("people_2024-01-05.json", content)
    assert [row["person_id"] for row in toy.rows("people")] == ["1", "end"]
    assert outcome.rows + outcome.rejected == 15
    found = dict(toy.rejects())
    # A record of 200,000 brackets is too long or too deep, whichever is seen first.
    assert found.pop(9).startswith(("JSON nested too deeply", "the record has"))
    assert found == {
        2: "not a JSON object",
        3: "not a JSON object",
        4: "not a JSON object",
        5: "not a JSON object",
        6: "name is a plain value where the contract has a struct",
        7: "person_id is a list where the contract has varchar",
        8: "homes is an object where the contract has a list",
        10: "NaN is not JSON",
        11: "the key 'person_id' occurs twice in one object",
        12: "not valid JSON: half of a surrogate pair",
        13: "the field person_id is longer than 1000 bytes",
        14: found[14],
    }
    assert "longer than 1000" in found[14] or "a list where" in found[14] or "fill" in found[14]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"person_id": "1"}, {"person_id"', "at line 1, character 34: "),
        ('[{"person_id": "1"}', "at line 1, character 20: a comma or ] is expected"),
        ('[\n {"person_id": "1"},\n {"person_id": }\n]', "at line 3, character 16: "),
        ('[{"person_id": "1"},]', "at line 1, character 21: a value is expected"),
        ('[{"person_id": "1"} {}]', "at line 1, character 21: a comma or ] is expected"),
        ('[{"person_id": "1"}] x', "at line 1, character 22: nothing may follow"),
        ("person_id", "at line 1, character 1: a JSON file starts with [ or {"),
        ('[{"name": null}]', "The required column person_id is missing"),
        ('[{"person_id": 1, "Person-ID": 2}]', "both stand for person_id"),
        (" \n", "The file holds no record."),
    ],
)
def test_broken_json_is_refused_with_its_position(toy: Any, content: str, message: str) -> None:
    outcome = toy.land("people_2024-01-05.json", content)
    assert outcome.status == "refused"
    assert message in outcome.message
    assert outcome.remedy
    assert toy.files() == []


@pytest.mark.usefixtures("blocks")
def test_number_cut_by_a_block_is_one_element(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.json", '[123456789012, {"person_id": "1"}]')
    assert (outcome.rows, outcome.rejected) == (1, 1)


def test_position_is_right_far_into_a_file(toy: Any) -> None:
    good = ",\n".join(json.dumps({"person_id": str(n), "score": n}) for n in range(200_000))
    outcome = toy.land("people_2024-01-05.json", f'[{good},\n{{"person_id"}}]')
    assert "at line 200001, character 13: " in outcome.message


def test_empty_array_is_a_load_of_no_rows(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.json", " [ ]\n")
    assert (outcome.status, outcome.rows) == ("landed", 0)
    assert outcome.notes == ("no records: a load of 0 rows",)


def test_one_object_over_several_lines_is_a_record(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.json", '{\n "person_id": "1"\n}\n{"person_id": "2"}')
    assert [row["person_id"] for row in toy.rows("people")] == ["1", "2"]
    assert outcome.rejected == 0


def test_lines_named_json_are_read_as_lines(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.json", '{"person_id": "1"}\n{"person_id"\n')
    assert (outcome.rows, outcome.rejected) == (1, 1)
    assert "the content is ndjson, whatever the name says" in outcome.notes


@pytest.mark.usefixtures("blocks", "engine")
def test_lines_are_rejected_by_number(toy: Any) -> None:
    lines = [
        '{"person_id": "1", "score": 1.10, "name": {"first": "Ann"}}',
        "",
        "{",
        "[1]",
        '{"person_id": "2", "name": 3}',
        '{"person_id": "3",}',
        '{"person_id": "4"} // four',
        '{"person_id": "5", "person_id": "6"}',
        '{"person_id": "7", "score": 12345678901234567890.123, "is_vip": false}',
        '{"person_id": "' + "x" * 1001 + '"}',
        '{"person_id": "' + "x" * 20_000 + '"}',
        '{"person_id": "8", "score": NaN}',
        '{"person_id": 9, "name": {"last": null}}\r',
    ]
    content = "\n".join(lines).encode() + b'\n{"person_id": "\xff"}\n{"person_id": "10"}'
    outcome = toy.land("people_2024-01-05.ndjson", content)
    rows = toy.rows("people")
    assert [(r["_row_number"], r["person_id"], r["score"]) for r in rows] == [
        (1, "1", "1.10"),
        (9, "7", "12345678901234567890.123"),
        (13, "9", None),
        (15, "10", None),
    ]
    assert [r["name"] for r in rows] == [
        {"first": "Ann", "last": None},
        None,
        {"first": None, "last": None},
        None,
    ]
    assert [line for line, _ in toy.rejects()] == [3, 4, 5, 6, 7, 8, 10, 11, 12, 14]
    reasons = dict(toy.rejects())
    assert reasons[4] == "not a JSON object"
    assert reasons[5] == "name is a plain value where the contract has a struct"
    assert reasons[10] == "the field person_id is longer than 1000 bytes"
    assert reasons[14] == "bytes that are not utf-8"
    assert "blank lines skipped: 1" in outcome.notes


@pytest.mark.usefixtures("engine")
def test_required_key_in_no_line_refuses_the_file(toy: Any) -> None:
    outcome = toy.land("people_2024-01-05.ndjson", '{"score": 1}\n{"score": 2}\n')
    assert outcome.message.startswith("The required column person_id is missing")


def read(text: Text, sink: Sink) -> None:
    with duckdb.connect() as connection:
        read_ndjson.read_ndjson(text, sink, connection)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["first", "last", "city", "x"]), inner, max_size=3),
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(["person_id", "name", "homes", "is_vip", "score", "extra", "Score"])
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(objects=st.lists(OBJECTS, min_size=1, max_size=6), ascii_only=st.booleans())
@example(objects=[{"person_id": "a\x00b"}, {"person_id": 'x":y'}], ascii_only=False)
@example(objects=[{"person_id": -0.0}, {"person_id": 2**64}, {"score": -(2**63)}], ascii_only=True)
@example(objects=[{"person_id": "null", "name": {"first": "nan", "x": 1}}], ascii_only=True)
def test_duckdb_and_python_read_lines_alike(
    toy: Any, monkeypatch: pytest.MonkeyPatch, objects: list[Any], ascii_only: bool
) -> None:
    lines = [
        # Every file has the required key, whatever was drawn.
        '{"person_id": "first"}',
        *(json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")) for value in objects),
    ]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    results: list[Any] = []
    for fewest in (1, 10**9):
        monkeypatch.setattr(read_ndjson, "_FEWEST_LINES", fewest)
        try:
            results.append(toy.read("people", content, read))
        except RefusedFileError:
            results.append("refused")  # with several faults, either may be named
    assert results[0] == results[1]
    if results[0] != "refused":
        rows, rejects = results[0]
        assert len(rows) + len(rejects) == len(lines)
