"""CSV: what is accepted and noted, which rows are rejected, which files are refused."""

from __future__ import annotations

import gzip
import zipfile
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest

from ingest.landing import stream

HEADER = "sale_id,amount,remark\n"


def cells(toy: Any) -> list[tuple[Any, ...]]:
    return [
        (row["_row_number"], row["sale_id"], row["amount"], row["remark"])
        for row in toy.rows("sales")
    ]


@pytest.fixture(params=[stream.BLOCK_BYTES, 7], ids=["whole", "tiny blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case also with blocks far shorter than a line: results must not depend on them."""
    monkeypatch.setattr(stream, "BLOCK_BYTES", request.param)


pytestmark = pytest.mark.usefixtures("blocks")

PLAIN = [(2, "1", "9.50", "a"), (3, "2", "8", "b")]
ACCEPTED: list[tuple[str, bytes, list[tuple[Any, ...]], str]] = [
    ("plain", b"sale_id,amount,remark\n1,9.50,a\n2,8,b\n", PLAIN, ""),
    ("no last line end", b"sale_id,amount,remark\n1,9.50,a\n2,8,b", PLAIN, ""),
    (
        "byte order mark",
        b"\xef\xbb\xbfsale_id,amount,remark\n1,9.50,a\n2,8,b\n",
        PLAIN,
        "byte order mark removed",
    ),
    ("crlf", b"sale_id,amount,remark\r\n1,9.50,a\r\n2,8,b\r\n", PLAIN, "line ends are CRLF"),
    (
        "carriage returns",
        b"sale_id,amount,remark\r1,9.50,a\r2,8,b\r",
        PLAIN,
        "line ends are carriage returns",
    ),
    ("semicolon", b"sale_id;amount;remark\n1;9.50;a\n2;8;b\n", PLAIN, "delimiter is a semicolon"),
    ("tab", b"sale_id\tamount\tremark\n1\t9.50\ta\n2\t8\tb\n", PLAIN, "delimiter is a tab"),
    ("bar", b"sale_id|amount|remark\n1|9.50|a\n2|8|b\n", PLAIN, "delimiter is a bar"),
    (
        "reordered",
        b"remark,sale_id,amount\na,1,9.50\nb,2,8\n",
        PLAIN,
        "columns in another order than the contract",
    ),
    (
        "extra",
        b"sale_id,colour,amount,remark\n1,red,9.50,a\n2,,8,b\n",
        PLAIN,
        "extra columns, kept in the raw zone only: colour",
    ),
    (
        "renamed",
        b'"Sale Number",Amount, NOTE \n1,9.50,a\n2,8,b\n',
        PLAIN,
        "columns read under another name: Sale Number -> sale_id, Amount -> amount,"
        "  NOTE  -> remark",
    ),
    (
        "missing optional",
        b"sale_id,amount\n1,9.50\n2,8\n",
        [(2, "1", "9.50", None), (3, "2", "8", None)],
        "missing columns, landed as NULL: remark",
    ),
    ("header only", b"sale_id,amount,remark\n", [], "header only: a load of 0 rows"),
    (
        "line breaks in fields",
        b'sale_id,amount,remark\n1,9.50,"a\r\nb"\n2,8,"\n"\n3,7,c\n',
        [(2, "1", "9.50", "a\r\nb"), (4, "2", "8", "\n"), (6, "3", "7", "c")],
        "line breaks inside fields",
    ),
    (
        "quotes in fields",
        b'sale_id,amount,remark\n1,9.50,"say ""hi"""\n2,8,3.5" disk\n',
        [(2, "1", "9.50", 'say "hi"'), (3, "2", "8", '3.5" disk')],
        "quotes inside fields",
    ),
    (
        "blank lines",
        b"\n\nsale_id,amount,remark\n\n1,9.50,a\n\n2,8,b\n",
        [(5, "1", "9.50", "a"), (7, "2", "8", "b")],
        "blank lines skipped: 4",
    ),
    (
        "empty is null, space is text",
        b'sale_id,amount,remark\n1,,""\n2,8, \n',
        [(2, "1", None, None), (3, "2", "8", " ")],
        "",
    ),
    (
        "utf-16",
        "\ufeffsale_id,amount,remark\n1,9.50,ä\n".encode("utf-16-le"),
        [(2, "1", "9.50", "ä")],
        "byte order mark removed",
    ),
    (
        "words for numbers stay text",
        b"sale_id,amount,remark\n1,cheap,a\n",
        [(2, "1", "cheap", "a")],
        "",
    ),
]


@pytest.mark.parametrize(
    ("content", "expected", "note"), [case[1:] for case in ACCEPTED], ids=[c[0] for c in ACCEPTED]
)
@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
def test_is_accepted_and_noted(
    toy: Any, content: bytes, expected: list[Any], note: str, gzipped: bool
) -> None:
    # The name does not say that it is gzipped: the content does.
    outcome = toy.land("sales_20240105.csv", gzip.compress(content) if gzipped else content)
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", len(expected), 0)
    assert cells(toy) == expected
    assert note in outcome.notes if note else outcome.notes == ()
    assert toy.rejects() == []


REJECTED: list[tuple[str, bytes, list[str], list[tuple[int, str]]]] = [
    (
        "too few fields",
        b"1,9.50,a\n2,8\n3,7,c\n",
        ["1", "3"],
        [(3, "2 fields where the header has 3")],
    ),
    (
        "too many fields",
        b"1,9.50,a\n2,8,b,c\n3,7,c\n",
        ["1", "3"],
        [(3, "4 fields where the header has 3")],
    ),
    (
        "ragged over two lines",
        b'1,9.50,a\n2,"8\n"\n3,7,c\n',
        ["1", "3"],
        [(3, "2 fields where the header has 3; the row spans lines 3 to 4")],
    ),
    (
        "undecodable bytes",
        b"1,9.50,\xc3\xa4\n2,8,\xff\xfe\n3,7,c\n",
        ["1", "3"],
        [(3, "bytes that are not utf-8 in remark")],
    ),
    (
        "undecodable bytes and ragged",
        b"1,\xff\n3,7,c\n",
        ["3"],
        [(2, "2 fields where the header has 3")],
    ),
    (
        "field over the limit",
        b"1,9.50,a\n2,8," + b"x" * 1001 + b"\n3,7," + b"y" * 1000 + b"\n",
        ["1", "3"],
        [(3, "the field remark is longer than 1000 bytes")],
    ),
    (
        "field over the limit in bytes, not characters",
        b"1,9.50," + "ä".encode() * 501 + b"\n3,7," + "ä".encode() * 500 + b"\n",
        ["3"],
        [(2, "the field remark is longer than 1000 bytes")],
    ),
    (
        "quoted field over the limit",
        b'1,9.50,a\n2,8,"' + b'x""\n,1,\n' * 300 + b'"\n3,7,c\n',
        ["1", "3"],
        [(3, "the field remark is longer than 1000 bytes")],
    ),
    (
        "long row of short fields",
        b"1,9.50,a\n2," + b"8," * 5000 + b"\n3,7,c\n",
        ["1", "3"],
        [(3, "fields where the header has 3")],
    ),
    (
        "quote not doubled",
        b'1,9.50,a\n2,8,"say "hi""\n3,7,c\n',
        ["1", "3"],
        [(3, "a quote inside a quoted field is not doubled, or never closed")],
    ),
    (
        "quote never closed, no quote after it",
        b'1,9.50,a\n2,8,"b\n3,7,c\n4,6,d\n',
        ["1", "3", "4"],
        [(3, "a quote is opened and never closed")],
    ),
    (
        "quote never closed, good quotes after it",
        b'1,9.50,a\n2,8,"b\n3,7,c\n"4",6,d\n5,"6",d\n',
        ["1", "3", "4", "5"],
        [(3, "a quote inside a quoted field is not doubled, or never closed")],
    ),
    (
        "broken quotes over two lines",
        b'1,9.50,a\n2,8,"say "hi\n",there"\n3,7,c\n',
        ["1", "3"],
        [
            (3, "a quote inside a quoted field is not doubled, or never closed"),
            (4, "1 field where the header has 3"),
        ],
    ),
    (
        "rest of a record whose quotes broke",
        b'1,9.50,a\n2,8,"b\nc" d,e,f\n3,7,c\n',
        ["1", "3"],
        [
            (3, "a quote inside a quoted field is not doubled, or never closed"),
            (4, "left over from the broken quotes of line 3"),
        ],
    ),
    (
        "carriage return outside quotes",
        b"1,9.50,a\n2,8,b\rc\n3,7,c\n",
        ["1", "3"],
        [(3, "a carriage return outside quotes")],
    ),
]


@pytest.mark.parametrize(
    ("content", "landed", "rejects"), [case[1:] for case in REJECTED], ids=[c[0] for c in REJECTED]
)
def test_bad_row_is_rejected_with_line_and_reason(
    toy: Any, content: bytes, landed: list[str], rejects: list[tuple[int, str]]
) -> None:
    outcome = toy.land("sales_20240105.csv", HEADER.encode() + content)
    assert outcome.status == "landed"
    assert [row["sale_id"] for row in toy.rows("sales")] == landed
    found = toy.rejects()
    assert [line for line, _ in found] == [line for line, _ in rejects]
    for (_, reason), (_, expected) in zip(found, rejects, strict=True):
        assert reason.endswith(expected)
    assert (outcome.rows, outcome.rejected) == (len(landed), len(rejects))
    (record,) = toy.records()
    assert (record["rows_landed"], record["rows_rejected"]) == (len(landed), len(rejects))


REFUSED: list[tuple[str, str, bytes, str]] = [
    ("no bytes", "sales.csv", b"", "The file has 0 bytes."),
    ("gzip of no bytes", "sales.csv", gzip.compress(b""), "The file has 0 bytes."),
    ("only blank lines", "sales.csv", b"\n \n", "The file has no header line."),
    (
        "truncated gzip",
        "sales.csv.gz",
        gzip.compress(b"sale_id,amount\n" + bytes(range(48, 58)) * 99)[:-12],
        "The gzip stream is cut short or damaged",
    ),
    (
        "damaged gzip",
        "sales.csv.gz",
        gzip.compress(b"sale_id,amount\n1,2\n")[:-8] + b"\0" * 8,
        "The gzip stream is cut short or damaged",
    ),
    (
        "duplicate header",
        "sales.csv",
        b"sale_id,amount,Amount\n1,2,3\n",
        "The header names amount more than once.",
    ),
    (
        "two columns for one",
        "sales.csv",
        b"sale_id,remark,note\n1,2,3\n",
        "The columns 'remark' and 'note' both stand for remark.",
    ),
    (
        "missing key",
        "sales.csv",
        b"amount,remark\n1,2\n",
        "The required column sale_id is missing; the file has 2 columns; of them known: amount, "
        "remark.",
    ),
    (
        "no known column",
        "sales.csv",
        b"1,9.50,a\n2,8,b\n",
        "The required column sale_id is missing; the file has 3 columns; of them known: none, so "
        "perhaps it has no header.",
    ),
    (
        "undecodable header",
        "sales.csv",
        b"sale_id,amount,\xff\n1,2,3\n",
        "The header holds bytes that are not utf-8.",
    ),
    (
        "header that never closes",
        "sales.csv",
        b'"sale_id,amount\n1,2\n',
        "The quotes of the header on line 1 never close.",
    ),
    ("zip archive", "sales.csv", b"PK\x03\x04....", "The file is a zip archive."),
    ("named parquet", "sales.parquet", b"sale_id\n1\n", "The file is named Parquet and is not."),
    (
        "a quote that swallows more than the limit",
        "sales.csv",
        b'sale_id,amount,remark\n1,2,"a\n' + b"2,3,b\n" * 400,
        "A quote opened in the record on line 2 does not close properly within 1000 bytes.",
    ),
    (
        "a broken quote behind more than the limit",
        "sales.csv",
        b'sale_id,amount,remark\n1,2,"' + b"x\n" * 600 + b'"y\n2,3,b\n',
        "A quote opened in the record on line 2 does not close properly within 1000 bytes.",
    ),
    (
        "no such entity",
        "salesmen.csv",
        b"sale_id\n1\n",
        "The name salesmen.csv belongs to no entity of the source toy.",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_bad_file_is_refused_whole_with_a_remedy(
    toy: Any, name: str, content: bytes, message: str
) -> None:
    outcome = toy.land(name, content)
    assert outcome.status == "refused"
    assert outcome.message.startswith(message)
    assert outcome.remedy
    assert toy.files() == []
    assert toy.rows("sales") == []


def test_latin1_is_read_when_the_option_says_so(toy: Any) -> None:
    content = "sale_id,remark\n1,café\n2,tea\n".encode("latin-1")
    first = toy.land("sales_20240105.csv", content)
    assert (first.rows, first.rejected) == (1, 1)
    assert first.first_reject.startswith("line 2: ")
    again = toy.land("sales_20240105.csv", content, encoding="latin-1")
    assert (again.status, again.rows, again.rejected) == ("landed", 2, 0)
    assert again.load_id == first.load_id
    assert toy.land("sales_20240105.csv", content, encoding="LATIN1").status == "already landed"
    assert toy.land("sales_20240105.csv", content).status == "already landed"
    assert sorted(row["remark"] for row in toy.rows("sales")) == ["café", "tea"]
    assert [record["encoding"] for record in toy.records()] == ["iso8859-1"]
    assert not [name for name in toy.files() if "_rejects" in name and "_stub" not in name]


def test_a_file_without_a_readable_row_is_refused_with_the_remedy(toy: Any) -> None:
    content = "sale_id,remark\n1,café\n".encode("latin-1")
    outcome = toy.land("sales_20240105.csv", content)
    assert outcome.status == "refused"
    assert outcome.message.startswith("No line of the file can be read as a row (line 2: ")
    assert "--encoding" in outcome.remedy
    assert toy.rows("sales") == []
    assert toy.land("sales_20240105.csv", content, encoding="latin-1").rows == 1


def test_a_column_that_is_nearly_spelt_right_is_pointed_at(toy: Any) -> None:
    outcome = toy.land("sales_20240105.csv", "sale_id,amont,remark\n1,2,a\n")
    assert "missing columns, landed as NULL: amount (is it amont?)" in outcome.notes


def test_an_excel_workbook_is_called_one(toy: Any) -> None:
    with BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as workbook:
            workbook.writestr("xl/workbook.xml", "<workbook/>")
        content = buffer.getvalue()
    outcome = toy.land("sales_20240105.csv", content)
    assert outcome.message == "The file is an Excel workbook."
    assert outcome.remedy == "Save the sheet as CSV UTF-8."


def test_rows_carry_load_number_and_declared_time(toy: Any) -> None:
    outcome = toy.land("sales_20240105T060000Z.csv", HEADER + "1,2,a\n")
    (row,) = toy.rows("sales")
    assert row["_load_id"] == outcome.load_id
    assert outcome.load_id.startswith("20240105T060000Z-")
    assert row["_extracted_at"] == datetime(2024, 1, 5, 6)
    assert any(
        file == f"lake/toy/sales/load_date=2024-01-05/{outcome.load_id}.parquet"
        for file in toy.files()
    )


def test_lines_are_counted_through_a_field_over_the_limit(toy: Any) -> None:
    long = b'2,8,"' + b'x""\n,1,\n' * 300 + b'"\n'
    toy.land("sales_20240105.csv", HEADER.encode() + b"1,9.50,a\n" + long + b"3,7,c\n")
    assert [row["_row_number"] for row in toy.rows("sales")] == [2, 604]
