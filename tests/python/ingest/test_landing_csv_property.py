"""CSV under random content: against an oracle written for this test, and against itself."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.landing import stream
from ingest.landing.field_scan import RecordScanner, State
from ingest.landing.read_csv import read_csv

RELAXED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEADER = ["sale_id", "amount", "remark"]


def land_text(toy: Any, text: str) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """Landed (line, fields) and rejected (line, reason) rows of a text."""
    rows, rejects = toy.read("sales", text.encode(), read_csv)
    landed = [(row["_row_number"], [row[name] for name in HEADER]) for row in rows]
    return landed, [(row["line_number"], row["reason"]) for row in rejects]


FIELDS = st.text(st.sampled_from('ab ,;|\t"\n\r\x00é\u2028\x0b'), max_size=6)
ROWS = st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=6)


def write(rows: list[tuple[str, ...]], delimiter: str, line_end: str, always: bool) -> str:
    """CSV by the book: a field is quoted when it must be, or always."""

    def cell(text: str) -> str:
        if always or any(char in text for char in f'{delimiter}"\n\r'):
            return '"' + text.replace('"', '""') + '"'
        return text

    return "".join(delimiter.join(map(cell, row)) + line_end for row in [tuple(HEADER), *rows])


@RELAXED
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;|\t"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    always=st.booleans(),
    block=st.sampled_from([3, 16, stream.BLOCK_BYTES]),
)
@example(rows=[("", "", "")], delimiter=",", line_end="\n", always=False, block=3)
def test_what_is_written_by_the_book_is_landed_field_by_field(
    toy: Any,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, ...]],
    delimiter: str,
    line_end: str,
    always: bool,
    block: int,
) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", block)
    text = write(rows, delimiter, line_end, always)
    landed, rejects = land_text(toy, text)
    line = 2
    expected = []
    for row in rows:
        expected.append((line, [field or None for field in row]))
        line += 1 + sum(field.count("\n") for field in row)
    assert (landed, rejects) == (expected, [])


def oracle(text: str) -> list[tuple[int, list[str]]] | None:
    """(first line, fields) of every record, or None where the quotes are broken.

    A blank line has no fields.

    A quote opens only at the start of a field; inside, two stand for one; after the closing one a
    comma or line end must follow. Elsewhere a quote is a character like any other.
    """
    records: list[tuple[int, list[str]]] = []
    at, line = 0, 1
    while at < len(text):
        first = line
        fields: list[str] = []
        while text[at] != "\n" or fields:
            field = ""
            if text[at : at + 1] == '"':
                at += 1
                while True:
                    if at == len(text):
                        return None
                    if text[at] == '"':
                        if text[at + 1 : at + 2] != '"':
                            break
                        at += 1
                    line += text[at] == "\n"
                    field += text[at]
                    at += 1
                at += 1
                if text[at : at + 1] not in ("", ",", "\n"):
                    return None
            else:
                while at < len(text) and text[at] not in ",\n":
                    field += text[at]
                    at += 1
            fields.append(field)
            if text[at : at + 1] != ",":
                break
            at += 1
            if at == len(text):
                fields.append("")
                break
        records.append((first, fields))
        line += 1
        at += 1
    return records


WILD = st.text(st.sampled_from('aaab,,""\n\n'), max_size=60)


@RELAXED
@given(body=WILD)
@example(body='a,b,"c\na,b,c\n')
@example(body='a,"b"\n",c\n"a,b,c')
def test_any_text_gives_what_the_oracle_reads(
    toy: Any, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    text = ",".join(HEADER) + "\n" + body
    results = []
    for block in (stream.BLOCK_BYTES, 2):
        with monkeypatch.context() as patch:
            patch.setattr(stream, "BLOCK_BYTES", block)
            results.append(land_text(toy, text))
    assert results[0] == results[1]
    landed, rejects = results[0]
    records = oracle(text)
    if records is None:
        assert rejects
    else:
        records = [record for record in records[1:] if record[1]]
        assert landed == [
            (line, [field or None for field in fields])
            for line, fields in records
            if len(fields) == len(HEADER)
        ]
        assert [line for line, _ in rejects] == [
            line for line, fields in records if len(fields) != len(HEADER)
        ]


# Cells by the book, quoted or plain, and plain ones with quotes in the middle.
CELLS = st.one_of(
    st.text(st.sampled_from('a,"\n'), max_size=5).map(
        lambda text: '"' + text.replace('"', '""') + '"'
    ),
    st.sampled_from(["", "ab", 'a"b', 'a""']),
)


@given(
    record=st.lists(CELLS, min_size=1, max_size=4).map(",".join).filter(bool),
    line_end=st.sampled_from(["", "\n", '\nnext,"line"\n']),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    most_fields=st.sampled_from([1, 1000]),
)
@example(record='"","""","aaaaa",ab', line_end="", cuts=[17], most_fields=1)
def test_scanner_finds_the_end_of_the_record_wherever_it_is_cut(
    record: str, line_end: str, cuts: list[int], most_fields: int
) -> None:
    text = (record + line_end).encode()
    whole = oracle(text.decode())
    scanner = RecordScanner(",", most_fields)
    end = None
    cuts = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    for start, stop in itertools.pairwise(cuts):
        if (found := scanner.feed(text[start:stop])) is not None:
            end = start + found
            break
    assert whole and not scanner.broken
    _, fields = whole[0]
    if end is None:
        assert line_end == ""
        assert scanner.state is not State.QUOTED
        return
    assert text[:end].decode() == record + "\n"
    assert scanner.line_ends == record.count("\n") + 1
    if fields and len(fields) <= most_fields:
        assert scanner.fields == len(fields)
        assert scanner.longest[1] == max(map(len, fields))


@RELAXED
@given(body=WILD)
def test_no_line_is_lost(toy: Any, body: str) -> None:
    """Lines without any quote after a broken one are landed or rejected on their own."""
    good = "k,1,ok\n" * 3
    landed, rejects = land_text(toy, ",".join(HEADER) + "\n" + body.rstrip("\n") + "\n" + good)
    count = (",".join(HEADER) + "\n" + body.rstrip("\n") + "\n" + good).count("\n")
    tail = range(count - 2, count + 1)
    seen = {line for line, _ in landed} | {line for line, _ in rejects}
    inside = {
        number
        for line, fields in landed
        for number in range(line, line + 1 + sum((f or "").count("\n") for f in fields))
    } | {
        number
        for line, reason in rejects
        if "spans lines" in reason
        for number in range(line, int(reason.rsplit(" ", 1)[1]) + 1)
    }
    assert set(tail) <= seen | inside
