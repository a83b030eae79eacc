"""No raw personal data past the lake: not in tables, files, compiled SQL or logs; nor the key."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckdb
import pytest

from ingest.home import PROJECT_DIR, Home
from ingest.pii import pii_key, pii_token

LEAST_LETTERS = 6


@pytest.fixture(scope="module")
def canaries(demo_home: Home) -> dict[str, set[str]]:
    """E-mails, telephone numbers and streets of the customers files, and device ids."""
    found: dict[str, set[str]] = {"email": set(), "phone": set(), "street": set(), "device": set()}
    for file in (demo_home.extracts / "shop").glob("customers_*.json"):
        for customer in json.loads(file.read_text(encoding="utf-8")):
            contact = customer["contact"]
            found["email"].add(contact["email"] or "")
            found["phone"].add(contact["phone"] or "")
            found["street"].update(address["line1"] for address in customer["addresses"])
    for file in (demo_home.extracts / "shop").glob("payments_*.ndjson"):
        for line in file.read_text(encoding="utf-8").splitlines():
            found["device"].add(json.loads(line)["device_id"] or "")
    return {
        kind: {value for value in values if len(value) >= LEAST_LETTERS}
        for kind, values in found.items()
    }


def files_to_search(home: Home) -> list[Path]:
    zones = [home.warehouse, home.published, home.scores, home.logs, home.locks]
    zones += [PROJECT_DIR / "target", PROJECT_DIR / "logs"]
    return [path for zone in zones for path in zone.rglob("*") if path.is_file()]


def test_canaries_are_found_where_they_may_be(
    demo_home: Home, canaries: dict[str, set[str]]
) -> None:
    """The search works: the raw zone holds every one of them."""
    raw = b"".join(path.read_bytes() for path in demo_home.raw.rglob("*") if path.is_file())
    for kind, values in canaries.items():
        assert len(values) > 100, kind
    emails = canaries["email"]
    assert sum(email.encode() in raw for email in emails) == len(emails)


def test_no_table_holds_a_canary(demo_home: Home, canaries: dict[str, set[str]]) -> None:
    """Every text cell of every table of both files; DuckDB's compression hides text from grep."""
    values = sorted(value for group in canaries.values() for value in group)
    leaks = []
    for file in (demo_home.warehouse_file, demo_home.published_file):
        with duckdb.connect(str(file), read_only=True) as connection:
            connection.execute(
                "create temp table canaries as select lower(unnest(?)) as canary", [values]
            )
            columns = connection.execute(
                """
                select table_schema, table_name, column_name
                from information_schema.columns inner join information_schema.tables
                    using (table_catalog, table_schema, table_name)
                where table_type = 'BASE TABLE' and table_catalog = ?
                    and (data_type in ('VARCHAR', 'JSON') or data_type like 'STRUCT%')
                """,
                [file.stem],
            ).fetchall()
            assert len(columns) > 50
            for schema, table, column in columns:
                hits = connection.execute(
                    f"""
                    select count(*) from (
                        select distinct unnest(regexp_extract_all(
                            lower(cast("{column}" as varchar)), '[^"{{}}\\[\\],]+'
                        )) as word from "{schema}"."{table}"
                    ) where trim(word, ' :') in (select canary from canaries)
                    """
                ).fetchall()[0][0]
                if hits:
                    leaks.append(f"{file.name} {schema}.{table}.{column}: {hits}")
    assert leaks == []


def test_no_file_holds_a_canary_or_the_key(
    demo_home: Home, canaries: dict[str, set[str]], tmp_path: Path
) -> None:
    key = pii_key(demo_home)
    secrets = sorted({key.hex(), *(value for group in canaries.values() for value in group)})
    (tmp_path / "secrets").write_text("\n".join(secrets), encoding="utf-8")
    planted = tmp_path / "planted"
    planted.write_bytes(b"\0" + secrets[-1].encode())
    files = [*files_to_search(demo_home), planted]
    search = ["grep", "-laFf", str(tmp_path / "secrets"), "--", *map(str, files)]
    found = subprocess.run(search, capture_output=True, text=True, env={"LC_ALL": "C"})
    assert (found.stdout.split("\n"), found.stderr) == ([str(planted), ""], "")
    assert [file for file in files if key in file.read_bytes()] == []


def test_tokens_are_the_keyed_hashes_of_the_e_mails(demo_home: Home) -> None:
    """The SQL of the models and Python's hmac agree, so tokens can be joined and erased."""
    last = max((demo_home.extracts / "shop").glob("customers_*.json"))
    key = pii_key(demo_home)
    expected = {
        customer["customer_id"]: pii_token(customer["contact"]["email"].strip().lower(), key)
        for customer in json.loads(last.read_text(encoding="utf-8"))
        if customer["contact"]["email"]
    }
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        found = dict(
            connection.execute(
                """
                select customer_id, email_hash from core.dim_customer_current
                where source_system = 'shop' and not is_deleted and email_hash is not null
                """
            ).fetchall()
        )
    assert found == expected
