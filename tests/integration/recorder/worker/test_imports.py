"""A process costs what it imports: 64 cameras carry a worker 64 times, and neither it nor the daemon needs libav."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av

ROOT = Path(__file__).parents[4]
HEAVY = {
    "av", "numpy", "sqlite3", "asyncio", "pydantic", "aiohttp", "paho", "sqlite_utils", "edged", "mqtt", "click",
    "rich",
}  # fmt: skip


def test_a_worker_imports_nothing_that_it_does_not_need() -> None:
    program = "import recorder.worker.process, sys; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in listed.stdout.split()}
    assert {"recorder", "storage", "msgspec"} <= modules
    assert modules.isdisjoint(HEAVY), modules & HEAVY


def test_the_daemon_does_not_load_libav_not_even_to_tell_its_version() -> None:
    program = (
        "import sys, edged.main.start, edged.main.daemon, recorder.supervisor.processes, recorder.supervisor.runner;"
        "from edged.host.versions import versions;"
        "told = versions(); print(told.av, told.ffmpeg, *sys.modules)"
    )
    listed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    av_told, ffmpeg_told, *modules = listed.stdout.split()
    assert (av_told, ffmpeg_told) == (av.__version__, av.ffmpeg_version_info)
    assert "edged.main.daemon" in modules
    assert "av" not in modules
