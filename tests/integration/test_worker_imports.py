"""A worker costs what it imports: 64 cameras carry it 64 times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"sqlite3", "asyncio", "pydantic", "aiohttp", "paho", "sqlite_utils", "edged", "mqtt", "click", "rich"}


def test_a_worker_imports_nothing_that_it_does_not_need() -> None:
    program = "import recorder.worker, sys; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in listed.stdout.split()}
    assert {"av", "recorder", "storage", "msgspec"} <= modules
    assert modules.isdisjoint(HEAVY), modules & HEAVY
