"""A stranger's hand on the volumes of a real daemon: named within seconds, also if it came while nobody looked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from edged.alarms import tracking
from edged.documents import site as documents
from edged.evidence import watches
from edged.evidence.watches import TamperWatch
from storage.segments import findings_table
from storage.volumes.volume import VolumeSpec
from storage.words.layout import QUARANTINE_SUFFIX
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.fsck import fsck, fsck_clean
from tests.support.office import Office
from tests.support.waiting import let_run

SEEN_S: Final = 10.0
"""A second to gather, two to settle, a look, a judgement, and a box that is busy."""
CAMERAS: Final = tuple(Watched(name, f"test://{name}?size=160x120&fps=5") for name in ("one", "two"))
PLANTED: Final = "20260225T061320.000Z-77.mp4"
ALL_NAMED: Final = shortened(
    (findings_table, "NAMED_MAX", 20),
    (tracking, "AGAIN_AFTER_S", 0.0),
    (tracking, "CLEAR_AFTER_S", 2.0),
    (watches, "RESCAN_EVERY_S", 1.0),
)
"""The alarm names what was found last, too; on a box it names three files, and new words come once a minute. A round of
the rescan follows the other at once."""


@pytest.fixture(scope="module")
def edged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    setup = Setup(CAMERAS, segment="2s", floor="1h")
    with Daemon(tmp_path_factory.mktemp("tamper") / "edged", setup, sabotage=ALL_NAMED) as daemon:
        daemon.wait_for_states("recording", ["one", "two"])
        yield daemon


def segments(edged: Daemon, count: int) -> list[Path]:
    """The first `count` of camera one that lie there as they were left."""

    def there() -> list[Path]:
        found = [Path(segment.path) for segment in edged.listed("one")]
        return [path for path in found if path.exists() and path.name not in alarm(edged)][:count]

    edged.until(lambda: len(there()) == count, 10 + 6 * count, "segments are committed")
    return there()


def alarm(edged: Daemon) -> str:
    """What the standing alarm says; "" for none."""
    answer = edged.ask("/v1/alarms")
    found = [] if answer is None else documents.Alarms.model_validate(answer).alarms
    return next((one.text for one in found if one.key.startswith("storage.tampered:") and one.state == "raised"), "")


def destroyed(edged: Daemon) -> int:
    return len((edged.ask("/v1/destroyed") or {"destroyed": []})["destroyed"])


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
}


def test_it_ends_when_the_file_is_as_it_was(edged: Daemon, tmp_path: Path) -> None:
    (path,) = segments(edged, 1)
    fsck_clean(edged)
    shutil.move(path, tmp_path / "kept")
    missed = edged.until(lambda: alarm(edged), SEEN_S, "it is missed")
    assert f"{path.name} is gone" in missed
    shutil.copy2(tmp_path / "kept", path)
    edged.until(lambda: not alarm(edged), SEEN_S + 25, "it is there again")
    fsck_clean(edged)


def test_what_happened_while_edged_was_down_is_found(edged: Daemon) -> None:
    edged.until(lambda: len(edged.listed("one")) >= 4, 30, "the first ended long before it is changed")
    flipped, gone = segments(edged, 2)
    assert edged.stop() == 0
    assert not fsck(edged).daemon, "nobody is there to ask"
    fsck_clean(edged)
    flip(flipped)
    gone.unlink()
    assert {one.kind for one in fsck(edged).findings} == {"missing", "content"}
    edged.start()
    for words in (f"{flipped.name} has other content", f"{gone.name} is gone"):
        edged.until(lambda words=words: words in alarm(edged), 30.0, words)  # type: ignore[misc]


def test_each_harm_is_named_within_seconds(edged: Daemon) -> None:
    """One file each, all at once."""
    paths = segments(edged, len(HARMS))
    expected = [words.format(name=path.name) for path, (_, words) in zip(paths, HARMS.values(), strict=True)]
    assert not any(words in alarm(edged) for words in expected)
    for path, (act, _) in zip(paths, HARMS.values(), strict=True):
        act(path)
    edged.until(lambda: all(words in alarm(edged) for words in expected), SEEN_S, f"the alarm says: {expected}")
    found = {Path(one.where).name.removesuffix(QUARANTINE_SUFFIX) for one in fsck(edged).findings}
    assert found >= {Path(words.split()[0]).name for words in expected}
    edged.check_alive()


def test_a_whole_day_that_is_carried_away_is_missed(edged: Daemon) -> None:
    """The last: with it goes what is being recorded."""
    (path,) = segments(edged, 1)
    path.parent.rename(path.parents[3] / "stolen")
    edged.until(lambda: f"{path.name} is gone" in alarm(edged), SEEN_S, f"{path.name} is gone")
    assert path.name in {Path(one.where).name for one in fsck(edged).findings}
    edged.check_alive()


def test_own_doings_raise_nothing(tmp_path: Path) -> None:
    """The negative control: a ring that turns as fast as it can, salvage, reload; touched and read, but not changed."""
    setup = Setup(CAMERAS, segment="2s", floor="1s", ceiling="4s")
    with Daemon(tmp_path / "edged", setup) as edged:
        edged.wait_for_states("recording", ["one", "two"])
        for _ in range(2):
            let_run(4, edged.check_alive)
            worker = edged.until(lambda: edged.worker_of("one"), 20, "it writes a segment")
            assert worker is not None
            os.kill(worker, 9)
            for segment in edged.listed("two")[-1:]:
                Path(segment.path).touch()
                Path(segment.path).read_bytes()
        edged.until(lambda: destroyed(edged) >= 3, 30, "the ring turns")
        let_run(SEEN_S / 2, edged.check_alive)
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
    done = office.store.volume_operations.replace(office.disk, office.specs[0])
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
        "read = look.NameInspector._claim\n"
        "look.NameInspector._claim = lambda self, disk, name: kept.setdefault(name, read(self, disk, name))\n"
    )
    with Daemon(tmp_path / "edged", Setup(CAMERAS, segment="2s", floor="1s", ceiling="4s"), sabotage=sabotage) as edged:
        assert "is gone" in edged.until(
            lambda: alarm(edged), 40.0, "it raises alarms about what edged destroyed itself"
        )
