"""A stranger's hand on the volumes of a real daemon: named within seconds, also if it came while nobody looked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from edged.documents import site as documents
from edged.evidence.watches import TamperWatch
from storage.volumes.volume import VolumeSpec
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fsck import fsck, fsck_clean
from tests.support.office import Office
from tests.support.waiting import let_run

SEEN_S: Final = 10.0
"""A second to gather, two to settle, a look, a judgement, and a box that is busy."""
CAMERAS: Final = tuple(Watched(name, f"test://{name}?size=160x120&fps=5") for name in ("one", "two"))
PLANTED: Final = "20260225T061320.000Z-77.mp4"


@pytest.fixture
def edged(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "edged", Setup(CAMERAS, segment="3s", floor="1h")) as daemon:
        daemon.wait_for_states("recording", ["one", "two"])
        daemon.until(lambda: len(daemon.listed("one")) >= 2, 20, "segments are committed")
        yield daemon


def alarm(edged: Daemon) -> str:
    """What the standing alarm says; "" for none."""
    answer = edged.ask("/v1/alarms")
    found = [] if answer is None else documents.Alarms.model_validate(answer).alarms
    return next((one.text for one in found if one.key.startswith("storage.tampered:") and one.state == "raised"), "")


def flip(path: Path) -> None:
    """One byte in place, size and mtime as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-100, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """By a file of the same size, in one step."""
    other = path.parents[2] / "other"
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


def plant(path: Path) -> None:
    shutil.copyfile(path, path.with_name(PLANTED))


HARMS: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "delete": (Path.unlink, "{name} is gone"),
    "cut": (lambda path: os.truncate(path, 1000), "{name} has another size"),
    "flip": (flip, "{name} has other content"),
    "rename": (lambda path: path.rename(path.with_name("x")), "{name} is gone"),
    "replace": (replace, "{name} has other content"),
    "plant": (plant, f"{PLANTED} appeared"),
    "strange": (lambda path: (path.parents[1] / "notes").write_text("?"), "one/notes appeared"),
    "day": (lambda path: path.parent.rename(path.parents[3] / "stolen"), "{name} is gone"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_harm_is_named_within_seconds(edged: Daemon, harm: str) -> None:
    fsck_clean(edged)
    path = Path(edged.listed("one")[0].path)
    act, words = HARMS[harm]
    act(path)
    expected = words.format(name=path.name)
    edged.until(lambda: expected in alarm(edged), SEEN_S, f"the alarm says: {expected}")
    assert not fsck(edged).clean
    edged.check_alive()


def test_it_ends_when_the_file_is_as_it_was(edged: Daemon, tmp_path: Path) -> None:
    path = Path(edged.listed("one")[0].path)
    shutil.move(path, tmp_path / "kept")
    edged.until(lambda: alarm(edged), SEEN_S, "it is missed")
    shutil.copy2(tmp_path / "kept", path)
    edged.until(lambda: not alarm(edged), SEEN_S + 25, "it is there again, and an alarm takes 20 s to end")
    fsck_clean(edged)


def test_what_happened_while_edged_was_down_is_found(edged: Daemon) -> None:
    edged.until(lambda: len(edged.listed("one")) >= 4, 20, "the first ended long before it is changed")
    paths = [Path(segment.path) for segment in edged.listed("one")[:2]]
    assert edged.stop() == 0
    assert not fsck(edged).daemon, "nobody is there to ask"
    fsck_clean(edged)
    flip(paths[0])
    paths[1].unlink()
    assert {one.kind for one in fsck(edged).findings} == {"missing", "content"}
    edged.start()
    for words in (f"{paths[0].name} has other content", f"{paths[1].name} is gone"):
        edged.until(lambda words=words: words in alarm(edged), 30.0, words)  # type: ignore[misc]


def test_own_doings_raise_nothing(tmp_path: Path) -> None:
    """The negative control: a ring that turns as fast as it can, salvage, reload; touched and read, but not changed."""
    setup = Setup(CAMERAS, segment="2s", floor="1s", ceiling="6s")
    with Daemon(tmp_path / "edged", setup) as edged:
        edged.wait_for_states("recording", ["one", "two"])
        for _ in range(3):
            let_run(4, edged.check_alive)
            worker = edged.worker_of("one")
            if worker is not None:
                os.kill(worker, 9)
            for segment in edged.listed("two")[-1:]:
                Path(segment.path).touch()
                Path(segment.path).read_bytes()
        let_run(6, edged.check_alive)
        assert alarm(edged) == ""
        fsck_clean(edged)
        assert edged.stop() == 0
        fsck_clean(edged)
        assert "not as they were left" not in edged.log


async def test_a_lost_volume_is_not_watched_where_another_one_took_its_place(tmp_path: Path) -> None:
    """Both are listed at that path: one directory was watched for both, and only the lost one heard of it."""
    office = Office(tmp_path)
    office.enrol("one")
    office.segment("one")
    office.store.close()
    shutil.rmtree(office.disk)
    office.specs = [*office.specs, VolumeSpec(tmp_path / "other")]
    for spec in office.specs:
        spec.path.mkdir()
    office.start()
    done = office.store.disks.replace(office.disk, office.specs[0])
    assert {status.id for status in office.store.volumes() if status.path == office.disk} == {done.lost, done.by}
    watch = TamperWatch(office.store, lambda: False, lambda _: None)
    try:
        await watch.watch()
        assert watch._watches is not None
        roots = {volume for volume, relative in watch._watches._watched if relative == PurePosixPath(".")}
        assert done.by in roots
        assert roots == set(office.store.checks.present())
    finally:
        await watch.close()
        office.store.close()


def test_a_look_at_what_the_daemon_does_itself_would_raise_alarms(tmp_path: Path) -> None:
    """The planted bug: a watch that believes each file has to be there, whatever the catalog says now."""
    sabotage = "from storage.integrity.compare import Row\nRow.settled = property(lambda row: row.state != 'open')\n"
    sabotage += (
        "from storage.integrity import inspect_file as look\n"
        "kept = {}\n"
        "read = look.Looker._claim\n"
        "look.Looker._claim = lambda self, disk, name: kept.setdefault(name, read(self, disk, name))\n"
    )
    with Daemon(tmp_path / "edged", Setup(CAMERAS, segment="2s", floor="1s", ceiling="4s"), sabotage=sabotage) as edged:
        edged.until(lambda: alarm(edged), 40.0, "it raises alarms about what edged destroyed itself")
