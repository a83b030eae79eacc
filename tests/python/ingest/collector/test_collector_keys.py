"""Keys: shown once, kept as digests that only their owner reads, revoked while a collector runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.collector import keys
from ingest.collector.keys import KeyRing, add_key, read_keys, revoke_key
from ingest.errors import ConfigError, SecretError
from ingest.home import HOME_VARIABLE, Home
from orchestration.cli import app


def test_a_key_is_kept_as_its_digest_in_a_file_of_its_owner(tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = add_key(home, "shop", "web")
    other = add_key(home, "shop", "app")
    [file] = home.secrets.iterdir()
    assert (file.stat().st_mode & 0o777, home.secrets.stat().st_mode & 0o777) == (0o600, 0o700)
    text = file.read_text()
    assert key not in text
    assert hashlib.sha256(key.encode()).hexdigest() in text
    assert len(key) >= 43  # 256 bits in base64
    assert key != other


def test_keys_are_found_and_revoked_by_source_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)
    home = Home(tmp_path)
    ring = KeyRing(home)
    assert ring.find("") is None
    shop, till = add_key(home, "shop", "a"), add_key(home, "till", "a")
    found = [ring.find(key) for key in (shop, till)]
    assert [(key.source, key.name) for key in found if key] == [("shop", "a"), ("till", "a")]
    revoke_key(home, "shop", "a")
    assert (ring.find(shop), ring.find(till)) == (None, found[1])
    for call, wrong in ((revoke_key, "a"), (add_key, "a b"), (add_key, "")):
        with pytest.raises(ConfigError):
            call(home, "shop", wrong)
    with pytest.raises(ConfigError):
        add_key(home, "till", "a")


@pytest.mark.parametrize("harm", ["open", "broken"])
def test_keys_that_cannot_be_trusted_open_nothing(web: Any, harm: str) -> None:
    assert web.post({"event_id": "1"}).status_code == 202
    file = web.home.secrets / keys.FILE_NAME
    if harm == "open":
        file.chmod(0o644)
    else:
        file.write_text("[{")
    time.sleep(keys.LOOK_SECONDS)
    with pytest.raises(SecretError):
        read_keys(web.home)
    answers = [web.post({"event_id": "1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert str(web.home.root) not in answers[0].text


def test_a_running_collector_refuses_a_revoked_key(start: Callable[..., Any]) -> None:
    web = start()
    assert web.post({"event_id": "1"}).status_code == 202
    revoke_key(web.home, "web", "test")
    time.sleep(keys.LOOK_SECONDS)
    assert web.post({"event_id": "1"}).status_code == 401
    sale = {"event_id": "1", "occurred_at": "2025-06-01"}
    assert web.post(sale, source="till").status_code == 202


def test_the_commands_add_list_and_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    run = CliRunner().invoke
    added = run(app, ["admin", "keys", "add", "web", "--source", "shop"])
    key = added.stdout.splitlines()[-1]
    assert KeyRing(Home(tmp_path)).find(key) is not None
    listed = run(app, ["admin", "keys", "list"])
    assert listed.exit_code == 0
    assert key not in listed.output
    assert run(app, ["admin", "keys", "add", "web", "--source", "nothing"]).exit_code == 1
    assert run(app, ["admin", "keys", "revoke", "web", "--source", "shop"]).exit_code == 0
    assert KeyRing(Home(tmp_path)).find(key) is None
