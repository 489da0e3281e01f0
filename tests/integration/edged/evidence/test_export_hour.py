"""An hour of four cameras, copied by the real daemon, checked on a bare Debian and played in Chromium (`--long`; else
four minutes).

The footage is recorded faster than time passes (`tests.integration.edged.evidence.played`) under a clock that is slow
at first and set right later; one camera drops its connection, one pauses. What clocks and sound are held against are
the pictures themselves (`tests.integration.edged.evidence.timed_film`).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from edged.documents import exports as documents
from edged.evidence import verify
from storage.words.model import Bounds
from tests.conftest import Profile
from tests.integration.edged.evidence import bare_debian, played, timed_film
from tests.integration.edged.evidence.bare_debian import BareDebian, NoDebian
from tests.integration.edged.evidence.played import Played, Studio
from tests.integration.edged.evidence.timed_film import BEAT_MS, Look
from tests.support import devtools
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fsck import fsck_clean
from tests.support.office import Clock

ZONE: Final = ZoneInfo("Asia/Taipei")
NODE: Final = "test-node"
SMALL: Final = Look(192, 108)
SLOW_MS: Final = -95_000
"""How far the clock is from the truth before it is set."""
OUT_MS: Final = 40_000
"""One camera is not connected."""
PAUSE_MS: Final = 4_000
"""One sends nothing."""
BLIND_MS: Final = 3_400
"""One sends sound alone."""
IN_STEP_S: Final = 0.05
"""Sound and picture."""
WALL_S: Final = 0.2
"""A picture is a tenth of a second on its way, and what the page shows is cut to tenths."""
JUMP_S: Final = 0.35
"""Cameras take their pictures at their own moments."""
DRAWN_S: Final = 5.0
PATIENCE_S: Final = 1800.0
PYTHON: Final = ("/usr/bin/python3", "-I", f"{bare_debian.FOLDER}/verify.py")


def cameras(kbps: int) -> tuple[Played, ...]:
    return (
        Played("lobby", "大廳", kbps=kbps),
        Played("stairs", "樓梯", SMALL, kbps=kbps // 4),
        Played("counter", "櫃台", told=True, kbps=kbps // 2, clock_off_ms=-3_200),
        Played("gate", "側門", SMALL, heard=False, kbps=kbps // 4),
    )


@dataclass(frozen=True)
class Hour:
    """What was recorded, and the folder that was made of it."""

    begin_ms: int
    seconds: int
    folder: Path
    cameras: tuple[Played, ...]
    told: documents.Export | None = None
    export_s: float = 0.0

    @property
    def set_ms(self) -> int:
        """When the clock was set, since the beginning."""
        return self.seconds * 300

    @property
    def out_ms(self) -> int:
        """When the first camera dropped its connection: in the middle of a GOP and of a beep."""
        return self.seconds * 500 + 5_100

    @property
    def paused_ms(self) -> int:
        return self.seconds * 750

    @property
    def blind_ms(self) -> int:
        """From when on one sends sound and no pictures, up to a cut."""
        return self.set_ms + self.seconds * 1000 // 12 * 2 - BLIND_MS

    def taken(self, camera: Played) -> set[int]:
        """Tenths of seconds at which the pictures were taken that have to be there."""
        each, gop = 10 // camera.look.fps, 10 * camera.look.gop_s
        every = set(range(0, self.seconds * 10, each))
        if camera.id == "lobby":
            back = -(-(self.out_ms + OUT_MS) // (100 * gop)) * gop
            return every - set(range(self.out_ms // 100, back))
        if camera.id == "stairs":
            return every - set(range(self.blind_ms // 100, (self.blind_ms + BLIND_MS) // 100))
        if camera.id == "gate":
            return every - set(range(self.paused_ms // 100, (self.paused_ms + PAUSE_MS) // 100))
        return every


async def record(hour: Hour, box: Path) -> None:
    clock = Clock()
    clock.wall_ms, clock.is_synced = hour.begin_ms + SLOW_MS, False
    bounds = Bounds(31 * 86_400, 365 * 86_400)
    with played.opened(box / "state", NODE, box / "volume", clock) as store:
        studio = Studio(store, clock, hour.begin_ms, hour.cameras, hour.seconds, hour.seconds * 1000 // 12, bounds)
        await studio.open()
        await studio.film(hour.set_ms)
        await studio.set_clock(0)
        await studio.film(hour.blind_ms)
        await studio.film(hour.blind_ms + BLIND_MS, blind={"stairs"})
        await studio.film(hour.out_ms)
        await studio.drop("lobby")
        await studio.film(hour.out_ms + OUT_MS)
        await studio.connect("lobby")
        await studio.film(hour.paused_ms)
        await studio.film(hour.paused_ms + PAUSE_MS, {"gate"})
        await studio.film(hour.seconds * 1000)
        await studio.close()


def rfc3339(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, ZONE).isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory, profile: Profile) -> Iterator[Hour]:
    root = tmp_path_factory.mktemp("hour")
    begin_ms = (int(time.time()) - profile.export_s - 3600) // 60 * 60_000
    made = Hour(begin_ms, profile.export_s, root, cameras(profile.export_kbps))
    watched = [
        Watched(camera.id, "rtsp://127.0.0.1:9/", more=f'name = "{camera.name}"\nenabled = false')
        for camera in made.cameras
    ]
    box = Daemon(root / "box", Setup(watched, floor="31d", ceiling="365d", max_bytes="20GB", node=NODE))
    asyncio.run(record(made, box.folder))
    stick = root / "stick"
    stick.mkdir()
    with box:
        box.until(box.status, 30, "it answers")
        named = [word for camera in made.cameras for word in ("--camera", camera.id)]
        span = ["--from", rfc3339(begin_ms), "--to", rfc3339(begin_ms + made.seconds * 1000)]
        begun = time.monotonic()
        why = ("--reason", "偵辦竊盜案", "--yes")
        answer = box.ctl("export", *named, *span, "--out", str(stick), *why, within_s=PATIENCE_S)
        took_s = time.monotonic() - begun
        assert answer.code == 0, answer.stdout + answer.stderr
        fsck_clean(box, within_s=PATIENCE_S)
        assert box.stop() == 0
    shutil.rmtree(box.volume)
    told = documents.Export.model_validate(answer.document)
    yield replace(made, folder=Path(told.folder or ""), told=told, export_s=took_s)
    shutil.rmtree(root)


def say(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        print(f" {words}", end="")  # noqa: T201


def test_it_is_the_hour_that_was_filmed(hour: Hour, capsys: pytest.CaptureFixture[str]) -> None:
    """Every picture is there and no other, in order; and the plan says what is not."""
    assert hour.told is not None
    assert (hour.told.intact, hour.told.troubles) == (True, [])
    assert hour.told.plan is not None
    assert hour.told.plan.unaccounted == []
    for camera in hour.cameras:
        shown = list(timed_film.numbers(str(hour.folder / f"{camera.id}.mp4")))
        assert shown == sorted(hour.taken(camera)), camera.id
    say(capsys, f"{(hour.told.bytes or 0) / 1e6:.0f} MB, exported and read back in {hour.export_s:.0f} s")


def test_sound_is_in_step_with_the_pictures(hour: Hour, capsys: pytest.CaptureFixture[str]) -> None:
    """Each flash has its beep, to the end of the hour and behind every cut, by libav."""
    worst_s = 0.0
    for camera in hour.cameras:
        if not camera.heard:
            continue
        path = str(hour.folder / f"{camera.id}.mp4")
        lit, heard = list(timed_film.flashes(path)), list(timed_film.onsets(path))
        assert len(lit) == sum(tenths * 100 % BEAT_MS == 0 for tenths in hour.taken(camera))
        # the very first beep begins before there is anything to begin from
        worst_s = max(worst_s, *(min(abs(beep_s - flash_s) for beep_s in heard) for flash_s in lit[1:]))
    say(capsys, f"worst {worst_s * 1000:.0f} ms")
    assert worst_s <= IN_STEP_S


@pytest.fixture(scope="module")
def debian(profile: Profile) -> BareDebian:
    try:
        return bare_debian.made()
    except NoDebian as reason:
        if profile.name == "long":
            raise
        pytest.skip(str(reason))


def test_a_bare_debian_checks_it(hour: Hour, debian: BareDebian, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any library but `cryptography`, without a network; and it finds a bit that was turned."""
    assert debian.release["ID"] == "debian"
    begun = time.monotonic()
    done = debian.run(hour.folder, *PYTHON, bare_debian.FOLDER)
    say(capsys, f"Debian {debian.release['VERSION_ID']}, {time.monotonic() - begun:.0f} s")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing wrong was found" in done.stdout.lower(), done.stdout
    assert hour.told is not None
    pinned = debian.run(hour.folder, *PYTHON, "--key", hour.told.key or "", "--json", bare_debian.FOLDER)
    found = json.loads(pinned.stdout)
    assert [line["code"] for line in found["lines"] if line["sign"] == "x"] == []
    assert [line["code"] for line in found["lines"] if line["code"] == "complete"] == ["complete"] * len(hour.cameras)
    film = hour.folder / "stairs.mp4"
    turn(film, film.stat().st_size // 2)
    try:
        broken = debian.run(hour.folder, *PYTHON, "--json", bare_debian.FOLDER)
    finally:
        turn(film, film.stat().st_size // 2)
    wrong = [line for line in json.loads(broken.stdout)["lines"] if line["sign"] == "x"]
    assert (broken.returncode, wrong[0]["where"]["file"]) == (1, "stairs.mp4")


def turn(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (old,) = file.read(1)
        file.seek(at)
        file.write(bytes((old ^ 1,)))


# --- Chromium ---------------------------------------------------------------------------------------------------------

READABLE: Final = "--allow-file-access-from-files"
"""Lets a script read back pictures and sound of files that it plays; what plays is the same."""


@pytest.fixture(scope="module")
def browser() -> Iterator[devtools.Browser]:
    with devtools.Browser(READABLE) as browser:
        yield browser


HANDS: Final = (
    timed_film.TAKEN_AT
    + """
const figures = [...document.querySelectorAll("figure")], slider = document.getElementById("slider");
const videos = figures.map(one => one.querySelector("video")), BEGIN = @begin@;
const notice = one => one.querySelector(".notice").hidden ? "" : one.querySelector(".notice").innerText;
const frame = () => new Promise(done => requestAnimationFrame(done));
const until = (found, what) => new Promise((done, fail) => {
  const ends = setTimeout(() => fail(new Error(what)), 45000);
  const look = setInterval(() => { if (found()) { clearInterval(look); clearTimeout(ends); done(); } }, 20);
});
const still = () => videos.every((one, n) => notice(figures[n]) || (!one.seeking && one.readyState >= 2));
const jump = async ms => {
  slider.value = BEGIN + ms;
  slider.dispatchEvent(new Event("input"));
  await until(still, "jump to " + ms);
};
const press = () => document.getElementById("play").click();
const speed = rate => {
  document.getElementById("rate").value = rate;
  document.getElementById("rate").dispatchEvent(new Event("change"));
};
const seen = () => figures.map((one, n) =>
  notice(one) ? {notice: notice(one)} : {wall: one.querySelector(".wall").textContent, tenths: takenAt(videos[n])});
"""
)
JUMP: Final = "await jump(@at@);"
SEEN: Final = "return seen();"
ACROSS: Final = """
await jump(@out@ - 6000);
speed("8");
const before = videos.map(one => one.currentTime);
press();
await until(() => notice(figures[0]), "gap");
const told = notice(figures[0]), beside = figures.slice(1).map(notice);
await until(() => !notice(figures[0]) && videos[0].currentTime > before[0] + 20, "behind the gap");
press();
speed("1");
await until(still, "still");
return {told, beside, ran: videos.map((one, n) => one.currentTime - before[n])};
"""
DEAF: Final = """
videos.forEach(one => { one.requestVideoFrameCallback = told => setTimeout(() =>
  HTMLVideoElement.prototype.requestVideoFrameCallback.call(one, told), 150); });
const said = () => figures.map(one => one.querySelector(".wall").textContent).join();
const before = said();
await jump(@at@);
await until(() => said() !== before, "told of the first");
await jump(@then@);
"""
LISTEN: Final = """
document.getElementById("sound").value = "@camera@";
document.getElementById("sound").dispatchEvent(new Event("change"));
const which = figures.findIndex(one => one.innerText.includes("@camera@")), video = videos[which];
const context = new AudioContext({sampleRate: 48000}), ear = context.createScriptProcessor(256, 1, 1);
context.createMediaElementSource(video).connect(ear).connect(context.destination);
await context.resume();
const beeps = [], clocks = [], lit = [];
let loud = -1;
ear.onaudioprocess = event => {
  clocks.push([event.playbackTime, video.currentTime]);
  event.inputBuffer.getChannelData(0).forEach((sample, n) => {
    const now = event.playbackTime + n / 48000;
    if (Math.abs(sample) > 0.05) { if (now - loud > 1) beeps.push(now); loud = now; }
  });
};
const drawn = (_, told) => {
  if (isFlash(video)) lit.push(told.mediaTime);
  video.requestVideoFrameCallback(drawn);
};
await jump(@at@);
video.requestVideoFrameCallback(drawn);
press();
await until(() => beeps.length >= 3 && lit.length >= 3, "three beeps: " + beeps.length + ", " + lit.length);
press();
return {beeps, clocks, lit};
"""
CHECKED: Final = """
const result = document.getElementById("result"), late = performance.now() + 20000;
while (!result.querySelector(".verdict") && performance.now() < late) await frame();
const verdict = result.querySelector(".verdict");
return verdict && [verdict.className, result.innerText];
"""


def script(hour: Hour, text: str, **more: object) -> str:
    for name, value in {"begin": hour.begin_ms, "out": hour.out_ms, **more}.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def off_s(hour: Hour, shown: dict[str, Any]) -> float:
    """What the page's clock says, less when the picture below it was taken."""
    wall = datetime.strptime(shown["wall"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=ZONE)
    return float(wall.timestamp() - hour.begin_ms / 1000 - shown["tenths"] / 10)


def is_right(hour: Hour, shown: dict[str, Any]) -> bool:
    return "notice" in shown or (shown["wall"] != "" and 0 <= off_s(hour, shown) <= WALL_S)


def is_at(shown: dict[str, Any], at_ms: int | None) -> bool:
    return "notice" in shown or at_ms is None or abs(shown["tenths"] / 10 - at_ms / 1000) <= JUMP_S


async def seen(page: devtools.Page, hour: Hour, at_ms: int | None = None) -> list[dict[str, Any]]:
    """As it stays: a picture and its clock come to the screen one after another, and after they can be asked for."""
    deadline = time.monotonic() + DRAWN_S
    while True:
        looks: list[dict[str, Any]] = await page.run(script(hour, HANDS + SEEN))
        if all(is_right(hour, shown) and is_at(shown, at_ms) for shown in looks) or time.monotonic() > deadline:
            return looks


async def seen_at(page: devtools.Page, hour: Hour, at_ms: int) -> list[dict[str, Any]]:
    await page.run(script(hour, HANDS + JUMP, at=at_ms))
    return await seen(page, hour, at_ms)


async def test_chromium_shows_the_true_time_wherever_one_jumps_and_plays_across_a_gap(
    browser: devtools.Browser, hour: Hour
) -> None:
    last_ms = hour.seconds * 1000
    instants = [
        *(1_000, hour.set_ms // 2, hour.set_ms - 700, hour.set_ms + 900),
        *(hour.out_ms - 900, hour.out_ms + OUT_MS + 3_000, hour.paused_ms - 500, hour.paused_ms + PAUSE_MS + 700),
        *(last_ms // 3, last_ms * 4 // 5, last_ms - 1_500),
    ]
    async with browser.opened((hour.folder / "index.html").as_uri() + "#zh") as page:
        looks = [await seen_at(page, hour, at_ms) for at_ms in instants]
        out = await seen_at(page, hour, hour.out_ms + OUT_MS // 2)
        across = await page.run(script(hour, HANDS + ACROSS))
        after = await seen(page, hour)
    for at_ms, look in zip(instants, looks, strict=True):
        for camera, shown in zip(hour.cameras, look, strict=True):
            assert "notice" not in shown, (at_ms, camera.id, shown)
            assert is_right(hour, shown), (at_ms, camera.id, shown)
            assert is_at(shown, at_ms), (at_ms, camera.id, shown)
    assert "錄影中斷" in out[0]["notice"]
    assert all(0 <= off_s(hour, shown) <= WALL_S for shown in out[1:])
    assert across["told"].splitlines()[0] == "錄影中斷"
    assert across["beside"] == [""] * 3
    assert across["ran"][0] == pytest.approx(across["ran"][1] - OUT_MS / 1000, abs=5)
    assert all(0 <= off_s(hour, shown) <= WALL_S for shown in after)
    assert all(shown["tenths"] * 100 > hour.out_ms + OUT_MS for shown in after)


async def test_chromium_shows_the_true_time_of_a_picture_that_the_browser_did_not_tell_of(
    browser: devtools.Browser, hour: Hour
) -> None:
    """It tells of none that comes to the screen before it is asked for the next."""
    async with browser.opened((hour.folder / "index.html").as_uri()) as page:
        await seen_at(page, hour, 1_000)
        await page.run(script(hour, HANDS + DEAF, at=2_000, then=3_000))
        look = await seen(page, hour, 3_000)
    assert all(is_right(hour, shown) and is_at(shown, 3_000) for shown in look), look


@pytest.mark.parametrize("camera", ["lobby", pytest.param("counter", marks=pytest.mark.long)])
async def test_chromium_plays_sound_in_step(
    browser: devtools.Browser, hour: Hour, camera: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beeps as the page sends them to the speaker, put on the film's time by the clock that it plays by."""
    async with browser.opened((hour.folder / "index.html").as_uri()) as page:
        heard = await page.run(script(hour, HANDS + LISTEN, camera=camera, at=hour.out_ms + OUT_MS + 23_900))
    apart_s = []
    for beep_s in heard["beeps"]:
        lead_s = statistics.median(film_s - at_s for at_s, film_s in heard["clocks"] if abs(at_s - beep_s) < 1)
        apart_s.append(min((flash_s - beep_s - lead_s for flash_s in heard["lit"]), key=abs))
    say(capsys, f"{[round(one * 1000) for one in apart_s]} ms")
    shown = [one for one in apart_s if abs(one) < BEAT_MS / 2000]  # a flash is one picture: a busy browser may drop it
    assert len(shown) >= 2, apart_s
    assert statistics.median(map(abs, shown)) <= IN_STEP_S, "a single one says how busy the browser was"


async def test_chromium_says_that_it_is_whole(
    browser: devtools.Browser, hour: Hour, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    async with browser.opened((hour.folder / "index.html").as_uri()) as page:
        await page.choose("#folder", hour.folder)
        while (told := await page.run(script(hour, HANDS + CHECKED))) is None:
            assert time.monotonic() - begun < PATIENCE_S, "no verdict"
    say(capsys, f"{time.monotonic() - begun:.0f} s")
    assert told[0] == "verdict good", told[1]
    lines = verify.report(verify.Check(verify.Folder(hour.folder), None).run())["lines"]
    assert [line["en"] for line in lines if line["en"] not in told[1]] == []
