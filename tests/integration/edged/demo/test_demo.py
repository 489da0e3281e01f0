"""`edged demo` as a newcomer starts it: by itself to its end, and on a terminal until Ctrl-C."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edged.demo.run import MIN_SECONDS

EDGED: Final = Path(sysconfig.get_path("scripts")) / "edged"
END_S: Final = 60.0
"""Until a demonstration that was told to end is over: the stop, and decoding what was recorded."""


def test_a_demo_that_ends_by_itself_finds_everything_as_it_should_be(tmp_path: Path) -> None:
    command = [str(EDGED), "demo", "--seconds", str(MIN_SECONDS)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=MIN_SECONDS + END_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all of it as it should be"
    assert done.stderr == "", "amqtt and its kind must not clutter the screen"


@contextmanager
def on_a_terminal(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "45", "LANG": "C.UTF-8"}
    try:
        with subprocess.Popen(
            [str(EDGED), "demo"],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
        ) as process:
            os.close(slave)
            try:
                yield process, master
            finally:
                if process.poll() is None:
                    process.terminate()  # it takes its daemon with it
    finally:
        os.close(master)


def read_until(terminal: int, wanted: str, seconds: float) -> str:
    """What the terminal showed until `wanted` appeared, or until the program let go of it."""
    seen = b""
    deadline = time.monotonic() + seconds
    while wanted.encode() not in seen and (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                seen += os.read(terminal, 65_536)
            except OSError:  # EIO: the last one on the other side has gone
                break
    return seen.decode(errors="replace")


def test_ctrl_c_on_a_terminal_ends_it_cleanly(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as (process, terminal):
        assert "ffplay .demo/volume/" in read_until(terminal, "ffplay .demo/volume/", 60)
        os.killpg(process.pid, signal.SIGINT)
        shown = read_until(terminal, "until the next demo", END_S)
        assert "the footage stays in .demo/volume until the next demo" in shown
        assert process.wait(END_S) == 0
    assert list((tmp_path / ".demo" / "volume").rglob("*.mp4"))
    assert not list((tmp_path / ".demo" / "volume").rglob("*.part"))
