"""The lock of the warehouse, within a process and between processes."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from orchestration.lib.lock import warehouse_lock

HOLDER = """
import sys, time
from pathlib import Path
from ingest.home import Home
from orchestration.lib.lock import warehouse_lock
with warehouse_lock(Home(Path({root!r})), "the other one"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def hold(home: Home, python_process: Callable[[str], list[str]]) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    holder = subprocess.Popen(
        python_process(HOLDER.format(root=str(home.root))),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_the_second_process_is_told_who_holds_it_and_gets_it_afterwards(
    home: Home, python_process: Callable[[str], list[str]]
) -> None:
    holder = hold(home, python_process)
    assert holder.stdin is not None
    end_holder = threading.Timer(0.2, holder.stdin.close)
    told: list[str] = []

    def on_wait(held_by: str) -> None:
        told.append(held_by)
        end_holder.start()

    with warehouse_lock(home, "this one", timeout_seconds=30, on_wait=on_wait):
        assert holder.wait(timeout=10) == 0
    (held_by,) = told
    assert held_by.startswith(f"the other one (process {holder.pid}, since 20")


def test_waiting_ends_with_the_name_of_the_holder(
    home: Home, python_process: Callable[[str], list[str]]
) -> None:
    holder = hold(home, python_process)
    started = time.monotonic()
    with (
        pytest.raises(LockedError, match="in use by the other one") as refusal,
        warehouse_lock(home, "this one", timeout_seconds=0.3),
    ):
        pytest.fail("the lock was not held")
    assert time.monotonic() - started >= 0.3
    assert refusal.value.remedy == "Wait for it to end, or end it."
    holder.communicate()


def test_a_holder_that_was_killed_holds_nothing(
    home: Home, python_process: Callable[[str], list[str]]
) -> None:
    holder = hold(home, python_process)
    holder.kill()
    holder.wait()
    with warehouse_lock(home, "this one", timeout_seconds=5):
        pass


def test_it_can_be_taken_again_within_and_is_free_only_at_the_very_end(
    home: Home, python_process: Callable[[str], list[str]]
) -> None:
    code = f"""
from pathlib import Path
from ingest.home import Home
from orchestration.lib.lock import warehouse_lock
try:
    with warehouse_lock(Home(Path({str(home.root)!r})), "probe", timeout_seconds=0):
        print("free")
except Exception as error:
    print(error)
"""

    def probe() -> str:
        done = subprocess.run(python_process(code), capture_output=True, text=True, timeout=60)
        return done.stdout

    with warehouse_lock(home, "outer"):
        with warehouse_lock(home, "inner", timeout_seconds=0):
            assert "outer (process" in probe()
        assert "outer (process" in probe()
    assert probe() == "free\n"


def test_it_is_freed_when_the_work_fails(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), warehouse_lock(home, "this one"):
        _ = 1 / 0
    assert not (home.locks / "warehouse.holder.json").exists()
    with warehouse_lock(home, "this one", timeout_seconds=0):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"holder": "x"}'])
def test_a_note_that_says_nothing_names_nobody(
    home: Home, python_process: Callable[[str], list[str]], note: str
) -> None:
    holder = hold(home, python_process)
    (home.locks / "warehouse.holder.json").write_text(note)
    with (
        pytest.raises(LockedError, match="in use by another process"),
        warehouse_lock(home, "this one", timeout_seconds=0),
    ):
        pytest.fail("the lock was not held")
    holder.communicate()


def test_a_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "locks").write_text("a file where the folder should be")
    with (
        pytest.raises(StorehouseError, match="lock of the warehouse cannot be taken"),
        warehouse_lock(Home(tmp_path / "home"), "this one"),
    ):
        pytest.fail("there is no lock")
