"""What befalls disks and the database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from storage.store.opening import DATABASE_NAME
from storage.volumes.volume import VolumeSpec
from storage.words.errors import OrderRefused
from storage.words.model import GapCause
from tests.model.promised import eyes
from tests.model.promised.base import Base
from tests.model.promised.ground import steps_made
from tests.model.promised.site import DISK_BYTES
from tests.support.office import DEADLINE_S

TAKEN: Final = st.sampled_from([0, DISK_BYTES // 2, DISK_BYTES - 4000, DISK_BYTES])
QUOTAS: Final = st.sampled_from([None, 9_000, 20_000])
HOW: Final = st.sampled_from(["gone", "empty", "cut", "garbage"])


class Disks(Base):
    """Nobody asks them."""

    # --- room ---

    @rule(at=st.integers(0, 1), taken=TAKEN)
    def others_take_space(self, at: int, taken: int) -> None:
        """Or give it back."""
        self.site.others[self.site.places[at]] = taken

    @rule(quota=QUOTAS)
    def a_quota_is_set(self, quota: int | None) -> None:
        self.site.specs = [VolumeSpec(place, max_bytes=quota) for place in self.site.places]
        self.site.store.volume_operations.configure(self.site.specs)

    # --- disks that come and go ---

    def serving(self) -> list[Path]:
        retired = {Path(row["path"]) for row in self.site.box().look("SELECT path FROM volumes WHERE retired = 1")}
        return [place for place in self.site.places if place not in self.site.shelf and place not in retired]

    @precondition(lambda self: len(self.serving()) > 1)
    @rule(data=st.data(), foreign=st.booleans(), dies=st.booleans())
    def a_disk_goes(self, data: st.DataObject, foreign: bool, dies: bool) -> None:
        """Unmounted, perhaps with a stranger's in its place; perhaps below a daemon that dies of it."""
        self.lose_disk(data.draw(st.sampled_from(self.serving())), foreign, dies)

    def lose_disk(self, place: Path, foreign: bool, dies: bool) -> None:
        self.mirror()
        left = [one for one, recording in self.recording.items() if recording.opening.volume == self.site.homes[place]]
        for camera in left:
            self.abandon(camera)
        self.site.unmount(place)
        if foreign:
            self.site.swap_in(place)
        steps_made["a disk went"] += 1
        if dies:
            self.abandon()
            self.stop(clean=False)
            self.begin_again()
        for camera in left:
            if camera in self.model.configured:
                self.site.store.begin_gap(camera, None, GapCause.IO_ERROR, "").result(DEADLINE_S)

    @precondition(lambda self: self.site.shelf)
    @rule(data=st.data())
    def a_disk_comes_back(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.site.shelf)))
        self.come_back(place)
        self.salvage_all()

    def salvage_all(self) -> None:
        """What workers left on a disk that was away, as the recorder goes on asking for it."""
        rows = [row for row in self.site.box().segments() if row["state"] == "open"]
        mine = {(one, recording.opening.seq) for one, recording in self.recording.items()}
        for row in rows:
            if (row["camera_id"], row["seq"]) not in mine and row["run"] == self.site.store.run:
                assert self.site.salvage(row["camera_id"], row["seq"]).left == () or self.is_away(row["volume_id"])

    def is_away(self, volume: str) -> bool:
        return volume not in self.site.present().values()

    @precondition(lambda self: self.site.shelf)
    @rule(data=st.data())
    def a_disk_is_replaced(self, data: st.DataObject) -> None:
        """It is gone for good: what it held is told as lost."""
        place = data.draw(st.sampled_from(sorted(self.site.shelf)))
        self.site.take_out(place)
        self.site.store.volumes()
        try:
            done = self.site.store.volume_operations.replace(
                place, next(one for one in self.site.specs if one.path == place)
            )
        except OrderRefused:
            return
        lost = self.site.homes[place]
        assert done.lost == lost
        shutil.rmtree(self.site.shelf.pop(place))
        for known in self.model.segments.values():
            known.gone = known.gone or known.volume == lost
        self.site.homes[place] = str(done.by)
        self.model.lost.add(lost)
        steps_made["a disk was replaced"] += 1

    @rule(at=st.integers(0, 1), back=st.booleans())
    def a_disk_is_retired(self, at: int, back: bool) -> None:
        if len(self.serving()) == 1 and self.site.places[at] in self.serving() and not back:
            return
        volume = self.site.homes[self.site.places[at]]
        try:
            if back:
                self.site.store.volume_operations.restore(volume)
            else:
                self.site.store.volume_operations.retire(volume)
                steps_made["a disk was retired"] += 1
        except OrderRefused:
            pass

    # --- the database ---

    @rule(how=HOW, clean=st.booleans(), mirrored=st.booleans(), sweeps=st.booleans())
    def the_database_is_lost(self, how: str, clean: bool, mirrored: bool, sweeps: bool) -> None:
        """S13. `mirrored`: a second passed since something happened; else the files tell of what the leaves lack."""
        self.abandon()
        self.looks_after_work()
        if mirrored:
            self.mirror()
        self.stop(clean=clean)
        self.unexplained |= not (mirrored or clean)
        before = eyes.catalog(self.site.box())
        self.model.lose_sight(eyes.in_progress_away(self.site.box()))
        self.model.rumour = not (mirrored or clean)
        if not mirrored:
            steps_made["pins without a sidecar"] += self.model.forget_pins(self.site.filed(), self.site.filed_away())
        lose(self.site.state, how)
        self.model.forget_terms()
        counted = self.boot
        self.site.start()
        self.came_up()
        if self.boot != counted:
            self.renumber(counted, before)
        self.looks_after_work()
        steps_made["a database was lost"] += 1
        for camera in self.model.configured:
            self.enrol(camera)
        if sweeps:
            self.model.hear(self.at())
            assert self.site.store.sweep(self.policy).destroyed == 0, "S13: what lies there is not known yet"
            self.model.forget_terms()
        self.work_off()
        after = eyes.catalog(self.site.box())
        present = set(self.site.present().values())
        lacking = [
            key for key, row in before.items() if after.get(key) != row and (mirrored or row["volume_id"] in present)
        ]
        if not mirrored:
            lacking = [key for key in lacking if not self.counts_from_now(key, before[key], after.get(key))]
        assert not lacking, f"S13: {[(key, before[key], after.get(key)) for key in lacking]}"

    def renumber(self, counted: int, but: Collection[tuple[str, int]]) -> None:
        """Nothing is left that tells of this boot: it has another number, and with it what was in progress.

        A boot that was suspended since the head is told of and counted anew: what is kept of its clocks disagrees.
        """
        told = self.site.box().look("SELECT boot_id FROM boots WHERE number = ?", counted)
        if any(row["boot_id"] == self.clock.boot_id for row in told):
            return
        began_ms = self.at().true_ms - self.at().boottime_ms
        for key, known in self.model.segments.items():
            if key not in but and known.start.boot == counted and known.start.true_ms >= began_ms:
                known.start, known.end = (replace(one, boot=self.boot) for one in (known.start, known.end))

    def counts_from_now(self, key: tuple[str, int], before: Mapping[str, Any], after: Mapping[str, Any] | None) -> bool:
        """Nothing that is left tells that its boot ran until it began: a stranger could have written that.

        So it is younger than it was, never older (S1).
        """
        known, boot, now = self.model.segments[key], self.site.store.boot, self.at()
        counted = self.site.box().look("SELECT ran_ms FROM boots WHERE number = ?", before["boot"])
        if after is None or any(one["ran_ms"] >= known.start.boottime_ms for one in counted):
            return False
        if before["boot"] == boot and known.start.true_ms >= now.true_ms - now.boottime_ms:
            return False  # this boot itself; of one that nobody tells of the number is given away again
        if after != {**before, "boot": boot, "start_boottime_ms": after["start_boottime_ms"]}:
            return False
        start_ms = after["start_boottime_ms"]
        known.end = replace(
            known.end, boot=boot, boottime_ms=start_ms + known.end.boottime_ms - known.start.boottime_ms
        )
        known.start = replace(known.start, boot=boot, boottime_ms=start_ms)
        steps_made["footage of a boot that ran longer than anybody tells"] += 1
        return True


def lose(state: Path, how: str) -> None:
    path = state / DATABASE_NAME
    if how == "gone":
        for one in state.glob(f"{DATABASE_NAME}*"):
            one.unlink()
    elif how == "garbage":
        path.write_bytes(os.urandom(path.stat().st_size))
    else:
        size = 0 if how == "empty" else path.stat().st_size // 2 // 4096 * 4096
        os.truncate(path, size)
