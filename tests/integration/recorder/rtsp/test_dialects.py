"""Each dialect that makes of cameras speak, recorded by a real worker: what was sent lies on disk, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import pytest

from recorder.words.messages import Closed, Connected, Opening, Stop
from tests.integration.recorder.rtsp import oddities
from tests.support import footage, frames
from tests.support.camera import makes
from tests.support.camera.dialect import PLAINEST, Dialect
from tests.support.camera.packets import Packing, RtpTrack
from tests.support.clips import Clip
from tests.support.fault_camera import RUN_NUMBERS, FaultCamera
from tests.support.footage import Picture, Sound
from tests.support.rtsp import Account
from tests.support.rtsp_server import Sent
from tests.support.worker import Child, make_start, make_volume

TINY: Final = Picture(width=192, height=112, fps=15, gop=5, kbps=100, seconds=4, footage="bikes")
SEGMENT_MS: Final = 1000
AT_ONCE: Final = 6
"""Workers; each needs most of its processor time to be loaded."""


@dataclass(frozen=True, slots=True)
class Case:
    dialect: Dialect
    sound: Literal["aac", "pcmu", "pcma", "l16"] | None = None
    codec: Literal["h264", "h265"] = "h264"
    b_frames: int = 0
    udp: bool = False
    account: Account | None = None
    first_timestamp: int = 1_000_000


LOGIN: Final = Account("viewer", "Geheim-7%k/ü:1")

CASES: Final = (
    Case(PLAINEST, "aac", b_frames=2),
    Case(PLAINEST, "l16"),
    Case(makes.DAHUA, "aac", account=Account("admin", "tlJwpbo6", realm="Login to 2c0e5dd3f1a6f6f6")),
    Case(makes.DAHUA_H265, "pcma", "h265"),
    Case(makes.DAHUA_DECIMAL),
    Case(makes.HIKVISION, account=Account("admin", "12345", "both", realm="IP Camera(C6496)")),
    Case(makes.HIKVISION_BLANK, first_timestamp=0xFFFF_FFFF - 90_000),
    Case(makes.HIKVISION_H265, codec="h265"),
    Case(makes.REOLINK, "aac", account=Account("admin", "p", realm="BC Streaming Media")),
    Case(makes.FOSCAM, "pcmu", account=Account("ipcam", "", "basic")),
    Case(makes.AXIS, account=Account("root", "pass", algorithm="MD5", qop="auth", realm="AXIS_ACCC8E")),
    Case(makes.AXIS, b_frames=2, account=Account("root", "pass", algorithm="SHA-256", qop="auth", nonce_uses=2)),
    Case(makes.UBIQUITI, "aac"),
    Case(makes.VSTARCAM, "pcma"),
    Case(makes.TPLINK, "pcma", "h265"),
    Case(oddities.WOWZA, "aac", first_timestamp=0),
    Case(oddities.BAD_RTPTIME),
    Case(oddities.LONGSE, account=Account("admin", "12345", realm="Surveillance Server", nonce="98481030")),
    Case(oddities.LONGSE, codec="h265"),
    Case(oddities.GW, "pcmu"),
    Case(oddities.H264DVR, "pcma", udp=True),
    Case(oddities.MACROVIDEO),
    Case(oddities.ANJVISION, codec="h265"),
    Case(oddities.ANPVIZ, "aac"),
    Case(oddities.LAUREII),
    Case(oddities.LUCKFOX),
    Case(oddities.LUCKFOX, udp=True),
    Case(oddities.LIBAVFORMAT, "aac"),
    Case(oddities.VITEK, "pcmu", "h265"),
    Case(oddities.GEOVISION),
    Case(oddities.RUBETEK, account=LOGIN),
    Case(oddities.SHORT_SSRC),
    Case(oddities.NO_GET_PARAMETER, "pcmu"),
    Case(oddities.NO_GET_PARAMETER, codec="h265"),
    Case(oddities.ALWAYS_MARKED, b_frames=2),
    Case(oddities.PADDED, "aac"),
    Case(oddities.TINY),
    Case(oddities.TINY, codec="h265"),
    Case(oddities.BARE, "aac"),
    Case(oddities.BARE, codec="h265"),
)


Recordings = dict[str, "Future[Recorded]"]


def name_of(case: Case) -> str:
    said = (case.codec, case.sound, "B" if case.b_frames else "", "udp" if case.udp else "")
    return f"{case.dialect.name} [{' '.join(word for word in said if word)}]"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a camera sent, what its worker said of it, and what lies on disk."""

    connected: Connected
    sent: list[Sent]
    files: list[frames.Recorded]
    requests: list[str]


def clip_of(sound: Literal["aac", "pcmu", "pcma", "l16"]) -> Clip:
    return footage.clip(Sound() if sound == "aac" else Sound.g711(sound))


def picture_of(case: Case) -> Picture:
    return replace(TINY, codec=case.codec, b_frames=case.b_frames)


def recorded(case: Case, folder: Path) -> Recorded:
    volume, login = make_volume(folder), case.account or Account("", "")
    with FaultCamera(
        footage.clip(picture_of(case)), clip_of(case.sound) if case.sound else None, dialect=case.dialect,
        udp=case.udp, account=case.account, first_timestamp=case.first_timestamp,
    ) as camera, Child(volume) as child:  # fmt: skip
        child.send(make_start(volume, camera.url, segment_ms=SEGMENT_MS, username=login.user, password=login.password))
        connected = child.hear_until(Connected)
        for _ in range(2):
            child.hear_until(Closed)
        child.send(Stop())
        child.hear_all()
        files = [frames.read(child.path(opening)) for opening in child.all(Opening)]
        return Recorded(connected, camera.sent(), files, camera.requests)


@pytest.fixture(scope="module")
def recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recordings]:
    """Of all cases that are asked for, some at a time: each waits most of the time."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    asked = [call.params["case"] for call in calls if call and isinstance(call.params.get("case"), Case)]
    folder = tmp_path_factory.mktemp("dialects")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name_of(case): pool.submit(recorded, case, folder / str(n)) for n, case in enumerate(asked)}


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_it_sends_is_recorded(case: Case, recordings: Recordings) -> None:
    found = recordings[name_of(case)].result()
    picture = picture_of(case)
    assert (found.connected.width, found.connected.height) == (picture.width, picture.height)
    assert found.connected.detail == ""
    assert found.files[0].video[0].number == RUN_NUMBERS, "nothing at the beginning is lost"
    assert frames.compare_video(found.sent, found.files) == []
    assert [fault for file in found.files for fault in frames.file_faults(file) + frames.decode_faults(file.path)] == []
    assert found.requests[-1] == "TEARDOWN", "it was told that we left"
    if case.sound is not None:
        assert found.connected.audio
        assert frames.compare_sound(found.files, clip_of(case.sound)) == []


def test_every_dialect_is_tried() -> None:
    known = {one.name for module in (makes, oddities) for one in vars(module).values() if isinstance(one, Dialect)}
    assert known <= {case.dialect.name for case in CASES}


def test_packing_is_what_it_says() -> None:
    """The variants are no empty names: they make other packets of the same frame."""
    clip = footage.clip(TINY)
    coded = next(clip.rounds())

    def made(packing: Packing) -> list[bytes]:
        return RtpTrack(clip, 96, 1, packing=packing).packetise(coded)

    plain = made(Packing())
    assert len(made(Packing(aggregate=True))) < len(plain) < len(made(Packing(mtu=200)))
    assert len(made(Packing(joined=True, mtu=60_000))) == 1
    assert not any(packet[1] & 0x80 for packet in made(Packing(markers="never")))
    assert all(packet[1] & 0x80 for packet in made(Packing(markers="always")))
    assert made(Packing(padding=4))[0][-1] == 4
