"""The reader compiled (setup.py) and as it lies here is one program. `script/test` runs the tests of this folder over
both; this file alone sees which of them it is, and holds one against the other.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

import recorder
from edged.host.versions import reader
from tests.conftest import Profile

ROOT: Final = Path(__file__).parents[3]
BUILT: Final = Path(recorder.__file__).parents[1]
"""Where the modules under test come from: this folder, or what `script/compile` made of it."""
COMPILED: Final[tuple[str, ...]] = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["COMPILED"]


def test_it_is_the_reader_that_was_to_be_tested() -> None:
    assert reader() == os.environ.get("EDGED_READER", "interpreted")


@pytest.mark.parametrize("file", COMPILED)
def test_all_of_it_is_of_one_kind_and_of_these_sources(file: str) -> None:
    spec = find_spec(file.removesuffix(".py").replace("/", "."))
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith(".so" if BUILT != ROOT else ".py")
    assert (BUILT / file).read_bytes() == (ROOT / file).read_bytes()


def test_nothing_compiled_lies_where_sources_are_edited() -> None:
    """It would be imported in their place, also after they were changed."""
    folders = {Path(file).parts[0] for file in COMPILED}
    assert [file for folder in folders for file in (ROOT / folder).rglob("*.so")] == []
    assert list(ROOT.glob("*.so")) == []


def came_of(streams: int, *path: Path, planted: str = "") -> list[str]:
    """What a process makes of so many damaged streams whose modules are found there first."""
    program = f"{planted}\nfrom tests.support import odd_streams; odd_streams.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "0", str(streams)],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"it ended with {done.returncode} after {done.stdout[-80:]}: {done.stderr[-2000:]}"
    return done.stdout.splitlines()


def test_it_makes_of_damaged_streams_what_these_sources_make(profile: Profile) -> None:
    assert came_of(profile.damaged_streams, BUILT, ROOT) == came_of(profile.damaged_streams, ROOT)


def test_a_difference_would_be_found() -> None:
    planted = "import recorder.rtp.pictures; recorder.rtp.pictures.AGAIN_UNITS = 0"
    assert came_of(30, ROOT, planted=planted) != came_of(30, ROOT)
