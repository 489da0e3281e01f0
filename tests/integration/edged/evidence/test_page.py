"""The page of an export in Chromium: it finds what verify.py finds, in the same words, and plays what it shows."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from edged.evidence import folder, verify
from tests.conftest import Profile
from tests.integration.edged.evidence import exports, tampering
from tests.integration.edged.evidence.exports import Export
from tests.support import devtools
from tests.support.devtools import Browser, Page, ScriptFailed

CHECK: Final = """
const frame = document.createElement("iframe");
frame.src = URL.createObjectURL(new Blob([await bytes("base/index.html")], {type: "text/html"}));
const loaded = event(frame, "load");
document.body.append(frame);
await loaded;
const {check} = frame.contentWindow;
const base = new Map();
for (const path of %(base)s) base.set(path, new File([await bytes("base/" + path)], path));
const answer = {};
for (const {name, changed, gone, options} of %(cases)s) {
  const files = new Map(base);
  gone.forEach(path => files.delete(path));
  for (const path of changed) files.set(path, new File([await bytes(name + "/" + path)], path));
  const found = await check(files, options);
  answer[name] = {lines: found.lines, texts: found.lines.map(check.sentence), faults: found.faults};
}
return answer;
"""


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def check(root: Path, pinned: set[str] | None = None) -> verify.Check:
    return verify.Check(verify.Folder(root), pinned).run()


def checked(root: Path, pinned: set[str] | None = None) -> Any:
    """By verify.py, as JSON has it."""
    found = verify.report(check(root, pinned))
    return {
        "lines": [[line["code"], line["where"]] for line in found["lines"]],
        "texts": [[line["zh"], line["en"]] for line in found["lines"]],
        "faults": sum(line["sign"] == "x" for line in found["lines"]),
    }


class Session:
    """Cases for one start of the browser: what of their files differs from the genuine ones."""

    def __init__(self, genuine: Path) -> None:
        self.base = contents(genuine)
        self.files = {f"base/{path}": data for path, data in self.base.items()}
        self.cases: list[dict[str, Any]] = []
        self.expected: dict[str, Any] = {}

    def add(self, name: str, root: Path, pinned: set[str] | None = None, **options: Any) -> None:
        now = contents(root)
        changed = [path for path, data in now.items() if self.base.get(path) != data]
        self.files |= {f"{name}/{path}": now[path] for path in changed}
        options |= {} if pinned is None else {"pinned": sorted(pinned)}
        gone = [path for path in self.base if path not in now]
        self.cases.append({"name": name, "changed": changed, "gone": gone, "options": options})
        self.expected[name] = checked(root, pinned)

    async def run(self) -> Any:
        script = CHECK % {"base": json.dumps(list(self.base)), "cases": json.dumps(self.cases)}
        async with devtools.beside(self.files) as page:
            return await page.run(script)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Export:
    return exports.genuine(tmp_path_factory.mktemp("genuine") / "E")


async def test_the_page_finds_what_verify_py_finds(genuine: Export, tmp_path: Path, profile: Profile) -> None:
    """Every way to tamper, bytes flipped anywhere, keys given by hand; and all in the same words."""
    session = Session(genuine.root)
    session.add("genuine", genuine.root)
    session.add("in-blocks", genuine.root, atOnce=0, block=12_345)
    for key in (exports.KEY, exports.OTHER_KEY):
        pinned = {verify.fingerprint(key.public_key().public_bytes_raw())}
        session.add(f"pinned-{key is exports.KEY}", genuine.root, pinned)
    session.add("by-request", exports.genuine(tmp_path / "by-request", request="115-0007").root)
    session.add("whole", exports.genuine(tmp_path / "whole", whole=True).root)
    session.add("salvaged", exports.genuine(tmp_path / "salvaged", salvaged_s=0.5).root)
    stepped = genuine.copied(tmp_path / "stepped")
    exports.set_meanwhile(stepped, -3_600_000)
    session.add("stepped", stepped.root)
    unsynced = genuine.copied(tmp_path / "unsynced")
    for camera in unsynced.manifest["cameras"]:
        for one in camera["segments"]:
            unsynced.tell(one["leaf"], synced=False)
    exports.name_anew(unsynced)
    unsynced.seal()
    unsynced.write("Desktop.ini", b"x")
    session.add("unsynced", unsynced.root)
    assert [code for code, _ in session.expected["unsynced"]["lines"]].count("unsynced") == 3
    for attack in tampering.ATTACKS:
        if not attack.python_only:
            export = genuine.copied(tmp_path / attack.name)
            attack.do(export)
            session.add(attack.name, export.root)
    luck = random.Random(5)
    for number in range(profile.page_flips):
        export = genuine.copied(tmp_path / f"flip-{number}")
        path = luck.choice(sorted(session.base))
        at = luck.randrange(len(session.base[path]))
        export.edit(path, lambda data, at=at: tampering.flip(data, at))  # type: ignore[misc]
        session.add(f"flip-{number}", export.root)
    answer = await session.run()
    for name, expected in session.expected.items():
        assert answer[name] == expected, name
    good = [name for name, found in answer.items() if not found["faults"]]
    assert good == ["genuine", "in-blocks", "pinned-True", "by-request", "whole", "salvaged", "stepped", "unsynced"]


WATCH: Final = """
const figures = [...document.querySelectorAll("figure")], slider = document.getElementById("slider");
const shown = figure => figure.querySelector(".wall").textContent;
const notice = figure => figure.querySelector(".notice").hidden ? "" : figure.querySelector(".notice").innerText;
const until = (found, what) => new Promise((done, fail) => {
  const ends = setTimeout(() => fail(new Error(what + ": " + figures.map(shown).join(", "))), 30000);
  const look = setInterval(() => { if (found()) { clearInterval(look); clearTimeout(ends); done(); } }, 20);
});
const jump = ms => { slider.value = START + ms; slider.dispatchEvent(new Event("input")); };
const clock = ms => new Date(START + ms + 8 * 3600000).toISOString().replace("T", " ").slice(0, 21);
const play = () => document.getElementById("play").click();
const at = async (ms, ...which) => {
  jump(ms);
  await until(() => which.every(one => shown(figures[one]) === clock(ms)), "jump to " + ms);
};
""".replace("START", str(exports.START_MS))

PLAY: Final = """
await at(3200, 0, 1);
const seen = [];
const told = (_, frame) => {
  seen.push([frame.mediaTime, shown(figures[0]), shown(figures[1])]);
  figures[0].querySelector("video").requestVideoFrameCallback(told);
};
figures[0].querySelector("video").requestVideoFrameCallback(told);
play();
await until(() => shown(figures[0]) >= clock(6000), "play");
play();
const heard = figures.map(one => one.querySelector("video")).map(one => [one.muted, one.webkitAudioDecodedByteCount]);
return {seen, heard};
"""
GAP: Final = """
await at(9000, 0, 1);
document.getElementById("rate").value = "4";
document.getElementById("rate").dispatchEvent(new Event("change"));
play();
await until(() => notice(figures[0]), "gap");
const told = notice(figures[0]), beside = [notice(figures[1])];
await until(() => !notice(figures[0]) && shown(figures[0]) > clock(15000), "behind the gap");
play();
return {told, beside, after: figures.map(shown)};
"""
RESULT: Final = """
const result = document.getElementById("result");
await until(() => result.querySelector(".verdict"), "verdict");
return [result.querySelector(".verdict").className, result.innerText];
"""


def seconds(clock: str) -> float:
    """Behind the start."""
    told = datetime.strptime(clock, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=exports.ZONE)
    return told.timestamp() - exports.START_MS / 1000


async def test_it_plays_from_the_folder_in_step_with_the_wall_clock_over_it(browser: Browser, genuine: Export) -> None:
    """The first film begins at 0 with what was recorded at the start that was asked for, so both count alike."""
    async with browser.opened((genuine.root / "index.html").as_uri() + "#zh") as page:
        assert await page.run("return document.title") == "E-20260501-7F3K 文山區戶政事務所 </script><b>"
        rows = await page.run("return [...document.querySelectorAll('#gaps tr')].map(row => row.innerText)")
        played = await page.run(WATCH + PLAY)
        gap = await page.run(WATCH + GAP)
    assert [row.split("\t")[1:4] for row in rows] == [
        ["大廳", "2026-05-01 08:00:10 – 2026-05-01 08:00:15", "5 秒"],
        ["側門", "2026-05-01 08:00:12 – 2026-05-01 08:00:16", "其間停頓"],
        ["側門", "2026-05-01 07:59:57 – 2026-05-01 08:00:03", "6 秒"],
    ]
    assert len(played["seen"]) > 20
    for media_s, lobby, gate in played["seen"]:
        assert seconds(lobby) == pytest.approx(media_s, abs=0.11)
        assert seconds(gate) == pytest.approx(seconds(lobby), abs=0.6)
    (muted, decoded), (others_muted, _) = played["heard"]
    assert (muted, others_muted) == (False, True)
    assert decoded > 0
    assert gap["told"].splitlines()[:2] == ["錄影中斷", "2026-05-01 08:00:10 – 2026-05-01 08:00:15"]
    assert gap["beside"] == [""]
    assert seconds(gap["after"][1]) == pytest.approx(seconds(gap["after"][0]), abs=1.5)


TEXT: Final = """
const titles = [...document.querySelectorAll("[title]")].map(one => one.title);
return [document.documentElement.lang, document.body.innerText + titles];
"""


async def told(page: Page) -> list[str] | None:
    """Language and text; None while it is being loaded."""
    with suppress(ScriptFailed):
        return list(await page.run(TEXT))
    return None


async def test_it_is_in_the_language_that_is_chosen(browser: Browser, genuine: Export) -> None:
    async with browser.opened((genuine.root / "index.html").as_uri() + "#zh") as page:
        first, chinese = await page.run(TEXT)
        await page.run("document.getElementById('language').click()")
        async with asyncio.timeout(30):
            while (again := await told(page)) is None or again[0] != "en":
                pass
    second, english = again
    assert (first, second) == ("zh-Hant-TW", "en")
    words = folder._page_words()
    for name in (
        "play",
        "speed",
        "sound",
        "go-to",
        "missing",
        "check",
        "choose",
        "ten-back",
        "ten-forth",
        "copied",
        "fingerprint",
    ):
        zh, en = words[name]
        assert (zh in chinese, en in chinese, zh in english, en in english) == (True, False, False, True), name


async def test_the_request_stands_beside_each_film(browser: Browser, tmp_path: Path) -> None:
    made = exports.genuine(tmp_path / "E", request="115-0007")
    for hashed, words in (("#zh", "申請案號 115-0007"), ("#en", "Request for footage 115-0007")):
        async with browser.opened((made.root / "index.html").as_uri() + hashed) as page:
            captions = await page.run("return [...document.querySelectorAll('figcaption')].map(one => one.innerText)")
            about = await page.run("return document.getElementById('about').innerText")
        assert captions == [f"大廳（lobby）　{words}", f"側門（gate）　{words}"]
        assert f"{words}（{exports.ROW}）" in about.splitlines()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_officer_chooses_the_folder_and_reads_the_verdict(
    browser: Browser, genuine: Export, tmp_path: Path, language: str
) -> None:
    export = genuine.copied(tmp_path / "E")
    export.edit("lobby.mp4", lambda data: tampering.flip(data, len(data) // 2))
    async with browser.opened(f"{(genuine.root / 'index.html').as_uri()}#{language}") as page:
        await page.choose("#folder", genuine.root)
        good, text = await page.run(WATCH + RESULT)
        assert good == "verdict good"
        assert all(line[language] in text for line in verify.report(check(genuine.root))["lines"])
    async with browser.opened(f"{(export.root / 'index.html').as_uri()}#{language}") as page:
        await page.run(f"document.getElementById('pin').value = '{'0' * 64}'")
        await page.choose("#folder", export.root)
        bad, text = await page.run(WATCH + RESULT)
        assert bad == "verdict bad"
        found = verify.report(check(export.root, {"0" * 64}))["lines"]
        assert [line["code"] for line in found if line["sign"] == "x"] == ["not-your-key", "content", "part-changed"]
        assert all(line[language] in text for line in found)
