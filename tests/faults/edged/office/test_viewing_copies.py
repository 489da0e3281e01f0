"""Viewing copies while disks fill up, refuse to let go or know no access lists, and while the plug is pulled.

Root only, with real mounts and real kills. Beside each fault the same is done without it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from storage.words import failpoints
from storage.words.errors import OrderRefused
from storage.words.failpoints import Failpoint
from tests.support.disks import may_mount
from tests.support.viewing import MIB, READER, REQUEST, ViewedBox, read_as, stretch

pytestmark = pytest.mark.skipif(not may_mount(), reason="needs root and loop devices")

KILLED_AT: Final = {
    Failpoint.EXPORT_HELD: [],
    Failpoint.EXPORT_BEGUN: ["begun"],
    Failpoint.VIEWING_LAID: ["begun"],
    Failpoint.VIEWING_OPEN: ["begun", "finished"],
    Failpoint.VIEWING_REMOVED: ["begun", "finished"],
    Failpoint.VIEWING_DESTROYED: ["begun", "finished", "destroyed"],
}
"""What leaves say then."""
READABLE_AT: Final = {Failpoint.VIEWING_OPEN}
LYING_AT: Final = {Failpoint.EXPORT_HELD, Failpoint.EXPORT_BEGUN, Failpoint.VIEWING_LAID, *READABLE_AT}


@contextmanager
def mounted(kind: str, path: Path, options: str = "") -> Iterator[Path]:
    path.mkdir()
    words = ["-o", options] if options else []
    subprocess.run(["mount", "-t", kind, *words, kind, str(path)], check=True)
    try:
        path.chmod(0o711)
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextmanager
def box(root: Path, base: Path | None = None) -> Iterator[ViewedBox]:
    made = ViewedBox(root, base)
    try:
        yield made
    finally:
        made.store.close(clean=False)


@pytest.mark.parametrize("full", [True, False])
def test_a_disk_that_fills_up_midway_has_nothing_of_it_left(memory: Path, full: bool) -> None:
    with mounted("tmpfs", memory / "small", f"size={MIB}") as small, box(memory, small / "viewings") as viewed:
        begun = viewed.recorded(3)
        filler = small / "filler"

        def hear(_: dict[str, Any]) -> None:
            if full and not filler.exists() and any(path.stat().st_size for path in viewed.place.iterdir()):
                with pytest.raises(OSError, match="No space left"):
                    filler.write_bytes(bytes(MIB))

        if full:
            with pytest.raises(OrderRefused, match="cannot be written: No space left on device"):
                viewed.lay((stretch(begun, 1, 17),), hear)
            assert (filler.exists(), list(viewed.base.iterdir())) == (True, [])
            assert (viewed.copies.laid, viewed.copies.troubles, viewed.events()) == ({}, {}, ["begun", "destroyed"])
            filler.unlink()
        assert viewed.lay((stretch(begun, 1, 17),)).files
        assert viewed.copies.remove("115-0007")


@pytest.mark.parametrize("stuck", [True, False])
def test_what_cannot_be_removed_is_told_and_closed_and_tried_again(tmp_path: Path, stuck: bool) -> None:
    """A file that the disk does not let go of (chattr +i)."""
    with TemporaryDirectory() as place, box(tmp_path, Path(place) / "viewings") as viewed:
        Path(place).chmod(0o711)
        begun = viewed.recorded(1)
        film = viewed.lay((stretch(begun, 1, 3),)).files[0].name
        assert read_as(READER, viewed.place / film)
        if stuck and subprocess.run(["chattr", "+i", str(viewed.place / film)], check=False).returncode:
            pytest.skip("the temporary directory's file system knows no chattr +i")
        try:
            assert viewed.copies.remove("115-0007") is not stuck
            assert list(viewed.copies.troubles) == (["115-0007"] if stuck else [])
            assert read_as(READER, viewed.place / film) is None
            assert viewed.events() == ["begun", "finished", *(["destroyed"] if not stuck else [])]
            viewed.restart()
            viewed.copies.sweep()
            viewed.copies.maintain()
            assert [told.code for told in viewed.copies.troubles.values()] == ["office.viewing-remains"] * stuck
        finally:
            if stuck:
                subprocess.run(["chattr", "-i", str(viewed.place / film)], check=True)
        viewed.copies.maintain()
        assert (viewed.copies.troubles, list(viewed.base.iterdir())) == ({}, [])
        assert viewed.events() == ["begun", "finished", "destroyed"]


@pytest.mark.parametrize("kind", ["ramfs", "tmpfs"])
def test_a_file_system_without_access_lists_is_refused_before_anything_is_read(memory: Path, kind: str) -> None:
    with mounted(kind, memory / "place") as place, box(memory, place / "viewings") as viewed:
        begun = viewed.recorded(1)
        if kind == "tmpfs":
            assert viewed.lay((stretch(begun, 1, 3),)).files
            return
        with pytest.raises(OrderRefused, match="takes no access list"):
            viewed.lay((stretch(begun, 1, 3),))
        assert (list(viewed.base.iterdir()), viewed.events(), viewed.copies.troubles) == ([], [], {})


def killed_at(step: Failpoint, viewed: ViewedBox, begun: int) -> None:
    """A process of its own lays it out and removes it, up to that step."""
    viewed.crash()
    child = os.fork()
    if child == 0:
        try:
            viewed.start()
            viewed.serve()
            failpoints.arm(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached is step else None)
            viewed.lay((stretch(begun, 1, 3),))
            viewed.copies.remove("115-0007")
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, step
    viewed.start()
    viewed.serve()


@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_at_any_step_the_next_start_has_nothing_of_it(memory: Path, step: Failpoint) -> None:
    with box(memory) as viewed:
        begun = viewed.recorded(1)
        killed_at(step, viewed, begun)
        assert viewed.events() == KILLED_AT[step]
        assert viewed.place.exists() is (step in LYING_AT), "or the kill left nothing to remove"
        read = read_as(READER, viewed.place)
        assert (read is not None) is (step in READABLE_AT)
        viewed.store.recover()
        viewed.store.exports.maintain()
        assert viewed.copies.sweep() == ([] if step is Failpoint.VIEWING_DESTROYED else ["115-0007"])
        assert (list(viewed.base.iterdir()), viewed.copies.troubles, viewed.store.exports.viewed()) == ([], {}, [])
        told = viewed.events()
        assert told == (
            KILLED_AT[step] if "destroyed" in KILLED_AT[step] or not told else [*KILLED_AT[step], "destroyed"]
        )
        assert [one for one in viewed.store.exports.exports_of(REQUEST.number) if one.account] == [], "nothing is held"
        assert viewed.lay((stretch(begun, 1, 3),)).files
