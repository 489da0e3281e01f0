"""Cameras that misbehave in every way we know, beside healthy ones, in one real daemon, seen from outside.

The healthy lose no frame. Of the others every second is recorded or explained (S9), every file decodes, and nothing of
them is left over (S12). The short profile lets all of them misbehave at once; the long one gives each a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av.error
import pytest

from edged.documents import site as documents
from storage.words.model import GapCause
from tests.conftest import Profile
from tests.faults.recorder.rtsp import accounting
from tests.support import footage, frames
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fault_camera import HEALTHY, NEVER, SILENT, FaultCamera, Faults, Time
from tests.support.footage import SMALL, Picture, Sound
from tests.support.resources import Held, held
from tests.support.rtsp import Account
from tests.support.scenes import seam_faults

TINY: Final = replace(SMALL, width=192, height=112, kbps=100, seconds=4)
SEGMENT: Final = "5s"

Cause = GapCause
BREAKS: Final = frozenset({Cause.DROPPED, Cause.STALLED, Cause.BAD_DATA, Cause.UNREACHABLE, Cause.REFUSED})


@dataclass(frozen=True, slots=True)
class Bad:
    """A camera with a fault, and what must come of it."""

    id: str
    faults: Faults = HEALTHY
    causes: frozenset[GapCause] = frozenset()
    """Of its gaps at least one of these, and no other but `starting`. None: nothing is lost, there is no gap."""
    records: bool = True
    """Some of its time is recorded."""
    picture: Picture = TINY
    sound: Sound | None = None
    account: Account | None = None
    after_s: float = 8.0
    trouble: Callable[[FaultCamera], None] | None = None
    """What befalls it `after_s`."""
    second: Picture | None = None
    """What it shows later."""
    shows_s: float = 0.0
    """Before that its fault cannot be told from patience with it: until then there is no gap."""


def bad(name: str, *causes: GapCause, **more: object) -> Bad:
    return Bad(name, causes=frozenset(causes), **more)  # type: ignore[arg-type]


LOGIN: Final = Account("viewer", "right-word")
G711: Final = Sound.g711("pcma")

CONNECTION: Final = (
    bad("drops", Cause.DROPPED, faults=Faults(close_after_s=5)),
    bad("mid-frame", Cause.STALLED, faults=Faults(stall_after_frames=40, stall_mid_frame=True)),
    bad("silent", Cause.STALLED, Cause.UNREACHABLE, faults=SILENT, records=False),
    bad("trickle", Cause.STALLED, Cause.BAD_DATA, faults=Faults(byte_a_second=True), records=False),
    bad("creep", Cause.STALLED, faults=Faults(creep_after_s=4)),
    bad("babble", Cause.BAD_DATA, faults=Faults(babble=True), records=False),
    bad("noise", *BREAKS, faults=Faults(noise_after_s=4)),
    bad("locked", Cause.UNAUTHORISED, Cause.DROPPED, account=LOGIN, trouble=FaultCamera.revoke),
    bad("closed", Cause.REFUSED, Cause.DROPPED, trouble=FaultCamera.go),
)
PICTURES: Final = (
    bad("payload", Cause.BAD_DATA, faults=Faults(random_payload_after_s=4)),
    bad("keyless", Cause.NO_KEYFRAME, faults=Faults(no_keys_from_s=0), records=False, shows_s=40),
    bad("one-key", Cause.NO_KEYFRAME, picture=replace(TINY, gop=100_000, seconds=90), shows_s=40),
    bad("size", faults=Faults(switch_after_s=5), second=replace(TINY, width=320, height=192)),
    bad("sets", faults=Faults(switch_after_s=5), second=replace(TINY, b_frames=2)),
    bad("long-gop", picture=replace(TINY, gop=150, seconds=20)),
)
TIMES: Final = (
    bad("fast", faults=Faults(time=Time(factor=1.5)), sound=G711),
    bad("back", faults=Faults(time=Time(from_s=5, jump_s=-60)), sound=G711),
    bad("reverse", faults=Faults(time=Time(from_s=5, factor=-1, jump_s=100))),
    bad("far", faults=Faults(time=Time(from_s=5, jump_ticks=2**31)), sound=G711),
    bad("ntp-later", faults=Faults(ntp_step_after_s=5, ntp_step_s=2), sound=G711),
    bad("ntp-earlier", faults=Faults(ntp_step_after_s=5, ntp_step_s=-2), sound=G711),
    bad("ntp-hour", faults=Faults(ntp_step_after_s=5, ntp_step_s=-3600), sound=Sound()),
)
SOUNDS: Final = (
    bad("mute", faults=Faults(sound_from_s=NEVER), sound=G711),
    bad("falls-mute", faults=Faults(sound_until_s=5), sound=Sound()),
    bad("speaks-late", faults=Faults(sound_from_s=5), sound=G711),
    bad("other-sound", sound=Sound.g711("g726")),
)
GROUPS: Final = {"connection": CONNECTION, "pictures": PICTURES, "times": TIMES, "sounds": SOUNDS}


def healthy() -> dict[str, FaultCamera]:
    """Plain, H.265, and with B-frames; each with another sound."""
    return {
        "one": FaultCamera(footage.clip(SMALL), footage.clip(Sound()), sender_reports_s=1),
        "two": FaultCamera(footage.clip(replace(SMALL, codec="h265")), footage.clip(Sound.g711("pcmu"))),
        "three": FaultCamera(footage.clip(replace(SMALL, b_frames=2)), account=LOGIN),
    }


def built(camera: Bad) -> FaultCamera:
    sound = footage.clip(camera.sound) if camera.sound else None
    faults = replace(camera.faults, switch_to=footage.clip(camera.second) if camera.second else None)
    return FaultCamera(footage.clip(camera.picture), sound, faults=faults, account=camera.account, sender_reports_s=1)


def watched(name: str, camera: FaultCamera) -> Watched:
    login = camera.account
    return Watched(name, camera.url, login.user if login else None, login.password if login else None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All at once, or group by group for long enough."""
    if "group" in metafunc.fixturenames:
        everything = tuple(camera for group in GROUPS.values() for camera in group)
        groups = GROUPS if metafunc.config.getoption("--long") else {"all": everything}
        metafunc.parametrize("group", groups.values(), ids=groups.keys())


def test_whatever_they_do_it_is_recorded_or_explained(group: Sequence[Bad], tmp_path: Path, profile: Profile) -> None:
    with ExitStack() as stack:
        well = {name: stack.enter_context(camera) for name, camera in healthy().items()}
        ill = {camera.id: stack.enter_context(built(camera)) for camera in group}
        only_well = Setup([watched(name, camera) for name, camera in well.items()], segment=SEGMENT)
        everybody = replace(only_well, cameras=[*only_well.cameras, *(watched(n, c) for n, c in ill.items())])
        edged = stack.enter_context(Daemon(tmp_path / "edged", only_well))
        edged.wait_for_states("recording", well)
        before = holdings(edged)
        configure(edged, everybody)
        misbehave(edged, group, ill, profile.camera_faults_s)
        told = {camera.id: camera for camera in documents.Cameras.model_validate(edged.ctl("cameras").document).cameras}
        configure(edged, only_well)
        after = holdings(edged)
        assert edged.stop() == 0
        edged.wait_for_no_process()
        for device in (*well.values(), *ill.values()):
            device.go()
        edged.start()
        edged.wait_for_states("down", well)
        faults = [fault for name, camera in well.items() for fault in health_faults(edged, name, camera)]
        for camera in group:
            faults += [f"{camera.id}: {fault}" for fault in account_faults(edged, camera, ill[camera.id], profile)]
        faults += [f"{n}: unexplained {c.unexplained_s} s" for n, c in told.items() if c.unexplained_s != 0]
        faults += edged.catalog_faults() + leftovers(before, after)
        assert not faults, "\n" + "\n".join(faults)


def configure(edged: Daemon, setup: Setup) -> None:
    edged.configure(setup)
    assert edged.ctl("reload").code == 0


def misbehave(edged: Daemon, group: Sequence[Bad], cameras: dict[str, FaultCamera], seconds: float) -> None:
    begun = time.monotonic()
    due = sorted((camera for camera in group if camera.trouble), key=lambda camera: camera.after_s)
    while (passed := time.monotonic() - begun) < seconds:
        edged.check_alive()
        while due and due[0].after_s <= passed:
            camera = due.pop(0)
            if camera.trouble is not None:
                camera.trouble(cameras[camera.id])
        time.sleep(0.2)


def looked_at(segments: Sequence[documents.Segment]) -> tuple[list[frames.Recorded], list[str]]:
    """Files that can be opened, and what is wrong with any."""
    files, faults = [], []
    for segment in segments:
        path = Path(segment.path)
        try:
            files.append(frames.read(path))
            faults += frames.decode_faults(path)
        except (av.error.FFmpegError, ValueError) as error:
            faults.append(f"{path.name} does not open: {error}")
    return files, faults


def health_faults(edged: Daemon, name: str, camera: FaultCamera) -> list[str]:
    """Every frame from the first to the last, once, in order, unchanged; likewise its sound; one session."""
    segments = edged.segments(name)
    files, faults = looked_at(segments)
    sent = camera.sent()
    faults += frames.compare_video(sent, files) + seam_faults(segments)
    for file in files:
        faults += frames.file_faults(file)
    if camera.channel.sound is not None:
        faults += frames.compare_sound(files, camera.channel.sound)
    if camera.runs != 1:
        faults.append(f"it was connected to {camera.runs} times")
    # Controls: what is looked for would be found
    victim = files[1]
    dropped = replace(victim, video=victim.video[:7] + victim.video[8:])
    if frames.compare_video(sent, [dropped if file is victim else file for file in files]) == []:
        faults.append("a planted loss was not found")
    return [f"{name}: {fault}" for fault in faults]


def account_faults(edged: Daemon, camera: Bad, played: FaultCamera, profile: Profile) -> list[str]:
    """Each second is recorded or explained, by its own cause; what is recorded is what was sent, and plays."""
    segments, gaps = edged.segments(camera.id), edged.gaps(camera.id)
    now = time.time()
    all_claims = accounting.claims(segments, gaps, now)
    begin = all_claims[0].start
    files, faults = looked_at(segments)
    there = {frame.number for file in files for frame in file.video if frame.number is not None}
    sent = played.sent()
    faults += accounting.holes(all_claims, begin, now) + accounting.overlaps(all_claims)
    faults += accounting.unexplained_losses(sent, there, all_claims) + accounting.empty_claims(sent, there, all_claims)
    if camera.records != bool(files):
        faults.append(f"{len(files)} files")
    causes = {GapCause(gap.cause) for gap in gaps} - {Cause.STARTING, Cause.DISABLED, Cause.DAEMON_STOPPED}
    expected = camera.causes if profile.camera_faults_s > camera.shows_s else frozenset()
    if expected and not (causes & expected and causes <= expected):
        faults.append(f"its gaps say {sorted(causes)}")
    if not expected:
        faults += [f"a gap {gap.cause}: {gap.detail}" for gap in gaps if GapCause(gap.cause) in causes]
        faults += frames.compare_video(sent, files) if camera.records else []
    # Controls: without one of its gaps, or of its segments, there is a hole
    for planted in (claim for claim in all_claims if claim.end - claim.start > accounting.SECOND_S):
        others = [claim for claim in all_claims if not planted.holds(claim)]
        if not accounting.holes(others, begin, now):
            faults.append(f"nobody missed {planted.what}")
    return faults


def holdings(edged: Daemon) -> dict[str, list[Held]]:
    """Once only the one process is there that reads them all."""
    edged.until(lambda: len(edged.workers()) == 1, 20, "one worker")
    return {"daemon": [held(edged.pid)], "workers": [held(pid) for pid in edged.workers()]}


DESCRIPTORS: Final = 12
"""Some come and go: a client of the control socket, a file that is being synced. Readers of the database stay open, as
many as were asked at once: on a busy machine later. One that each session left would be dozens."""
THREADS: Final = 4
"""The loop's pool grows to what was asked of it at once: on a busy machine later. A thread for each session would be
dozens."""
GROWTH_KB: Final = 24_000
"""Caches fill; a leak of two dozen cameras that reconnect for a minute would be more."""


def leftovers(before: dict[str, list[Held]], after: dict[str, list[Held]]) -> list[str]:
    faults = []
    for who, held_before in before.items():
        for was, is_ in zip(held_before, after[who], strict=True):
            if is_.descriptors > was.descriptors + DESCRIPTORS:
                faults.append(f"{who}: {is_.descriptors} descriptors, {was.descriptors} before")
            if is_.threads > was.threads + THREADS:
                faults.append(f"{who}: {is_.threads} threads, {was.threads} before")
            if is_.resident_kb > was.resident_kb + GROWTH_KB:
                faults.append(f"{who}: {is_.resident_kb} kB, {was.resident_kb} before")
    return faults
