"""The key for personal data: where it comes from, who may read it, and that SQL agrees."""

from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.dbt_plugin import Plugin, set_pads
from ingest.errors import SecretError
from ingest.home import Home
from ingest.pii import KEY_VARIABLE, pii_key, pii_pads, pii_token

TOKEN_SQL = """
select sha256(getvariable('pii_opad') || unhex(sha256(getvariable('pii_ipad') || encode(x))))
from (select $1::varchar as x)
"""


@settings(deadline=None)
@given(text=st.text(), key=st.binary(min_size=16, max_size=200))
@example(text="ann@example.com", key=b"k" * 64)
@example(text="\\x41 ' \x00", key=b"k" * 65)
def test_sql_gives_the_token_of_the_standard_library(text: str, key: bytes) -> None:
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    assert pii_token(text, key) == expected
    with duckdb.connect() as connection:
        set_pads(connection, pii_pads(key))
        assert connection.execute(TOKEN_SQL, [text]).fetchall() == [(expected,)]


def test_null_has_no_token() -> None:
    with duckdb.connect() as connection:
        set_pads(connection, pii_pads(b"k" * 16))
        assert connection.execute(TOKEN_SQL, [None]).fetchall() == [(None,)]


def test_key_is_made_once_and_is_the_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: pii_key(home), range(16)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    path = home.secrets / "pii.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert not path.is_relative_to(home.warehouse)


def test_environment_comes_first_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a key of the environment")
    home = Home(tmp_path)
    assert pii_key(home) == b"a key of the environment"
    assert not home.secrets.exists()


def test_weak_or_open_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(SecretError, match="shorter than 16 bytes"):
        pii_key(Home(tmp_path))
    monkeypatch.delenv(KEY_VARIABLE)
    pii_key(Home(tmp_path))
    path = tmp_path / "secrets" / "pii.key"
    path.chmod(0o640)
    with pytest.raises(SecretError, match="open to others"):
        pii_key(Home(tmp_path))
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(SecretError, match="shorter than 16 bytes"):
        pii_key(Home(tmp_path))


def test_pads_do_not_show_the_key() -> None:
    assert "k" not in repr(pii_pads(b"k" * 16)).replace("Pads", "")


def test_plugin_gives_the_pads_to_every_cursor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    plugin = Plugin(name="dbt_plugin", plugin_config={})
    with duckdb.connect() as connection:
        for cursor in (connection.cursor(), connection.cursor()):
            plugin.configure_cursor(cursor)
            expected = pii_token("ann", b"k" * 32)
            assert cursor.execute(TOKEN_SQL, ["ann"]).fetchall() == [(expected,)]
        # A session without the plugin has no token rather than a wrong one.
        assert connection.execute(TOKEN_SQL, ["ann"]).fetchall() == [(None,)]


def test_parsing_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    Plugin(name="dbt_plugin", plugin_config={})
    assert not (tmp_path / "secrets").exists()
