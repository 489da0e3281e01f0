"""The harness around the daemon: that it notices a catalog that lies, a process that stays, and a daemon that dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.waiting import TooLateError, wait_until


def test_processes_are_found_without_their_parent_and_catalog_and_disk_are_compared(tmp_path: Path) -> None:
    with Daemon(tmp_path, Setup([Watched("pattern", "test://")], segment="2s")) as edged:
        edged.until(lambda: len(edged.listed("pattern")) >= 3, 20, "three segments")
        (worker,) = edged.workers()
        os.kill(worker, signal.SIGSTOP)  # so that it cannot notice
        edged.sigkill()
        with pytest.raises(TooLateError):
            edged.wait_for_no_process()
        assert worker in edged.processes()
        edged.kill_everything()
        edged.wait_for_no_process()
        edged.configure(Setup([]))
        edged.start()
        edged.wait_for(lambda status: not status.recovering, 15, "up again")
        assert edged.catalog_faults() == []
        first, second, third = edged.files()[:3]
        first.write_bytes(first.read_bytes()[:-1] + b"?")
        second.write_bytes(second.read_bytes() + b"?")
        third.rename(third.with_name("stranger.mp4"))
        (third.parent / "left.mp4.part").touch()
        faults = "\n".join(edged.catalog_faults())
        for told in ("another SHA-256", "bytes, ", "no file", "not in the catalog", "left in progress"):
            assert told in faults


def test_waiting_ends_with_the_daemon(tmp_path: Path) -> None:
    with Daemon(tmp_path, Setup([Watched("pattern", "test://")])) as edged:
        os.kill(edged.pid, signal.SIGKILL)
        with pytest.raises(AssertionError, match="ended by itself"):
            edged.wait_for_states("recording", ["pattern"], within_s=60)
    with pytest.raises(TooLateError, match="last seen: 0"):
        wait_until(lambda: 0, 0.01, "nothing")
